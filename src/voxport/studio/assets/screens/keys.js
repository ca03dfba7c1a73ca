/** Keys: make, rotate and revoke them; and what was sent to webhooks. */
import { call } from "../api.js";
import { when } from "../format.js";
import { html, useState } from "../html.js";
import t from "../strings.en.js";
import { ConfirmButton, Field, Loading, More, Problem, Table, useLoaded, usePages } from "../ui.js";

export default function Keys() {
  const [keys, error, reload] = useLoaded(async () => (await call("GET", "v2/keys")).data);
  const [name, setName] = useState("");
  const [made, setMade] = useState("");
  const [problem, setProblem] = useState(null);
  const change = (calling) => {
    setProblem(null);
    return calling.then((answer) => {
      setMade(answer.data.key ?? "");
      reload();
    }, setProblem);
  };
  const make = (event) => {
    event.preventDefault();
    change(call("POST", "v2/keys", { name })).then(() => setName(""));
  };
  return html`<h1>${t.keys.title}</h1>
    <section aria-labelledby="keys-title">
      <h2 id="keys-title">${t.keys.keys}</h2>
      <form class="row" onSubmit=${make}>
        <${Field} label=${t.keys.name} hint=${t.keys.nameHint}>
          <input maxlength="200" value=${name} onInput=${(event) => setName(event.target.value)} />
        <//>
        <button class="beside">${t.keys.make}</button>
      </form>
      ${made && html`<${NewKey} value=${made} />`}
      <${Problem} error=${problem ?? error} />
      ${!keys && !error && html`<${Loading} />`}
      <${Table} label=${t.keys.keys}>
        <tbody>
          ${(keys ?? []).map(
            (row) => html`<tr key=${row.id}>
              <td><code>${row.starts}…</code><br />${row.name}</td>
              <td class="faint">${t.keys.created} ${when(row.created_at)}<br />${stateOf(row)}</td>
              <td>
                ${!row.revoked_at &&
                html`<span class="actions">
                  ${!row.expires_at &&
                  html`<${ConfirmButton}
                    label=${t.keys.rotate}
                    question=${t.keys.rotateQuestion}
                    onConfirm=${() => change(call("POST", `v2/keys/${row.id}/rotate`))}
                  />`}
                  <${ConfirmButton}
                    label=${t.keys.revoke}
                    question=${t.keys.revokeQuestion}
                    onConfirm=${() => change(call("DELETE", `v2/keys/${row.id}`))}
                  />
                </span>`}
              </td>
            </tr>`,
          )}
        </tbody>
      <//>
    </section>
    <${Deliveries} />`;
}

function stateOf(row) {
  if (row.revoked_at) return t.keys.revoked(when(row.revoked_at));
  return row.expires_at ? t.keys.until(when(row.expires_at)) : t.keys.good;
}

function NewKey({ value }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(value).then(() => setCopied(true), () => {});
  return html`<div class="notice" role="status">
    <p><code>${value}</code></p>
    <p>${t.keys.shown}</p>
    ${navigator.clipboard && html`<button type="button" onClick=${copy}>${isCopied ? t.keys.copied : t.keys.copy}</button>`}
  </div>`;
}

function Deliveries() {
  const pages = usePages((cursor) =>
    call("GET", `v2/webhooks/deliveries?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
  );
  return html`<section aria-labelledby="deliveries-title">
    <h2 id="deliveries-title">${t.keys.deliveries}</h2>
    <${Problem} error=${pages.error} onRetry=${pages.reload} />
    ${pages.rows?.length === 0 && html`<p class="faint">${t.keys.noDeliveries}</p>`}
    <${Table} label=${t.keys.deliveries}>
      <tbody>
        ${(pages.rows ?? []).map(
          (row) => html`<tr key=${row.id}>
            <td>${when(row.created_at)}</td>
            <td>${row.type}</td>
            <td><code>${row.url}</code></td>
            <td>${row.status} (${row.attempt_count})</td>
          </tr>`,
        )}
      </tbody>
    <//>
    <${More} pages=${pages} />
  </section>`;
}
