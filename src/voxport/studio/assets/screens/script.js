/** Script: a text with characters, its cast, what it costs; and the job that speaks it. */
import { billed, loadBalance, loadCatalog, loadVoices } from "../api.js";
import { tokens } from "../format.js";
import { html, useEffect, useMemo, useState } from "../html.js";
import { go, route, voices } from "../state.js";
import t from "./script/strings.en.js";
import { Field, Loading, Problem, Warnings } from "../ui.js";
import { Cast } from "./script/cast.js";
import { Editor } from "./script/editor.js";
import { BATCH, Total, lineOf, useEstimate } from "./script/estimate.js";
import { ScriptJob } from "./script/job.js";
import { bodyOf, change, charactersOf, draft, rememberOrdered } from "./script/store.js";

const FORMATS = ["mp3", "wav", "ogg", "flac"];

export default function Script() {
  const [error, setError] = useState(null);
  const load = () => Promise.all([loadVoices(), loadCatalog(), loadBalance()]).then(() => setError(null), setError);
  useEffect(() => {
    load();
  }, []);
  if (error) return html`<${Problem} error=${error} onRetry=${load} />`;
  if (!voices.value) return html`<${Loading} />`;
  const jobId = route.value[1];
  return html`<h1>${t.script.title}</h1>
    ${jobId ? html`<${ScriptJob} key=${jobId} id=${jobId} />` : html`<${Writing} />`}`;
}

function Writing() {
  const script = draft.value;
  const characters = useMemo(() => charactersOf(script), [script.text, script.format, script.added]);
  const isCast = script.text.trim() && [...characters.keys()].every((name) => script.cast[name]?.voice_id);
  const body = isCast && script.outputs.length ? bodyOf(script) : null;
  const [estimate, refused, isAsking] = useEstimate(body);
  const [failed, setFailed] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const problem = failed ?? refused;
  useEffect(() => setFailed(null), [script]);
  useEffect(() => {
    const name = refused?.status === 422 && refused.details.character;
    if (name && !characters.has(name)) change({ added: [...script.added, name] });
    if (refused?.code === "voice_not_found") loadVoices().catch(() => {}); // another tab deleted it
  }, [refused]);
  const render = async () => {
    setBusy(true);
    setFailed(null);
    try {
      const { job } = await billed(BATCH, body);
      rememberOrdered(job.id, { ...script, estimate });
      loadBalance().catch(() => {});
      go("script", job.id);
    } catch (error) {
      setFailed(error);
      setBusy(false);
    }
  };
  const line = lineOf(problem);
  return html`<div class="two-columns">
    <section class="card">
      <${Editor} script=${script} problem=${problem} line=${line} onChange=${change} />
    </section>
    <section>
      <h2>${t.script.cast}</h2>
      <${Cast} characters=${characters} cast=${script.cast} estimate=${estimate} onChange=${(cast) => change({ cast })} />
      <div class="card order">
        <${Outputs} script=${script} />
        <${Total} estimate=${estimate} isAsking=${isAsking} />
        <${Warnings} sentences=${estimate?.warnings} />
        ${line ? html`<p class="notice bad">${t.script.mend(line)}</p>` : html`<${Problem} error=${problem} />`}
        <button type="button" class="primary" disabled=${!estimate || isBusy} onClick=${render}>${t.script.render(estimate && tokens(estimate.tokens))}</button>
      </div>
    </section>
  </div>`;
}

/** What is made, and how much it may cost. */
function Outputs({ script }) {
  const toggle = (name, isWanted) =>
    change({ outputs: Object.keys(t.script.outputs).filter((one) => (one === name ? isWanted : script.outputs.includes(one))) });
  return html`<fieldset class="outputs">
      <legend>${t.script.make}</legend>
      ${Object.entries(t.script.outputs).map(
        ([name, label]) => html`<label class="choice">
          <input type="checkbox" checked=${script.outputs.includes(name)} onChange=${(event) => toggle(name, event.target.checked)} />
          <span>${label}</span>
        </label>`,
      )}
    </fieldset>
    ${script.outputs.length === 0 && html`<p class="notice warn" role="status">${t.script.noOutput}</p>`}
    <div class="row">
      <${Field} label=${t.speak.format}>
        <select value=${script.output_format} onChange=${(event) => change({ output_format: event.target.value })}>
          ${FORMATS.map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
      <//>
      <${Field} label=${t.script.cap} hint=${t.script.capHint}>
        <input
          type="number"
          min="0"
          step="any"
          inputmode="decimal"
          value=${script.max_cost}
          onInput=${(event) => change({ max_cost: event.target.value })}
        />
      <//>
    </div>`;
}
