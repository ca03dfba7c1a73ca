/** Jobs: what runs, what ran, and how to end it. */
import { call, isFinal, loadBalance, ownUrl } from "../api.js";
import { tokens, when } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import t from "../strings.en.js";
import { ConfirmButton, Field, FileAudio, Loading, More, Problem, Progress, usePages } from "../ui.js";

const REFRESH_MS = 2500;

export default function Jobs() {
  const [status, setStatus] = useState("");
  const filter = status ? `&status=${status}` : "";
  const pages = usePages(
    (cursor) => call("GET", `v2/jobs?limit=20${filter}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
    [status],
  );
  const open = (pages.rows ?? []).filter((job) => !isFinal(job));
  useRefresh(open, (changed) =>
    pages.setRows((rows) => rows.map((row) => changed.find((job) => job.id === row.id) ?? row)),
  );
  return html`<h1>${t.jobs.title}</h1>
    <div class="row">
      <${Field} label=${t.jobs.filter}>
        <select value=${status} onChange=${(event) => setStatus(event.target.value)}>
          <option value="">${t.jobs.all}</option>
          ${Object.entries(t.jobs.status).map(([name, label]) => html`<option value=${name}>${label}</option>`)}
        </select>
      <//>
    </div>
    <${Problem} error=${pages.error} onRetry=${pages.reload} />
    ${!pages.rows && !pages.error && html`<${Loading} />`}
    ${pages.rows?.length === 0 && html`<p class="faint">${t.common.nothing}</p>`}
    <ul class="cards">
      ${(pages.rows ?? []).map((job) => html`<${Job} key=${job.id} job=${job} onChange=${pages.reload} />`)}
    </ul>
    <${More} pages=${pages} />`;
}

/** Ask for the open jobs again and again while there are some; a page in the background asks nothing. */
function useRefresh(open, onChanged) {
  const ids = open.map((job) => job.id).join(" ");
  useEffect(() => {
    if (!ids) return undefined;
    const timer = setInterval(async () => {
      if (document.hidden) return;
      const asked = ids.split(" ").map((id) => call("GET", `v2/jobs/${id}`).catch(() => null));
      const changed = (await Promise.all(asked)).filter(Boolean);
      onChanged(changed);
      if (changed.some(isFinal)) loadBalance().catch(() => {});
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [ids]);
}

function Job({ job, onChange }) {
  const [error, setError] = useState(null);
  const cancel = () => call("POST", `v2/jobs/${job.id}/cancel`).then(onChange, setError);
  const result = job.result_data;
  const name = result?.name ?? (result?.voice_id && result.key ? result.voice_id : "");
  return html`<li class="card">
    <h2 class="small">${[t.jobs.services[job.service] ?? job.service, name].filter(Boolean).join(" · ")}</h2>
    <p class="faint">
      ${t.jobs.status[job.status]} · ${t.jobs.created(when(job.created_at))}
      ${job.token_cost > 0 && html` · ${t.jobs.cost(tokens(job.token_cost))}`}
    </p>
    ${!isFinal(job) && html`<${Progress} value=${job.progress} label=${t.clone.stages[job.stage] ?? job.stage} />`}
    ${job.error && html`<${Problem} error=${{ message: job.error.message, requestId: job.error.request_id }} />`}
    ${result?.url && html`<${FileAudio} fileKey=${result.key} url=${ownUrl(result.url)} label=${job.id} />`}
    <${Problem} error=${error} />
    <div class="actions">
      ${!isFinal(job) && html`<${ConfirmButton} label=${t.jobs.cancel} question=${t.jobs.question} onConfirm=${cancel} />`}
      ${job.status === "completed" &&
      job.service === "core-voice-clone" &&
      html`<a class="button quiet" href=${`#/speak/${encodeURIComponent(result.voice_id)}`}>${t.library.use}</a>
        <a class="button quiet" href=${`#/clone/${job.id}`}>${t.jobs.compare}</a>`}
      ${job.service === "core-tts-batch" && html`<a class="button quiet" href=${`#/script/${job.id}`}>${t.jobs.open}</a>`}
    </div>
  </li>`;
}
