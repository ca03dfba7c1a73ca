/** Design: a voice mixed of several. */
import { billed, call, deleteVoice, loadBalance, loadCatalog, loadVoices, ownUrl } from "../api.js";
import { language, number, previewPrice, tokens } from "../format.js";
import { effect, html, signal, useEffect, useRef, useState } from "../html.js";
import { clones, key, services, voices, voiceWarnings } from "../state.js";
import t from "../strings.en.js";
import { Field, FileAudio, Loading, Problem, Warnings } from "../ui.js";

const MAX_PARTS = 5;
const EMPTY = { parts: null, pitch: 0, rate: 1, tone: 0, name: "" };
const design = signal(EMPTY);
effect(() => {
  if (!key.value) design.value = EMPTY;
});
const change = (fields) => {
  design.value = { ...design.value, ...fields };
};

export default function Design() {
  const [error, setError] = useState(null);
  const load = () => Promise.all([loadVoices(), loadCatalog()]).then(() => setError(null), setError);
  useEffect(() => {
    load();
  }, []);
  if (error) return html`<${Problem} error=${error} onRetry=${load} />`;
  if (!voices.value) return html`<${Loading} />`;
  const found = voices.value.filter((voice) => voice.provider === "local");
  return html`<h1>${t.design.title}</h1>
    <${Warnings} sentences=${voiceWarnings.value} />
    ${found.length ? html`<${Form} found=${found} />` : html`<p class="notice">${t.speak.noVoice}</p>`}`;
}

