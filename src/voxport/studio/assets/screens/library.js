/** Library: the profile's clones and the stock voices. */
import { billed, call, loadCatalog, loadVoices } from "../api.js";
import { language, tokens, when } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { clones, providers, services, stock, voices, voiceWarnings } from "../state.js";
import t from "../strings.en.js";
import { ConfirmButton, Field, Loading, Problem, Warnings, useLoaded } from "../ui.js";

export default function Library() {
  const [error, setError] = useState(null);
  const load = () => Promise.all([loadVoices(), loadCatalog()]).then(() => setError(null), setError);
  useEffect(() => {
    load();
  }, []);
  if (error) return html`<${Problem} error=${error} onRetry=${load} />`;
  if (!voices.value) return html`<${Loading} />`;
  return html`<h1>${t.library.title}</h1>
    <${Warnings} sentences=${voiceWarnings.value} />
    <section aria-labelledby="clones-title">
      <h2 id="clones-title">${t.library.clones}</h2>
      ${clones.value.length === 0 &&
      html`<p>${t.library.noClones}</p>
        <p><a class="button primary" href="#/clone">${t.library.makeOne}</a></p>`}
      <ul class="cards grid">
        ${clones.value.map((voice) => html`<${Clone} key=${voice.voice_id} voice=${voice} />`)}
      </ul>
    </section>
    <${Stock} />`;
}

function Clone({ voice }) {
  const [isOpen, setOpen] = useState(false);
  const [message, setMessage] = useState(null);
  const [error, setError] = useState(null);
  const remove = async () => {
    try {
      const { data } = await call("DELETE", `v1/voices/${encodeURIComponent(voice.voice_id)}`);
      voices.value = voices.value.filter((one) => one.voice_id !== voice.voice_id);
      if (data.left.length) voiceWarnings.value = [...voiceWarnings.value, t.library.left(data.left.join(" "))];
    } catch (problem) {
      setError(problem);
    }
  };
  const price = services.value["core-voice-clone"]?.unit_price;
  const bind = (provider) =>
    billed(`v1/voices/${encodeURIComponent(voice.voice_id)}/bindings`, { provider }).then(
      ({ job }) => setMessage(t.library.bound(job.id)),
      setError,
    );
  const others = providers.value.filter((one) => one.available && one.supports_voice_cloning && one.provider !== voice.provider);
  return html`<li class="card">
    <h3>${voice.name}</h3>
    <p class="faint">${[voice.provider, language(voice.language), t.library.made(when(voice.created_at))].join(" · ")}</p>
    <${Problem} error=${error} />
    ${message && html`<p class="notice" role="status">${message}</p>`}
    <div class="actions">
      <a class="button" href=${`#/speak/${encodeURIComponent(voice.voice_id)}`}>${t.library.use}</a>
      <button type="button" class="quiet" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${t.library.edit}</button>
      <${ConfirmButton} label=${t.common.delete} question=${t.library.question(voice.name)} onConfirm=${remove} />
    </div>
    ${isOpen && html`<${Edit} voice=${voice} onSaved=${() => setOpen(false)} />`}
    ${isOpen &&
    others.map(
      (one) =>
        html`<p><button type="button" class="quiet" onClick=${() => bind(one.provider)}>${t.library.bind(one.provider, tokens(price))}</button></p>`,
    )}
  </li>`;
}

function Edit({ voice, onSaved }) {
  const path = `v1/voices/${encodeURIComponent(voice.voice_id)}`;
  const [detail, error] = useLoaded(async () => (await call("GET", path)).data, [voice.voice_id]);
  const [problem, setProblem] = useState(null);
  if (error) return html`<${Problem} error=${error} />`;
  if (!detail) return html`<${Loading} />`;
  const save = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const tags = form.get("tags").split(",").map((tag) => tag.trim()).filter(Boolean);
    try {
      const { data } = await call("PATCH", path, { name: form.get("name"), description: form.get("description"), tags });
      voices.value = voices.value.map((one) => (one.voice_id === voice.voice_id ? { ...one, name: data.name } : one));
      onSaved();
    } catch (failure) {
      setProblem(failure);
    }
  };
  return html`<form class="edit" onSubmit=${save}>
    <${Field} label=${t.library.name}><input name="name" required maxlength="200" defaultValue=${detail.name} /><//>
    <${Field} label=${t.library.description}>
      <textarea name="description" rows="2" maxlength="1000" defaultValue=${detail.description}></textarea>
    <//>
    <${Field} label=${t.library.tags} hint=${t.library.tagsHint}>
      <input name="tags" defaultValue=${detail.tags.join(", ")} />
    <//>
    <${Problem} error=${problem} />
    <button>${t.common.save}</button>
  </form>`;
}

function Stock() {
  const [search, setSearch] = useState("");
  const [code, setCode] = useState("");
  const codes = [...new Set(stock.value.map((voice) => voice.language))];
  const found = stock.value.filter(
    (voice) => (!code || voice.language === code) && voice.name.toLowerCase().includes(search.toLowerCase()),
  );
  return html`<section aria-labelledby="stock-title">
    <h2 id="stock-title">${t.library.stock}</h2>
    <div class="row">
      <${Field} label=${t.library.search}>
        <input type="search" value=${search} onInput=${(event) => setSearch(event.target.value)} />
      <//>
      <${Field} label=${t.library.language}>
        <select value=${code} onChange=${(event) => setCode(event.target.value)}>
          <option value="">${t.library.all}</option>
          ${codes.map((one) => html`<option value=${one}>${language(one)}</option>`)}
        </select>
      <//>
    </div>
    <ul class="voices">
      ${found.map(
        (voice) => html`<li key=${voice.provider + voice.voice_id}>
          <span><strong>${voice.name}</strong> <span class="faint">${language(voice.language)} · ${voice.provider}</span></span>
          <a class="button quiet" href=${`#/speak/${encodeURIComponent(voice.voice_id)}`}>${t.library.use}</a>
        </li>`,
      )}
    </ul>
  </section>`;
}
