/** The sign-in screen, and the exchange of a one-time link for a key. */
import { call } from "./api.js";
import { html, useState } from "./html.js";
import { beginSession, go, key, route, signedOutBecause } from "./state.js";
import t from "./strings.en.js";
import { Field, Problem } from "./ui.js";

const FRAGMENT = "#sign-in=";

/** Use up the token in the address, if there is one. It is taken out of the address and the history first. */
export async function exchangeLink() {
  if (!location.hash.startsWith(FRAGMENT)) return;
  const token = location.hash.slice(FRAGMENT.length);
  history.replaceState(null, "", location.pathname + "#/speak");
  route.value = ["speak"];
  try {
    const { data } = await call("POST", "studio/session", { token }, { key: "" });
    await signIn(data.key);
  } catch (error) {
    if (!key.value) signedOutBecause.value = error.message;
  }
}

async function signIn(newKey) {
  const { data } = await call("GET", "studio/profile", undefined, { key: newKey });
  signedOutBecause.value = "";
  beginSession(newKey, data.id);
}

export function SignIn() {
  const [typed, setTyped] = useState("");
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(typed.trim());
      if (!route.value[0]) go("speak");
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`<main class="sign-in" id="main">
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M5 13v6M10.5 8v16M16 11v10M21.5 5v22M27 13v6" />
    </svg>
    <h1>${t.signIn.title}</h1>
    <p class="lead">${t.signIn.lead}</p>
    ${signedOutBecause.value && html`<div class="notice warn" role="status"><p>${signedOutBecause.value}</p></div>`}
    <form onSubmit=${submit}>
      <${Field} label=${t.signIn.key} hint=${t.signIn.keyHint}>
        <input
          type="password"
          autocomplete="off"
          spellcheck=${false}
          placeholder="vxp_…"
          required
          value=${typed}
          onInput=${(event) => setTyped(event.target.value)}
        />
      <//>
      <${Problem} error=${error} />
      <button class="primary" disabled=${isBusy || !typed.trim()}>${t.signIn.submit}</button>
    </form>
    <p class="hint">${t.signIn.command} <code>voxport studio</code></p>
    <p class="hint"><a href="#/operator">${t.signIn.operator}</a></p>
  </main>`;
}
