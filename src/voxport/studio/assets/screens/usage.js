/** Usage: what is left, what was charged by day, service and voice, and every entry of the ledger. */
import { base, call, loadBalance, loadVoices } from "../api.js";
import { day, number, tokens, when } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { balance, key, voices } from "../state.js";
import t from "../strings.en.js";
import { Field, Loading, More, Problem, Table, useLoaded, usePages } from "../ui.js";

const PERIODS = [7, 30, 90];
const DAY_MS = 86_400_000;

export default function Usage() {
  const [days, setDays] = useState(30);
  useEffect(() => {
    loadBalance().catch(() => {});
    if (!voices.value) loadVoices().catch(() => {});
  }, []);
  const from = new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10);
  const [found, error, reload] = useLoaded(async () => {
    const groups = await Promise.all(
      ["day", "service", "voice"].map((group) => call("GET", `v2/billing/usage?group_by=${group}&from=${from}`)),
    );
    return groups.map((group) => group.data);
  }, [days]);
  const funds = balance.value;
  const [byDay, byService, byVoice] = found ?? [[], [], []];
  const spent = byDay.reduce((sum, row) => sum + row.tokens, 0);
  return html`<h1>${t.usage.title}</h1>
    ${funds &&
    html`<dl class="facts tiles">
      <div><dt>${t.usage.balance}</dt><dd>${tokens(funds.balance)}</dd></div>
      <div><dt>${t.usage.credits}</dt><dd>${tokens(funds.credits)}</dd></div>
      <div><dt>${t.usage.held}</dt><dd>${tokens(funds.held)}</dd></div>
      <div><dt>${t.usage.spent(days)}</dt><dd>${tokens(spent)}</dd></div>
    </dl>`}
    <div class="row">
      <${Field} label=${t.usage.period}>
        <select value=${days} onChange=${(event) => setDays(Number(event.target.value))}>
          ${PERIODS.map((count) => html`<option value=${count}>${t.usage.days(count)}</option>`)}
        </select>
      <//>
    </div>
    <${Problem} error=${error} onRetry=${reload} />
    ${!found && !error && html`<${Loading} />`}
    ${found &&
    html`<section class="card" aria-labelledby="by-day">
        <h2 id="by-day">${t.usage.byDay}</h2>
        ${spent > 0 ? html`<${Chart} rows=${byDay} from=${from} days=${days} />` : html`<p class="faint">${t.usage.nothing}</p>`}
      </section>
      <div class="two-columns tables">
        <${Groups} title=${t.usage.byService} rows=${byService} name=${(group) => t.jobs.services[group] ?? group} />
        <${Groups} title=${t.usage.byVoice} rows=${byVoice} name=${voiceName} />
      </div>`}
    <${Ledger} />`;
}

/** Bars of the tokens of each day, as a picture with a text of the same. */
function Chart({ rows, from, days }) {
  const byDate = new Map(rows.map((row) => [row.group, row]));
  const dates = Array.from({ length: days }, (_, index) =>
    new Date(Date.parse(from) + index * DAY_MS).toISOString().slice(0, 10),
  );
  const top = Math.max(...rows.map((row) => row.tokens));
  const [width, height, axis] = [innerWidth < 768 ? 360 : 900, 180, 20];
  const step = width / days;
  const bar = (date, index) => {
    const row = byDate.get(date) ?? { tokens: 0, calls: 0 };
    const size = row.tokens > 0 ? Math.max(2, (row.tokens / top) * (height - axis - 14)) : 1;
    return html`<rect
      class=${row.tokens > 0 ? "" : "none"}
      x=${index * step + step * 0.1}
      y=${height - axis - size}
      width=${step * 0.8}
      height=${size}
      rx="2"
    >
      <title>${t.usage.bar(day(date), tokens(row.tokens), row.calls)}</title>
    </rect>`;
  };
  const every = Math.ceil(days / (width / 90));
  const label = rows.map((row) => t.usage.bar(day(row.group), tokens(row.tokens), row.calls)).join("; ");
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${t.usage.chart}. ${label}">
    <text x="0" y="10">${tokens(top)}</text>
    ${dates.map(bar)}
    ${dates.map(
      (date, index) =>
        index % every === 0 &&
        html`<text x=${index * step + step / 2} y=${height - 5} text-anchor=${index === 0 ? "start" : "middle"}>${day(date)}</text>`,
    )}
  </svg>`;
}

/** A table of what each group cost, with a bar of its share. */
function Groups({ title, rows, name }) {
  const top = Math.max(...rows.map((row) => row.tokens), 0.000001);
  return html`<section class="card">
    <h2>${title}</h2>
    ${rows.length === 0
      ? html`<p class="faint">${t.usage.nothing}</p>`
      : html`<${Table} label=${title}>
      <thead>
        <tr>
          <th>${t.usage.group}</th>
          <th class="amount">${t.usage.calls}</th>
          <th class="amount">${t.usage.units}</th>
          <th class="amount">${t.usage.tokens}</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr>
            <td>
              ${name(row.group)}
              <progress class="share" max=${top} value=${row.tokens} aria-hidden="true"></progress>
            </td>
            <td class="amount">${row.calls}</td>
            <td class="amount">${number(row.units)}</td>
            <td class="amount">${tokens(row.tokens)}</td>
          </tr>`,
        )}
      </tbody>
    <//>`}
  </section>`;
}

function voiceName(id) {
  return id ? (voices.value?.find((voice) => voice.voice_id === id)?.name ?? id) : t.usage.none;
}

function Ledger() {
  const pages = usePages((cursor) =>
    call("GET", `v2/billing/ledger?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
  );
  return html`<section aria-labelledby="ledger">
    <h2 id="ledger">${t.usage.ledger}</h2>
    <${Problem} error=${pages.error} onRetry=${pages.reload} />
    <${Table} label=${t.usage.ledger}>
      <thead>
        <tr>
          <th>${t.usage.when}</th>
          <th>${t.usage.kind}</th>
          <th>${t.usage.group}</th>
          <th class="amount">${t.usage.tokens}</th>
          <th class="amount">${t.usage.after}</th>
        </tr>
      </thead>
      <tbody>
        ${(pages.rows ?? []).map(
          (row) => html`<tr key=${row.id}>
            <td>${when(row.created_at)}</td>
            <td>${t.usage.kinds[row.kind]}</td>
            <td>${t.jobs.services[row.service] ?? row.service ?? ""}</td>
            <td class="amount">${tokens(row.tokens)}</td>
            <td class="amount">${tokens(row.balance_after)}</td>
          </tr>`,
        )}
      </tbody>
    <//>
    <div class="actions">
      <${More} pages=${pages} />
      <button type="button" class="quiet" onClick=${() => downloadCsv().catch(() => {})}>${t.usage.csv}</button>
    </div>
  </section>`;
}

async function downloadCsv() {
  const headers = { Authorization: `Bearer ${key.value}`, Accept: "text/csv" };
  const response = await fetch(new URL("v2/billing/usage?group_by=day", base), { headers, cache: "no-store" });
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = "usage-by-day.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
