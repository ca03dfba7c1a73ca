/** The page's frame: who is signed in, which screen is shown, and the way between them. */
import { base, loadBalance } from "./api.js";
import { tokens } from "./format.js";
import { html, render, useEffect, useState } from "./html.js";
import { SignIn, exchangeLink } from "./signin.js";
import { balance, forgetSession, key, route, signedOutBecause } from "./state.js";
import t from "./strings.en.js";
import { Loading, Problem } from "./ui.js";

const SCREENS = {
  speak: () => import("./screens/speak.js"),
  script: () => import("./screens/script.js"),
  clone: () => import("./screens/clone.js"),
  design: () => import("./screens/design.js"),
  library: () => import("./screens/library.js"),
  jobs: () => import("./screens/jobs.js"),
  usage: () => import("./screens/usage.js"),
  keys: () => import("./screens/keys.js"),
  operator: () => import("./screens/operator.js"),
};
const IN_MENU = ["speak", "script", "clone", "design", "library", "jobs", "usage", "keys"];

function App() {
  const [name] = route.value;
  if (!key.value && name !== "operator") return html`<${SignIn} />`;
  const current = name in SCREENS ? name : "speak";
  return html`<a class="skip" href="#main" onClick=${skip}>${t.menu.skip}</a>
    <header class="top">
      <a class="brand" href="#/speak"><${Mark} />Voxport</a>
      <nav aria-label=${t.menu.label}>
        ${IN_MENU.map(
          (one) => html`<a href="#/${one}" aria-current=${one === current ? "page" : undefined}>${t.menu[one]}</a>`,
        )}
        <a href="help/" target="_blank" rel="noopener">${t.menu.help}</a>
      </nav>
      ${key.value &&
      html`<div class="account">
        <${Balance} />
        <button type="button" class="quiet" onClick=${signOut}>${t.menu.signOut}</button>
      </div>`}
    </header>
    <main id="main" tabindex="-1"><${Screen} name=${current} key=${current} /></main>`;
}

function Balance() {
  useEffect(() => {
    loadBalance().catch(() => {});
  }, []);
  const funds = balance.value;
  if (!funds) return null;
  return html`<a class="balance" href="#/usage" title=${t.menu.held(tokens(funds.held))}>
    <strong>${tokens(funds.balance)}</strong> ${t.menu.tokens}
  </a>`;
}

function Screen({ name }) {
  const [loaded, setLoaded] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "nearest", block: "nearest" });
    document.title = t.menu.title(t.menu[name]);
    SCREENS[name]().then(
      (module) => setLoaded(() => module.default),
      () => whyMissing().then(setError),
    );
  }, [name]);
  const retry = async () => {
    const why = await whyMissing();
    if (why === t.errors.outdated) location.reload(); // else the browser's own page of errors would stand here
    else setError(why);
  };
  if (error) return html`<${Problem} error=${error} onRetry=${retry} />`;
  return loaded ? html`<${loaded} />` : html`<${Loading} />`;
}

/** Why a screen could not be loaded: the gateway is away, or it has other files than this page knows. */
const whyMissing = () =>
  fetch(new URL("healthz", base), { cache: "no-store" }).then(
    () => t.errors.outdated,
    () => t.errors.noConnection,
  );

export const Mark = () =>
  html`<svg viewBox="0 0 32 32" aria-hidden="true"><path d="M5 13v6M10.5 8v16M16 11v10M21.5 5v22M27 13v6" /></svg>`;

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function signOut() {
  forgetSession();
  signedOutBecause.value = "";
}

const root = document.getElementById("app");
root.textContent = "";
await exchangeLink();
addEventListener("hashchange", exchangeLink);
render(html`<${App} />`, root);
