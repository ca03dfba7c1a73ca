/** Library: the profile's clones and the stock voices. */
import { billed, call, deleteVoice, loadBalance, loadCatalog, loadVoices, ownUrl } from "../api.js";
import { language, previewPrice, tokens, when } from "../format.js";
import { effect, html, signal, useEffect, useState } from "../html.js";
import { clones, key, providers, services, stock, voices, voiceWarnings } from "../state.js";
import t from "../strings.en.js";
import { ConfirmButton, Field, FileAudio, Loading, Problem, Warnings, useLoaded } from "../ui.js";

/** Previews of this page by provider and voice: each is paid for once. */
const previews = signal({});
effect(() => {
  if (!key.value) previews.value = {};
});

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
        ${bindings().map((all) => html`<${Clone} key=${all[0].voice_id} voice=${all[0]} bindings=${all} />`)}
      </ul>
    </section>
    <${Stock} />`;
}

/** The clones, each with its entries at all providers that have it. */
function bindings() {
  const byId = new Map();
  for (const voice of clones.value) byId.set(voice.voice_id, [...(byId.get(voice.voice_id) ?? []), voice]);
  return [...byId.values()];
}

/** Speaks a short line in the voice's language, which is charged as any speech is. `isShort`: the list says the price. */
function Preview({ voice, isShort }) {
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const name = `${voice.provider} ${voice.voice_id}`;
  const made = previews.value[name];
  const line = t.library.previewLines[voice.language.split("-")[0]] ?? t.library.previewLines.en;
  const price = t.library.preview(tokens(previewPrice(line, services.value)));
  const speak = async () => {
    setBusy(true);
    setError(null);
    const usedKey = key.value;
    try {
      const body = { text: line, voice_id: voice.voice_id, provider: voice.provider };
      const { data } = await billed("v1/proxy/core-tts", body);
      if (key.value === usedKey) previews.value = { ...previews.value, [name]: data };
      loadBalance().catch(() => {});
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  if (made) return html`<${FileAudio} fileKey=${made.key} url=${ownUrl(made.url)} label=${t.library.previewOf(voice.name)} isStarted=${true} />`;
  return html`<button type="button" class="quiet" disabled=${isBusy} onClick=${speak} aria-label=${isShort ? `${t.library.hear}: ${voice.name}` : undefined}>
      <span aria-hidden="true">▶</span> ${isBusy ? t.speak.busy : isShort ? t.library.hear : price}
    </button>
    <${Problem} error=${error} />`;
}

function Clone({ voice, bindings: all }) {
  const [isOpen, setOpen] = useState(false);
  const [message, setMessage] = useState(null);
  const [error, setError] = useState(null);
  const isMix = voice.kind === "mix";
  const remove = async (withMixes) => {
    try {
      const { data } = await deleteVoice(voice.voice_id, withMixes);
      voices.value = voices.value.filter((one) => one.voice_id !== voice.voice_id);
      if (withMixes) await loadVoices();
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
  const others = providers.value.filter((one) => one.available && one.supports_voice_cloning && !all.some((bound) => bound.provider === one.provider));
  return html`<li class="card">
    <h3>${voice.name}</h3>
    <p class="faint">${[t.library.at(all.map((one) => one.provider).join(", ")), language(voice.language), (isMix ? t.library.mixed : t.library.made)(when(voice.created_at))].join(" · ")}</p>
    <${Tags} voice=${voice} key=${isOpen} />
    <${Preview} voice=${voice} />
    <${Problem} error=${error?.code === "voice_in_mixes" ? t.library.inMixes(mixNames(error)) : error} />
    ${error?.code === "voice_in_mixes" &&
    html`<${ConfirmButton} label=${t.library.deleteMixes} question=${t.library.question(`${voice.name}, ${mixNames(error)}`)} onConfirm=${() => remove(true)} />`}
    ${message && html`<p class="notice" role="status">${message}</p>`}
    <div class="actions">
      <a class="button" href=${`#/speak/${encodeURIComponent(voice.voice_id)}`}>${t.library.use}</a>
      <button type="button" class="quiet" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${t.library.edit}</button>
      <${ConfirmButton} label=${t.common.delete} question=${t.library.question(voice.name)} onConfirm=${() => remove(false)} />
    </div>
    ${isOpen && html`<${Edit} voice=${voice} onSaved=${() => setOpen(false)} />`}
    ${isOpen &&
    !isMix &&
    others.map(
      (one) =>
        html`<p><button type="button" class="quiet" onClick=${() => bind(one.provider)}>${t.library.bind(one.provider, tokens(price))}</button></p>`,
    )}
  </li>`;
}

const mixNames = (error) => error.details.mixes.map((id) => voices.value.find((one) => one.voice_id === id)?.name ?? id).join(", ");

function Tags({ voice }) {
  const [detail] = useLoaded(async () => (await call("GET", `v1/voices/${encodeURIComponent(voice.voice_id)}`)).data);
  if (!detail?.tags.length && !detail?.description) return null;
  return html`${detail.description && html`<p class="quote">${detail.description}</p>`}
    ${detail.tags.length > 0 &&
    html`<ul class="tags" aria-label=${t.library.tags}>${detail.tags.map((tag) => html`<li>${tag}</li>`)}</ul>`}`;
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
    <p class="hint">${t.library.previewHint(tokens(previewPrice(t.library.previewLines.en, services.value)))}</p>
    <ul class="voices">
      ${found.map(
        (voice) => html`<li key=${voice.provider + voice.voice_id}>
          <span><strong>${voice.name}</strong> <span class="faint">${language(voice.language)} · ${voice.provider}</span></span>
          <span class="actions">
            <${Preview} voice=${voice} isShort=${true} />
            <a class="button quiet" href=${`#/speak/${encodeURIComponent(voice.voice_id)}`} aria-label=${`${t.library.use}: ${voice.name}`}>${t.library.use}</a>
          </span>
        </li>`,
      )}
    </ul>
  </section>`;
}
