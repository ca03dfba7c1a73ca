/** Clone: a recording, its check, what the clone costs, the job as it goes, and recording and clone side by side. */
import { billed, call, followJob, loadBalance, loadCatalog, loadVoices, ownUrl, upload } from "../api.js";
import { bytes, duration, number, tokens } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { BlindTest } from "../blind_test.js";
import { Recorder, missingMicrophone } from "../recorder.js";
import { orderOf, rememberOrder } from "../orders.js";
import { balance, go, providers, route, services } from "../state.js";
import t from "../strings.en.js";
import { ConfirmButton, Field, FileAudio, Problem, Progress, Warnings } from "../ui.js";
import { LocalAudio } from "../waveform.js";

const VIDEO = /\.(mp4|m4v|mov|mkv|webm)$/i;

export default function Clone() {
  const [recording, setRecording] = useState(null);
  const [sample, setSample] = useState(null);
  const [error, setError] = useState(null);
  const jobId = route.value[1];
  const load = () => Promise.all([loadVoices(), loadCatalog(), loadBalance()]).then(() => setError(null), setError);
  useEffect(() => {
    load();
  }, []);
  const restart = () => {
    setSample(null);
    setRecording(null);
    go("clone");
  };
  const step = jobId ? 2 : sample ? 1 : recording ? 1 : 0;
  return html`<h1>${t.clone.title}</h1>
    <ol class="steps">
      ${t.clone.steps.map((name, index) => html`<li aria-current=${index === step ? "step" : undefined}>${name}</li>`)}
    </ol>
    <${Problem} error=${error} onRetry=${load} />
    ${jobId
      ? html`<${Job} key=${jobId} id=${jobId} recording=${recording} onRestart=${restart} />`
      : recording
        ? html`<div class="two-columns">
            <section class="card" aria-label=${t.clone.sample}>
              <h2>${t.clone.sample}</h2>
              <p class="faint">${recording.name} · ${bytes(recording.size)}</p>
              <${LocalAudio} blob=${recording} label=${t.clone.sample} />
              <${Check} recording=${recording} onChecked=${setSample} />
              <div class="actions">
                <button type="button" class="quiet" onClick=${restart}>${t.clone.another}</button>
              </div>
            </section>
            <section>${sample && html`<${Order} sample=${sample} />`}</section>
          </div>`
        : html`<${Source} onChosen=${setRecording} />`}`;
}

/** Drop, choose or record. `onChosen` gets a File. */
function Source({ onChosen }) {
  const [isOver, setOver] = useState(false);
  const [isRecording, setRecording] = useState(false);
  const [error, setError] = useState(null);
  const missing = missingMicrophone();
  const choose = (file) => {
    if (!file) return;
    const limits = services.value["upload-media"]?.limits ?? {};
    const max = kindOf(file) === "video" ? limits.upload_video_bytes : limits.upload_audio_bytes;
    if (!file.size) setError(t.clone.empty);
    else if (max && file.size > max) setError(t.clone.tooLarge(bytes(file.size), bytes(max)));
    else onChosen(file);
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    choose(event.dataTransfer.files[0]);
  };
  const over = (event) => {
    event.preventDefault();
    setOver(true);
  };
  return html`<${Problem} error=${error} />
    <div class=${isRecording ? "" : "two-columns"}>
      ${!isRecording &&
      html`<section
        class=${isOver ? "drop over" : "drop"}
        onDragOver=${over}
        onDragLeave=${() => setOver(false)}
        onDrop=${drop}
      >
        <h2>${t.clone.drop}</h2>
        <input
          id="sample-file"
          type="file"
          accept="audio/*,video/*,.mkv,.m4a,.ogg,.flac"
          onChange=${(event) => choose(event.target.files[0])}
        />
        <label class="button" for="sample-file">${t.clone.choose}</label>
        <p class="hint">${t.clone.fileKinds}</p>
      </section>`}
      <section class="card" aria-label=${t.clone.record}>
        <h2>${t.clone.or}</h2>
        ${missing
          ? html`<div class="notice warn"><p><strong>${missing.title}</strong></p>${missing.why && html`<p>${missing.why}</p>`}</div>`
          : html`<${Recorder}
              onActive=${setRecording}
              onRecorded=${(blob) => onChosen(new File([blob], recordingName(blob.type), { type: blob.type }))}
            />`}
      </section>
    </div>`;
}

