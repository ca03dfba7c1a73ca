/** Operator: with the operator's key, who uses the gateway and what it holds. It changes nothing. */
import { call } from "../api.js";
import { bytes, tokens, when } from "../format.js";
import { html, useState } from "../html.js";
import { operatorKey } from "../state.js";
import t from "../strings.en.js";
import { Field, Loading, More, Problem, Table, useLoaded, usePages } from "../ui.js";

export default function Operator() {
  const leave = () => {
    operatorKey.value = "";
  };
  return html`<h1>${t.operator.title}</h1>
    ${operatorKey.value
      ? html`<div class="actions">
            <button type="button" class="quiet" onClick=${leave}>${t.operator.leave}</button>
            <a class="button quiet" href="#/speak">${t.operator.back}</a>
          </div>
          <${Health} />
          <${State} />
          <${Profiles} />
          <${AuditLog} />`
      : html`<${Enter} />`}`;
}

const ask = (path) => call("GET", path, undefined, { key: operatorKey.value });

function Enter() {
  const [typed, setTyped] = useState("");
  const [error, setError] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    try {
      await call("GET", "v2/admin/profiles?limit=1", undefined, { key: typed.trim() });
      operatorKey.value = typed.trim();
    } catch (problem) {
      setError([401, 404].includes(problem.status) ? t.operator.none : problem);
    }
  };
  return html`<form class="sign-in" onSubmit=${submit}>
    <p class="lead">${t.operator.lead}</p>
    <${Field} label=${t.operator.key}>
      <input
        type="password"
        autocomplete="off"
        required
        value=${typed}
        onInput=${(event) => setTyped(event.target.value)}
      />
    <//>
    <${Problem} error=${error} />
    <button class="primary" disabled=${!typed.trim()}>${t.operator.submit}</button>
    <a class="button quiet" href="#/speak">${t.operator.back}</a>
  </form>`;
}

function Health() {
  const [state] = useLoaded(() =>
    call("GET", "readyz", undefined, { key: "" }).catch((error) => ({ status: "not_ready", checks: { "": error.message } })),
  );
  if (!state) return html`<${Loading} />`;
  const isReady = state.status === "ready";
  const parts = [...Object.entries(state.checks ?? {}), ...Object.entries(state.circuits ?? {})];
  return html`<section class="card" aria-label=${t.operator.providers}>
    <p><span class=${isReady ? "verdict" : "verdict poor"}>${isReady ? t.operator.ready : t.operator.notReady}</span></p>
    <dl class="facts">${parts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

/** The providers, and whether the ledger is right. */
function State() {
  const [state, error] = useLoaded(async () => (await ask("studio/operator")).data);
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const check = () => {
    setBusy(true);
    call("POST", "studio/operator/ledger", undefined, { key: operatorKey.value })
      .then(({ data }) => setFound(data) ?? setProblem(null), setProblem)
      .then(() => setBusy(false));
  };
  if (error) return html`<${Problem} error=${error} />`;
  if (!state) return html`<${Loading} />`;
  const last = state.ledger;
  return html`<div class="two-columns tables">
    <section class="card" aria-labelledby="providers-title">
      <h2 id="providers-title">${t.operator.providerStates}</h2>
      <dl class="facts wide">
        ${state.providers.map(
          (one) => html`<div>
            <dt>${one.provider}</dt>
            <dd>${one.available ? (t.operator.circuits[one.circuit] ?? t.operator.available) : t.operator.unavailable}</dd>
            ${one.reason && html`<dd class="hint">${one.reason}</dd>`}
          </div>`,
        )}
      </dl>
    </section>
    <section class="card" aria-labelledby="ledger-title">
      <h2 id="ledger-title">${t.operator.ledger}</h2>
      <p>${last ? t.operator.lastCheck(when(last.checked_at), last.problems) : t.operator.noCheck}</p>
      ${found &&
      html`<div role="status" class=${found.problems ? "notice bad" : "notice"}>
        <p>${found.problems ? t.operator.wrong(found.problems) : t.operator.right}</p>
        ${found.sentences.length > 0 && html`<ul class="help-list">${found.sentences.map((one) => html`<li>${one}</li>`)}</ul>`}
      </div>`}
      <${Problem} error=${problem} />
      <button type="button" disabled=${isBusy} onClick=${check}>${isBusy ? t.operator.checking : t.operator.checkNow}</button>
    </section>
  </div>`;
}

function Profiles() {
  const pages = usePages(async (cursor) => {
    const query = `limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const [profiles, stored] = await Promise.all([ask(`v2/admin/profiles?${query}`), ask(`v2/admin/stored?${query}`)]);
    const byId = Object.fromEntries(stored.data.map((row) => [row.profile_id, row]));
    return { ...profiles, data: profiles.data.map((row) => ({ ...row, stored: byId[row.id] })) };
  });
  return html`<section aria-labelledby="profiles-title">
    <h2 id="profiles-title">${t.operator.profiles}</h2>
    <${Problem} error=${pages.error} onRetry=${pages.reload} />
    <${Table} label=${t.operator.profiles}>
      <thead>
        <tr>
          <th>${t.operator.name}</th>
          <th>${t.operator.state}</th>
          <th class="amount">${t.operator.balance}</th>
          <th class="amount">${t.operator.held}</th>
          <th class="amount">${t.operator.files}</th>
          <th class="amount">${t.operator.bytes}</th>
        </tr>
      </thead>
      <tbody>
        ${(pages.rows ?? []).map(
          (row) => html`<tr key=${row.id}>
            <td>${row.name}<br /><code class="faint">${row.id}</code></td>
            <td>${row.state}</td>
            <td class="amount">${tokens(row.balance)}</td>
            <td class="amount">${tokens(row.held)}</td>
            <td class="amount">${row.stored ? row.stored.uploads + row.stored.speech + row.stored.voices : ""}</td>
            <td class="amount">
              ${row.stored ? bytes(row.stored.upload_bytes + row.stored.speech_bytes + row.stored.voice_bytes) : ""}
            </td>
          </tr>`,
        )}
      </tbody>
    <//>
    <${More} pages=${pages} />
  </section>`;
}

function AuditLog() {
  const pages = usePages((cursor) => ask(`v2/admin/audit?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`));
  return html`<section aria-labelledby="audit-title">
    <h2 id="audit-title">${t.operator.audit}</h2>
    <${Problem} error=${pages.error} onRetry=${pages.reload} />
    <${Table} label=${t.operator.audit}>
      <thead>
        <tr>
          <th>${t.operator.when}</th>
          <th>${t.operator.who}</th>
          <th>${t.operator.did}</th>
          <th>${t.operator.of}</th>
        </tr>
      </thead>
      <tbody>
        ${(pages.rows ?? []).map(
          (row) => html`<tr key=${row.sequence}>
            <td>${when(row.at)}</td>
            <td><code>${row.actor}</code></td>
            <td>${row.action}</td>
            <td><code>${row.subject ?? row.profile_id ?? ""}</code></td>
          </tr>`,
        )}
      </tbody>
    <//>
    <${More} pages=${pages} />
  </section>`;
}
