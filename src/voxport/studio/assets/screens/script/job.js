/** The job of a script: how far it is, and what came of it. */
import { billed, call, followJob, isFinal, loadBalance, ownUrl } from "../../api.js";
import { duration, tokens } from "../../format.js";
import { html, useEffect, useState } from "../../html.js";
import { go, services } from "../../state.js";
import t from "./strings.en.js";
import { ConfirmButton, Loading, Problem, Progress, Warnings } from "../../ui.js";
import { download } from "./download.js";
import { BATCH, Total, useEstimate } from "./estimate.js";
import { useJobLines } from "./job_lines.js";
import { Lines } from "./lines.js";
import { bodyOf, change, draft, EMPTY, orderedAs, rememberOrdered } from "./store.js";
import { asText, withEdits } from "./text.js";

export function ScriptJob({ id }) {
  const [job, setJob] = useState(null);
  const [error, setError] = useState(null);
  const [isLost, setLost] = useState(false);
  const [ordered, setOrdered] = useState(() => orderedAs(id));
  const [lines, linesError] = useJobLines(id, job);
  useEffect(() => {
    const control = new AbortController();
    followJob(id, { onChange: setJob, onLost: setLost, signal: control.signal }).then(
      () => loadBalance().catch(() => {}),
      (problem) => problem.name !== "AbortError" && setError(problem),
    );
    return () => control.abort();
  }, [id]);
  const setEdits = (edits) => {
    const changed = { ...ordered, edits };
    setOrdered(changed);
    rememberOrdered(id, changed);
  };
  if (error) return html`<${Problem} error=${error} /><${Another} />`;
  if (!job) return html`<${Loading} />`;
  if (job.service !== "core-tts-batch") return html`<${Problem} error=${t.script.noScript} /><${Another} />`;
  const isCompleted = job.status === "completed";
  const shown = { job, lines, edits: ordered?.edits ?? {}, onEdit: isCompleted && ordered ? setEdits : null };
  return html`${isCompleted
      ? html`<${Summary} job=${job} />`
      : html`<section class="card"><${State} job=${job} lines=${lines} ordered=${ordered} isLost=${isLost} onChange=${setJob} /></section>`}
    ${isFinal(job) && lines && html`<${Next} job=${job} lines=${lines} ordered=${ordered} onUndo=${() => setEdits({})} />`}
    <${Problem} error=${linesError} />
    ${lines?.length > 0 && html`<${Lines} ...${shown} />`}`;
}

/** A job that runs, failed or was cancelled. */
function State({ job, lines, ordered, isLost, onChange }) {
  const [error, setError] = useState(null);
  const cancel = () => call("POST", `v2/jobs/${job.id}/cancel`).then(onChange, setError);
  if (job.status === "failed")
    return html`<${Problem} error=${{ message: `${job.error.message} ${t.script.failed}`, requestId: job.error.request_id }} />`;
  if (job.status === "cancelled") return html`<p role="status">${t.script.cancelled}</p>`;
  const ready = (lines ?? []).filter((one) => one.state !== "waiting");
  const label = job.stage === "speaking" && lines ? t.script.progress(ready.length, lines.length) : (t.script.stages[job.stage] ?? job.stage);
  return html`<${Progress} value=${job.progress} label=${label} />
    <p class="cost">${t.script.soFar(tokens(costSoFar(ready, ordered?.estimate)))}</p>
    <p class="hint">${t.script.leave}</p>
    ${isLost && html`<p class="notice warn" role="status">${t.common.jobGoesOn}</p>`}
    <${Problem} error=${error} />
    <div class="actions"><${ConfirmButton} label=${t.jobs.cancel} question=${t.jobs.question} onConfirm=${cancel} /></div>`;
}

/** About what the lines that are ready come to. Those of an earlier job are ready at once; which they are, only the end tells. */
function costSoFar(ready, estimate) {
  const seconds = ready.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
  const price = seconds * (services.value["core-tts"]?.unit_price ?? 0);
  if (!estimate || !ready.length) return price;
  return (price * Math.max(0, ready.length - estimate.reused)) / ready.length;
}