/** Sends the recording and has it checked; free. */
function Check({ recording, onChecked }) {
  const [sent, setSent] = useState(0);
  const [found, setFound] = useState(null);
  const [error, setError] = useState(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    setError(null);
    setFound(null);
    onChecked(null);
    checkRecording(recording, setSent, control.signal).then(
      (sample) => {
        setFound(sample.check);
        onChecked(sample);
      },
      (problem) => problem.name !== "AbortError" && setError(problem),
    );
    return () => control.abort();
  }, [recording, turn]);
  if (error) return html`<${Problem} error=${error} onRetry=${error.status === 400 ? null : () => setTurn(turn + 1)} />`;
  if (!found) {
    const label = sent < 1 ? t.clone.uploading(Math.floor(sent * 100)) : t.clone.checking;
    return html`<${Progress} value=${sent < 1 ? sent : undefined} label=${label} />`;
  }
  return html`<${Findings} check=${found} />`;
}

async function checkRecording(recording, onSent, signal) {
  onSent(0);
  const type = /^(audio|video)\//.test(recording.type) ? recording.type : "application/octet-stream";
  const asked = { media_type: kindOf(recording), filename: recording.name, content_type: type, size_bytes: recording.size };
  const { data } = await call("POST", "v1/proxy/upload-media", asked, { signal });
  await upload(data.upload_url, recording, type, { onProgress: onSent, signal });
  onSent(1);
  const check = await call("POST", "v1/samples/check", { audioUrl: data.public_url }, { signal });
  return { audioUrl: data.public_url, check: check.data };
}

function Findings({ check }) {
  const facts = [
    [t.clone.speech, duration(check.speech_seconds)],
    [t.clone.noise, `${number(check.snr_db)} dB`],
    [t.clone.levelShort, `${number(check.level_dbfs)} dBFS`],
    [t.clone.speakers, check.speakers > 1 ? t.clone.several : t.clone.one],
    [t.clone.reach, `${number(check.bandwidth_hz / 1000)} kHz`],
    [t.clone.room, t.clone.rooms[check.reverberation] ?? t.clone.unknown],
  ];
  const advice = check.advice.filter((one) => !check.warnings.some((warning) => warning.includes(one)));
  return html`<div role="status">
    <p><span class=${`verdict ${check.verdict}`}>${t.clone.verdict[check.verdict]}</span></p>
    <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <${Warnings} sentences=${check.warnings} />
    ${advice.length > 0 &&
    html`<h3>${t.clone.better}</h3>
      <ul class="help-list">${advice.map((one) => html`<li>${one}</li>`)}</ul>`}
    <p class="hint">${t.clone.noSpeechUsed}</p>
  </div>`;
}

/** What the clone is called, who makes it, the speaker's consent, and the price. */
function Order({ sample }) {
  const able = providers.value.filter((one) => one.supports_voice_cloning);
  const usable = able.filter((one) => one.available);
  const options = [...usable, ...able.filter((one) => !one.available)];
  const [name, setName] = useState("");
  const [provider, setProvider] = useState((usable.find((one) => one.default) ?? usable[0])?.provider ?? "");
  const [speaker, setSpeaker] = useState("");
  const [isGranted, setGranted] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const price = services.value["core-voice-clone"]?.unit_price ?? 0;
  const single = services.value["core-instant-clone-tts"]?.unit_price ?? 0;
  const funds = balance.value?.balance ?? 0;
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const consent = { granted: true, speaker: speaker.trim(), words: t.clone.consent };
      const body = { audioUrl: sample.audioUrl, provider, name: name.trim(), consent };
      const { job } = await billed("v1/proxy/core-voice-clone", body);
      rememberOrder(job.id, { audioUrl: sample.audioUrl, consent });
      loadBalance().catch(() => {});
      go("clone", job.id);
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const option = (one) =>
    html`<label class="choice" aria-disabled=${one.available ? undefined : "true"}>
      <input
        type="radio"
        name="provider"
        value=${one.provider}
        checked=${one.provider === provider}
        disabled=${!one.available}
        onChange=${() => setProvider(one.provider)}
      />
      <span
        >${one.available
          ? t.clone.providerOption(one.provider, tokens(price), t.clone.languages(one.languages.length))
          : t.clone.unavailable(one.provider, one.reason)}</span
      >
    </label>`;
  return html`<form class="card" onSubmit=${submit}>
    <${Field} label=${t.clone.name}>
      <input required maxlength="200" value=${name} onInput=${(event) => setName(event.target.value)} />
    <//>
    <fieldset><legend>${t.clone.provider}</legend>${options.map(option)}</fieldset>
    <${Field} label=${t.clone.speaker} hint=${t.clone.speakerHint}>
      <input required maxlength="200" value=${speaker} onInput=${(event) => setSpeaker(event.target.value)} />
    <//>
    <label class="choice">
      <input type="checkbox" required checked=${isGranted} onChange=${(event) => setGranted(event.target.checked)} />
      <span>${t.clone.consent}</span>
    </label>
    <p class="estimate">
      ${t.clone.price(tokens(price), tokens(funds))} ${funds < price && html`<strong>${t.clone.tooFew}</strong>`}
      ${single > 0 && html`<span class="faint"> ${t.clone.payOff(Math.floor(price / single) + 1)}</span>`}
    </p>
    <${Problem} error=${error} />
    <button class="primary" disabled=${isBusy || !provider}>${t.clone.submit(tokens(price))}</button>
  </form>`;
}

