/** What a script would cost, asked for once the typing pauses; and where in it an error of the gateway is. */
import { call } from "../../api.js";
import { duration, tokens } from "../../format.js";
import { html, useEffect, useState } from "../../html.js";
import { balance } from "../../state.js";
import t from "./strings.en.js";

export const BATCH = "v1/proxy/core-tts-batch";
const ESTIMATE_AFTER_MS = 600;

/** Return [estimate, error, isAsking] of a body; all are empty for null. */
export function useEstimate(body) {
  const [state, setState] = useState({});
  const asText = body && JSON.stringify(body);
  useEffect(() => {
    if (!asText) return setState({});
    const control = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { data } = await call("POST", BATCH, { ...JSON.parse(asText), dry_run: true }, { signal: control.signal });
        setState({ asText, estimate: data });
      } catch (error) {
        if (error.name !== "AbortError") setState({ asText, error });
      }
    }, ESTIMATE_AFTER_MS);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [asText]);
  const isCurrent = state.asText === asText;
  return [isCurrent ? state.estimate : null, isCurrent ? state.error : null, Boolean(asText) && !isCurrent];
}

/** Return the line of the script's text that an error is about, counted from 1, or null. */
export function lineOf(error) {
  const found = /^line (\d+)\b/i.exec(error?.details?.place || error?.message || "");
  return found && Number(found[1]);
}

/** The whole in a sentence, and whether the credits are enough. */
export function Total({ estimate, isAsking }) {
  if (!estimate) return html`<p class="estimate faint" role="status">${isAsking ? t.script.asking : ""}</p>`;
  const funds = balance.value?.balance;
  return html`<p class="estimate" role="status">
    ${t.script.total(estimate.lines, estimate.spoken, duration(estimate.duration_seconds))}
    <br />
    <strong>${t.script.price(tokens(estimate.tokens), tokens(estimate.held))}</strong>
    ${funds !== undefined && ` ${t.script.funds(tokens(funds))}`}
    ${funds < estimate.tokens && html` <strong>${t.clone.tooFew}</strong>`}
  </p>`;
}
