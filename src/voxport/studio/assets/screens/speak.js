/** Speak: a text, a voice, and the takes of this tab. */
import { base, billed, call, deleteFile, followJob, freshUrl, loadBalance, loadCatalog, loadVoices, ownUrl } from "../api.js";
import { bytes, duration, language, tokens, when } from "../format.js";
import { effect, html, signal, useEffect, useRef, useState } from "../html.js";
import { clones, key, providers, route, services, stock, voices, voiceWarnings } from "../state.js";
import t from "../strings.en.js";
import { ConfirmButton, Field, FileAudio, Loading, More, Problem, Progress, Warnings, usePages } from "../ui.js";
import { addTake, changeTake, removeTake, takes } from "../takes.js";

const FORMATS = ["mp3", "wav", "ogg", "flac", "pcm"];
const ESTIMATE_AFTER_MS = 350;

const EMPTY = { text: "", voice_id: "", language: "", speed: 1, output_format: "mp3" };
const draft = signal(EMPTY);
effect(() => {
  if (!key.value) draft.value = EMPTY;
});
const change = (fields) => {
  draft.value = { ...draft.value, ...fields };
};

export default function Speak() {
  const [error, setError] = useState(null);
  const load = () => Promise.all([loadVoices(), loadCatalog()]).then(() => setError(null), setError);
  useEffect(() => {
    load();
  }, []);
  if (error) return html`<${Problem} error=${error} onRetry=${load} />`;
  if (!voices.value) return html`<${Loading} />`;
  return html`<div class="two-columns">
    <section aria-labelledby="speak-title">
      <h1 id="speak-title">${t.speak.title}</h1>
      <${Form} />
    </section>
    <section aria-labelledby="takes-title">
      <h2 id="takes-title">${t.speak.takes}</h2>
      <${Takes} />
      <${Earlier} />
    </section>
  </div>`;
}