function Form({ found }) {
  const fields = design.value;
  const known = (fields.parts ?? found.slice(0, 2).map((voice) => ({ voice_id: voice.voice_id, weight: 50 }))).filter((part) =>
    found.some((voice) => voice.voice_id === part.voice_id),
  );
  const parts = known.length ? known : [{ voice_id: found[0].voice_id, weight: 50 }];
  const [state, setState] = useState({}); // isBusy, error, heard, saved
  const draft = useRef(null); // the unsaved voice that was heard, and the recipe that it was made by
  useEffect(() => {
    const leave = () => forget(draft);
    addEventListener("pagehide", leave); // the tab is closed or loaded again
    return () => {
      removeEventListener("pagehide", leave);
      leave();
    };
  }, []);
  const changePart = (number, part) => change({ parts: parts.map((one, i) => (i === number ? { ...one, ...part } : one)) });
  const free = found.filter((voice) => !parts.some((part) => part.voice_id === voice.voice_id));
  const total = parts.reduce((sum, part) => sum + part.weight, 0);
  const recipe = { mix: parts.filter((part) => part.weight > 0), pitch: fields.pitch, rate: fields.rate, tone: fields.tone };
  const wanted = JSON.stringify(recipe);
  const isTaken = clones.value.some((voice) => voice.name.toLowerCase() === fields.name.trim().toLowerCase());
  const line = t.library.previewLines[spoken(parts, found).split("-")[0]] ?? t.library.previewLines.en;

  const attempt = async (work) => {
    setState({ isBusy: true });
    try {
      setState(await work());
    } catch (error) {
      setState({ error });
    }
  };
  const made = async () => {
    if (draft.current?.wanted === wanted) return draft.current.voice;
    const { data: voice } = await billed("v1/voices", { name: t.design.draft, ...recipe });
    forget(draft);
    draft.current = { voice, wanted };
    return voice;
  };
  const listen = () =>
    attempt(async () => {
      const voice = await made();
      const { data, cost } = await billed("v1/proxy/core-tts", { text: line, voice_id: voice.voice_id, provider: "local" });
      loadBalance().catch(() => {});
      return { heard: data, cost: cost.tokens };
    });
  const save = (event) => {
    event.preventDefault();
    attempt(async () => {
      const name = fields.name.trim();
      const voice = await made();
      await call("PATCH", `v1/voices/${encodeURIComponent(voice.voice_id)}`, { name });
      draft.current = null;
      change({ name: "" });
      await loadVoices();
      return { saved: { ...voice, name } };
    });
  };
  return html`<form class="card design" onSubmit=${save}>
    <fieldset>
      <legend>${t.design.voices}</legend>
      ${parts.map(
        (part, i) => html`<div class="row" key=${i}>
          <${Field} label=${t.design.voice(i + 1)}>
            <select value=${part.voice_id} onChange=${(event) => changePart(i, { voice_id: event.target.value })}>
              ${found
                .filter((voice) => voice.voice_id === part.voice_id || free.includes(voice))
                .map((voice) => html`<option value=${voice.voice_id}>${voice.name} · ${language(voice.language)}</option>`)}
            </select>
          <//>
          <${Slider} label=${t.design.weight(i + 1)} shown=${`${total ? Math.round((100 * part.weight) / total) : 0} %`} min="0" max="100" step="5" value=${part.weight} onInput=${(weight) => changePart(i, { weight })} />
          ${parts.length > 1 &&
          html`<button type="button" class="quiet" aria-label=${`${t.design.remove}: ${t.design.voice(i + 1)}`} onClick=${() => change({ parts: parts.filter((_, at) => at !== i) })}>
            ${t.design.remove}
          </button>`}
        </div>`,
      )}
      ${parts.length < MAX_PARTS &&
      free.length > 0 &&
      html`<button type="button" class="quiet" onClick=${() => change({ parts: [...parts, { voice_id: free[0].voice_id, weight: 50 }] })}><span aria-hidden="true">+</span> ${t.design.add}</button>`}
    </fieldset>
    <div class="row">
      <${Slider} label=${t.design.pitch} shown=${t.design.semitones(signed(fields.pitch))} min="-6" max="6" step="0.5" value=${fields.pitch} onInput=${(pitch) => change({ pitch })} />
      <${Slider} label=${t.design.rate} shown=${`${number(fields.rate * 100)} %`} min="0.5" max="2" step="0.05" value=${fields.rate} onInput=${(rate) => change({ rate })} />
      <${Slider} label=${t.design.tone} shown=${t.design.tones(fields.tone)} min="-1" max="1" step="0.1" value=${fields.tone} onInput=${(tone) => change({ tone })} />
    </div>
    <p class="hint">${t.design.hint(tokens(previewPrice(line, services.value)))}</p>
    <div class="actions">
      <button type="button" disabled=${state.isBusy || !total} onClick=${listen}><span aria-hidden="true">▶</span> ${state.isBusy ? t.design.busy : t.design.listen}</button>
    </div>
    ${state.heard &&
    html`<div class="player"><${FileAudio} key=${state.heard.key} fileKey=${state.heard.key} url=${ownUrl(state.heard.url)} label=${t.design.listen} isStarted=${true} /></div>
      <p class="cost">${t.design.cost(tokens(state.cost))}</p>`}
    <div class="row">
      <${Field} label=${t.library.name}>
        <input required maxlength="200" value=${fields.name} onInput=${(event) => change({ name: event.target.value })} />
      <//>
      <button class="primary" disabled=${state.isBusy || !total || !fields.name.trim()}>${t.design.save}</button>
    </div>
    ${isTaken && html`<p class="hint" role="status">${t.design.taken}</p>`}
    <${Problem} error=${state.error} />
    ${state.saved &&
    html`<p class="notice" role="status">
      ${t.design.saved(state.saved.name)} <a href=${`#/speak/${encodeURIComponent(state.saved.voice_id)}`}>${t.library.use}</a>
    </p>`}
  </form>`;
}

function Slider({ label, shown, onInput, ...range }) {
  return html`<${Field} label=${`${label}: ${shown}`}>
    <input type="range" ...${range} aria-valuetext=${shown} onInput=${(event) => onInput(event.target.valueAsNumber)} />
  <//>`;
}

/** Delete the voice that was made to be heard and not saved. */
function forget(draft) {
  if (draft.current && key.peek()) deleteVoice(draft.current.voice.voice_id).catch(() => {});
  draft.current = null;
}

/** The language of the heaviest part, which the mix speaks. */
function spoken(parts, found) {
  const heaviest = parts.reduce((first, part) => (part.weight > first.weight ? part : first));
  return found.find((voice) => voice.voice_id === heaviest.voice_id).language;
}

const signed = (value) => (value > 0 ? `+${number(value)}` : number(value).replace("-", "−"));