function Summary({ job }) {
  const { lines, spoken, reused, duration_seconds: seconds, warnings, problems, outputs } = job.result_data;
  return html`<div class="notice" role="status">
      <p><strong>${t.script.done(lines, duration(seconds))}</strong></p>
      <p>${t.script.charged(spoken, reused, tokens(job.token_cost))}</p>
    </div>
    ${problems?.length > 0 && html`<p class="notice warn">${t.script.problems(problems.length)}</p>`}
    <${Warnings} sentences=${warnings} />
    <${Downloads} outputs=${outputs} />`;
}

function Downloads({ outputs }) {
  const [error, setError] = useState(null);
  const files = Object.entries(outputs).flatMap(([name, file]) =>
    file.key
      ? [[t.script.files[name] ?? name, file.key]]
      : Object.entries(file).map(([inner, one]) => [t.script.fileOf(t.script.files[name] ?? name, inner), one.key]),
  );
  return html`<div class="actions downloads" role="group" aria-label=${t.script.downloads}>
      ${files.map(
        ([label, fileKey]) =>
          html`<button type="button" onClick=${() => download(fileKey).then(() => setError(null), setError)}>↓ ${label}</button>`,
      )}
    </div>
    <${Problem} error=${error} />`;
}

const Another = () => html`<div class="actions"><a class="button" href="#/script">${t.script.another}</a></div>`;

/** What can be done now: render what was changed or what failed, or go on in the editor. */
function Next({ job, lines, ordered, onUndo }) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const edits = ordered?.edits ?? {};
  const count = Object.keys(edits).length;
  const text = ordered && count ? withEdits(ordered.text, ordered.format, lines, edits) : ordered?.text;
  const isAgain = count > 0 || job.status !== "completed";
  const script = ordered && text !== null ? { ...ordered, text, edits: undefined, estimate: undefined } : null;
  const [estimate, refused, isAsking] = useEstimate(script && isAgain ? bodyOf(script) : null);
  const render = async () => {
    setBusy(true);
    setError(null);
    try {
      const made = await billed(BATCH, bodyOf(script));
      rememberOrdered(made.job.id, { ...script, estimate });
      if (count) onUndo(); // they are in the next job now
      go("script", made.job.id);
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const open = async () => {
    try {
      change(script ?? (await copyOf(job, lines)));
      go("script");
    } catch (problem) {
      setError(problem);
    }
  };
  const label = ordered ? t.script.edit : t.script.copy;
  const isOther = draft.value.text.trim() && draft.value.text !== ordered?.text;
  return html`<section class=${isAgain || !ordered ? "card next" : "next"} tabindex="-1" aria-label=${t.script.next}>
    ${count > 0 && html`<p><strong>${t.script.edited(count)}</strong></p>`}
    ${text === null && html`<p class="notice warn" role="status">${t.script.notFound}</p>`}
    ${isAgain && script && html`<${Total} estimate=${estimate} isAsking=${isAsking} />`}
    ${!ordered && html`<p class="hint">${t.script.notHere}</p>`}
    <${Problem} error=${error ?? refused} />
    <div class="actions">
      ${isAgain &&
      script &&
      html`<button type="button" class="primary" disabled=${!estimate || isBusy} onClick=${render}>${t.script.render(estimate && tokens(estimate.tokens))}</button>`}
      ${count > 0 && html`<button type="button" class="quiet" onClick=${onUndo}>${t.script.undo}</button>`}
      ${text !== null &&
      (isOther
        ? html`<${ConfirmButton} label=${label} question=${t.script.replace} onConfirm=${open} />`
        : html`<button type="button" onClick=${open}>${label}</button>`)}
    </div>
  </section>`;
}

/** Rebuild a script that another tab ordered from its lines, and its cast from the manifest. */
async function copyOf(job, lines) {
  const found = job.result_data?.outputs.manifest;
  const manifest = found?.url ? await fetch(ownUrl(found.url)).then((response) => response.json()) : { characters: [], title: "" };
  const cast = Object.fromEntries(manifest.characters.map(({ name, voice }) => [name, { voice_id: voice }]));
  return { ...EMPTY, text: asText(lines), title: manifest.title, cast };
}