function Form() {
  const fields = draft.value;
  const voice = chosenVoice();
  const provider = providers.value.find((one) => one.provider === voice?.provider);
  const limit = services.value["core-tts"]?.limits.text_characters ?? 5000;
  const limitAsJob = services.value["core-tts"]?.limits.text_characters_async ?? 100_000;
  const length = [...fields.text].length;
  const isJob = length > limit;
  const submit = (event) => {
    event.preventDefault();
    if (fields.text.trim() && voice) speak(body(fields, voice, provider), voice.name, isJob);
  };
  const onKey = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && submit(event);
  if (!voice) return html`<p class="notice">${t.speak.noVoice}</p>
    <${Warnings} sentences=${voiceWarnings.value} />`;
  return html`<form class="card" onSubmit=${submit}>
    <${Field} label=${t.speak.text} hint=${isJob ? t.speak.asJob(limit) : t.speak.characters(length, limit)}>
      <textarea
        rows="5"
        maxlength=${limitAsJob}
        placeholder=${t.speak.placeholder}
        value=${fields.text}
        onInput=${(event) => change({ text: event.target.value })}
        onKeyDown=${onKey}
      ></textarea>
    <//>
    <${Field} label=${t.speak.voice}>
      <select value=${voice.voice_id} onChange=${(event) => change({ voice_id: event.target.value, language: "" })}>
        ${clones.value.length > 0 &&
        html`<optgroup label=${t.speak.mine}>${clones.value.map(option)}</optgroup>`}
        ${byLanguage(stock.value).map(([code, group]) => html`<optgroup label=${language(code)}>${group.map(option)}</optgroup>`)}
      </select>
    <//>
    <div class="row">
      <${Field} label=${t.speak.language}>
        <select value=${fields.language} onChange=${(event) => change({ language: event.target.value })}>
          <option value="">${t.speak.ownLanguage} (${language(voice.language)})</option>
          ${(provider?.languages ?? []).map((code) => html`<option value=${code}>${language(code)}</option>`)}
        </select>
      <//>
      <${Field} label=${t.speak.format}>
        <select value=${fields.output_format} onChange=${(event) => change({ output_format: event.target.value })}>
          ${FORMATS.map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
      <//>
    </div>
    ${provider?.voice_settings.includes("speed") &&
    html`<${Field} label=${t.speak.speed(fields.speed)}>
      <input
        type="range"
        min="0.5"
        max="2"
        step="0.05"
        value=${fields.speed}
        onInput=${(event) => change({ speed: Number(event.target.value) })}
      />
    <//>`}
    <${Estimate} body=${fields.text.trim() ? body(fields, voice, provider) : null} isJob=${isJob} />
    <button class="primary" disabled=${!fields.text.trim()}>${t.speak.submit}</button>
  </form>`;
}

const option = (voice) => html`<option value=${voice.voice_id}>${voice.name}</option>`;

function chosenVoice() {
  const wanted = draft.value.voice_id || route.value[1];
  const all = voices.value ?? [];
  return all.find((voice) => voice.voice_id === wanted) ?? clones.value[0] ?? all[0];
}

function byLanguage(list) {
  const groups = new Map();
  for (const voice of list) groups.set(voice.language, [...(groups.get(voice.language) ?? []), voice]);
  return [...groups];
}

function body(fields, voice, provider) {
  const made = { text: fields.text, voice_id: voice.voice_id, provider: voice.provider, output_format: fields.output_format };
  if (fields.language) made.language = fields.language;
  if (fields.speed !== 1 && provider?.voice_settings.includes("speed")) made.voice_settings = { speed: fields.speed };
  return made;
}

/** What the text would cost, asked for once the typing pauses. */
function Estimate({ body: asked, isJob }) {
  const [estimate, setEstimate] = useState(null);
  const [error, setError] = useState(null);
  const asText = JSON.stringify(asked);
  useEffect(() => {
    if (asText === "null") return setEstimate(null) ?? setError(null);
    const control = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const headers = isJob ? { Prefer: "respond-async" } : {};
        const { data } = await call("POST", "v1/estimate", asked, { headers, signal: control.signal });
        setEstimate(data);
        setError(null);
      } catch (problem) {
        if (problem.name !== "AbortError") setError(problem) ?? setEstimate(null);
      }
    }, ESTIMATE_AFTER_MS);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [asText, isJob]);
  if (error) return html`<${Problem} error=${error} />`;
  if (!estimate) return html`<p class="estimate faint"> </p>`;
  const single = services.value["core-instant-clone-tts"]?.unit_price;
  return html`<p class="estimate" role="status">
      ${t.speak.estimate(duration(estimate.units), tokens(estimate.tokens), tokens(estimate.held))}
      ${single > estimate.tokens && estimate.tokens > 0 &&
      html`<span class="faint"> ${t.speak.hint(Math.floor(single / estimate.tokens), tokens(single))}</span>`}
    </p>
    <${Warnings} sentences=${estimate.warnings} />`;
}

/** Speak `asked` as the take with this id, or as a new one. */
async function speak(asked, voice, isJob, id) {
  const begun = { ...asked, voice, isJob, state: "speaking", at: new Date().toISOString(), error: null, live: null, progress: undefined };
  if (id) changeTake(id, begun);
  else id = addTake(begun);
  try {
    if (isJob) {
      const { job } = await billed("v1/proxy/core-tts", asked, { headers: { Prefer: "respond-async" } });
      const ended = await followJob(job.id, {
        onChange: (one) => changeTake(id, { progress: one.progress }),
        onLost: (isLost) => changeTake(id, { isLost }),
      });
      if (ended.error) throw ended.error;
      if (ended.status !== "completed") throw new Error(t.jobs.status[ended.status]);
      const result = ended.result_data;
      const cost = { key: result.key, url: ownUrl(result.url), seconds: result.duration_seconds, tokens: ended.token_cost };
      changeTake(id, { state: "done", ...cost, warnings: result.warnings });
    } else {
      // Without a ticket the take is heard when it is whole.
      const { data } = await call("POST", "studio/tickets").catch(() => ({ data: { ticket: "", path: "" } }));
      if (data.path) changeTake(id, { live: new URL(data.path, base).href });
      const made = await billed("studio/takes", { ticket: data.ticket, speech: asked }, { order: asked });
      const { url, key, duration_seconds: seconds, warnings } = made.data;
      changeTake(id, { state: "done", url: ownUrl(url), key, seconds, tokens: made.cost.tokens, warnings });
    }
  } catch (error) {
    changeTake(id, { state: "failed", error: { message: error.message, requestId: error.requestId ?? error.request_id } });
    if (error.code === "voice_not_found") loadVoices().catch(() => {}); // another tab deleted it
  }
  loadBalance().catch(() => {});
}

/** The body of the call that made a take. */
function askedOf({ text, voice_id, provider, output_format, language: spoken, voice_settings }) {
  const asked = { text, voice_id, provider, output_format };
  if (spoken) asked.language = spoken;
  if (voice_settings) asked.voice_settings = voice_settings;
  return asked;
}

function Takes() {
  if (!takes.value.length)
    return html`<p class="faint">${t.speak.noTakes}</p>
      ${clones.value.length === 0 && html`<p>${t.speak.noClone} <a href="#/clone">${t.library.makeOne}</a></p>`}`;
  return html`<ul class="cards" aria-live="polite">${takes.value.map((take) => html`<${Take} key=${take.id} take=${take} />`)}</ul>`;
}

function Take({ take }) {
  const again = () =>
    change({
      text: take.text,
      voice_id: take.voice_id,
      language: take.language ?? "",
      speed: take.voice_settings?.speed ?? 1,
      output_format: take.output_format,
    });
  const [error, setError] = useState(null);
  const remove = () =>
    (take.key ? deleteFile(take.key) : Promise.resolve()).then(
      () => removeTake(take.id),
      (problem) => (problem.code === "media_not_found" ? removeTake(take.id) : setError(problem)),
    );
  const settings = [take.voice, take.language && language(take.language), take.voice_settings && `${take.voice_settings.speed}×`, take.output_format];
  return html`<li class="card take">
    <p class="quote">${take.text}</p>
    <p class="faint">${settings.filter(Boolean).join(" · ")}</p>
    ${take.state === "speaking" && !take.live && html`<${Progress} value=${take.progress} label=${t.speak.busy} />`}
    ${(take.live || take.url) && take.state !== "failed" && html`<${TakeAudio} take=${take} />`}
    ${take.state === "done" && html`<p class="cost">${t.speak.cost(tokens(take.tokens), duration(take.seconds))}</p>`}
    ${take.state === "speaking" && take.isLost && html`<p class="notice warn" role="status">${t.common.jobGoesOn}</p>`}
    ${take.state === "failed" &&
    html`<${Problem} error=${take.error} onRetry=${() => speak(askedOf(take), take.voice, take.isJob, take.id)} />`}
    <${Warnings} sentences=${take.warnings} />
    <${Problem} error=${error} />
    <div class="actions">
      ${take.key && html`<${DownloadButton} fileKey=${take.key} />`}
      <button type="button" class="quiet" onClick=${again}>${t.speak.again}</button>
      ${take.state !== "speaking" &&
      html`<${ConfirmButton} label=${t.common.delete} question=${t.speak.question} onConfirm=${remove} />`}
    </div>
  </li>`;
}

/**
 * Plays what is made while it is made, and the file as soon as the player rests, from the same place: it can be sought.
 * Where the sound can't be had while it is made, as at another process of the gateway, or breaks off, the file goes on.
 */
function TakeAudio({ take }) {
  const player = useRef(null);
  const [source, setSource] = useState(take.url ?? take.live);
  const heard = useRef(0); // seconds
  const resume = useRef(null);
  const swap = (isPlaying) => {
    if (!player.current || !take.url || source === take.url) return; // a player that is taken away pauses too
    resume.current = { at: heard.current, isPlaying };
    setSource(take.url);
  };
  const goOn = () => {
    if (!resume.current) return;
    const { at, isPlaying } = resume.current;
    resume.current = null;
    if (at) player.current.currentTime = at;
    if (isPlaying) player.current.play().catch(() => {});
  };
  const ended = () => {
    if (take.url) heard.current = 0; // else the sound may have broken off: then the file goes on from here
    swap(false);
  };
  const failed = () => {
    if (source !== take.url) swap(true);
    else if (take.key) freshUrl(take.key).then(setSource, () => {});
  };
  useEffect(() => {
    const audio = player.current;
    const isAtRest = audio.error || audio.ended || audio.readyState === 0;
    const isWhole = heard.current > take.seconds - 0.5;
    if (isWhole) heard.current = 0;
    if (isAtRest || audio.paused) swap(isAtRest && !isWhole);
  }, [take.url]);
  useEffect(() => {
    // Not by `autoplay`, which waits until the browser believes that the rest will come in time.
    if (source === take.live) player.current.play().catch(() => {});
  }, []);
  const isLive = source === take.live && take.state === "speaking";
  return html`<div class="player">
    ${isLive && html`<span class="live">${t.speak.live}</span>`}
    <audio
      ref=${player}
      controls
      preload="auto"
      src=${source}
      aria-label=${t.speak.audio(take.text.slice(0, 80))}
      onTimeUpdate=${(event) => (heard.current = event.target.currentTime)}
      onLoadedMetadata=${goOn}
      onEnded=${ended}
      onPause=${() => !player.current?.ended && swap(false)}
      onError=${failed}
    ></audio>
  </div>`;
}

function DownloadButton({ fileKey }) {
  const download = async () => {
    const link = document.createElement("a");
    link.href = await freshUrl(fileKey);
    link.download = "";
    link.rel = "noreferrer";
    link.click();
  };
  return html`<button type="button" class="quiet" onClick=${() => download().catch(() => {})}>${t.common.download}</button>`;
}

const ending = (fileKey) => fileKey.split(".").pop();

function Earlier() {
  const [isOpen, setOpen] = useState(false);
  return html`<details class="earlier" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${t.speak.earlier}</summary>
    ${isOpen && html`<${EarlierFiles} />`}
  </details>`;
}

function EarlierFiles() {
  const pages = usePages((cursor) =>
    call("GET", `v1/media?kind=speech&limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
  );
  if (pages.error) return html`<${Problem} error=${pages.error} onRetry=${pages.reload} />`;
  if (!pages.rows) return html`<${Loading} />`;
  const remove = (row) => deleteFile(row.key).then(() => pages.setRows(pages.rows.filter((one) => one !== row)), () => pages.reload());
  return html`<p class="hint">${t.speak.earlierHint}</p>
    ${pages.rows.length === 0 && html`<p class="faint">${t.common.nothing}</p>`}
    <ul class="cards">
      ${pages.rows.map(
        (row) => html`<li class="card" key=${row.key}>
          <p class="faint">${when(row.created_at)} · ${ending(row.key)} · ${bytes(row.size_bytes)}</p>
          <div class="actions">
            <${LazyAudio} fileKey=${row.key} />
            <${DownloadButton} fileKey=${row.key} />
            <${ConfirmButton} label=${t.common.delete} question=${t.speak.question} onConfirm=${() => remove(row)} />
          </div>
        </li>`,
      )}
    </ul>
    <${More} pages=${pages} />`;
}

/** Asks for the file's URL only when it is to be played. */
function LazyAudio({ fileKey }) {
  const [url, setUrl] = useState(null);
  const [error, setError] = useState(null);
  if (error) return html`<${Problem} error=${error} />`;
  if (url) return html`<${FileAudio} fileKey=${fileKey} url=${url} label=${fileKey} />`;
  return html`<button type="button" class="quiet" onClick=${() => freshUrl(fileKey).then(setUrl, setError)}>▶ ${t.speak.play}</button>`;
}