/** The clone as it is made, also of a page that was loaded again; and what came of it. */
function Job({ id, recording, onRestart }) {
  const [job, setJob] = useState(null);
  const [error, setError] = useState(null);
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    const control = new AbortController();
    followJob(id, { onChange: setJob, onLost: setLost, signal: control.signal }).then(
      () => Promise.all([loadBalance(), loadVoices()]).catch(() => {}),
      (problem) => problem.name !== "AbortError" && setError(problem),
    );
    return () => control.abort();
  }, [id]);
  const cancel = () => call("POST", `v2/jobs/${id}/cancel`).then(setJob, setError);
  const again = html`<div class="actions"><button type="button" onClick=${onRestart}>${t.clone.another}</button></div>`;
  if (error) return html`<${Problem} error=${error} />${again}`;
  if (job?.status === "failed")
    return html`<${Problem} error=${{ message: `${job.error.message} ${t.clone.failed}`, requestId: job.error.request_id }} />${again}`;
  if (job?.status === "cancelled") return html`<p class="notice" role="status">${t.clone.cancelled}</p>${again}`;
  if (job?.status === "completed") return html`<${Ready} jobId=${id} result=${job.result_data} cost=${job.token_cost} recording=${recording} />${again}`;
  return html`<section class="card">
    <${Progress} value=${job?.progress ?? 0} label=${t.clone.stages[job?.stage ?? "waiting"]} />
    <p class="hint">${t.clone.leave}</p>
    ${isLost && html`<p class="notice warn" role="status">${t.common.jobGoesOn}</p>`}
    <div class="actions"><${ConfirmButton} label=${t.clone.cancel} question=${t.jobs.question} onConfirm=${cancel} /></div>
  </section>`;
}

function Ready({ jobId, result, cost, recording }) {
  const [line, setLine] = useState(t.clone.defaultLine);
  const [spoken, setSpoken] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const price = services.value["core-tts"]?.unit_price ?? 0;
  const hear = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const body = { text: line, voice_id: result.voice_id, provider: result.provider };
      setSpoken((await billed("v1/proxy/core-tts", body)).data);
      loadBalance().catch(() => {});
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`<p class="notice" role="status">
      <strong>${t.clone.ready(result.name)}</strong> · ${t.common.tokens(tokens(cost))}
    </p>
    <${Warnings} sentences=${result.warnings} />
    <h2>${t.clone.compare}</h2>
    <div class="two-columns">
      ${recording &&
      html`<section class="card" aria-label=${t.clone.sample}>
        <h3>${t.clone.sample}</h3>
        <${LocalAudio} blob=${recording} label=${t.clone.sample} />
      </section>`}
      <section class="card" aria-label=${result.name}>
        <h3>${result.name}</h3>
        <form onSubmit=${hear}>
          <${Field} label=${t.clone.line}>
            <textarea rows="2" required maxlength="500" value=${line} onInput=${(event) => setLine(event.target.value)}></textarea>
          <//>
          <${Problem} error=${error} />
          <button disabled=${isBusy}>${isBusy ? t.speak.busy : t.clone.hear(tokens(Math.ceil((line.length / 15) * price * 100) / 100))}</button>
        </form>
        ${spoken && html`<div class="player"><${FileAudio} key=${spoken.key} fileKey=${spoken.key} url=${ownUrl(spoken.url)} label=${result.name} isStarted=${true} /></div>`}
        <div class="actions">
          <a class="button primary" href=${`#/speak/${encodeURIComponent(result.voice_id)}`}>${t.clone.use}</a>
        </div>
      </section>
    </div>
    <${BlindTest} voice=${result} order=${orderOf(jobId)} />`;
}

const kindOf = (file) => (file.type.startsWith("video/") || (!file.type && VIDEO.test(file.name)) ? "video" : "audio");

function recordingName(type) {
  return `recording.${type.includes("mp4") ? "m4a" : type.includes("ogg") ? "ogg" : "webm"}`;
}
