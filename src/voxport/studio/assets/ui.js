/** Small parts that the screens share. */
import { freshUrl } from "./api.js";
import { html, useEffect, useId, useRef, useState } from "./html.js";
import t from "./strings.en.js";

/** An error of a call, or a sentence; announced to screen readers. */
export function Problem({ error, onRetry }) {
  if (!error) return null;
  return html`<div class="notice bad" role="alert">
    <p>${error.message ?? error}</p>
    ${error.requestId && html`<p class="faint">${t.common.requestId} <code>${error.requestId}</code></p>`}
    ${onRetry && html`<button type="button" onClick=${onRetry}>${t.common.tryAgain}</button>`}
  </div>`;
}

export const Warnings = ({ sentences }) =>
  sentences?.length ? html`<ul class="notice warn">${sentences.map((one) => html`<li>${one}</li>`)}</ul>` : null;

export function Field({ label, hint, children }) {
  const id = useId();
  children.props.id = id;
  if (hint) children.props["aria-describedby"] = `${id}-hint`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

/** A table that scrolls sideways in a narrow window, by the keyboard too. `children` are its head and body. */
export function Table({ label, children }) {
  return html`<div class="table" role="group" aria-label=${label} tabindex="0"><table>${children}</table></div>`;
}

export function Progress({ value, label }) {
  return html`<div class="progress-line">
    <progress max="1" value=${value} aria-label=${label}></progress>
    <span>${label}</span>
  </div>`;
}

/** Plays a stored file, at once if `isStarted`. A URL that has expired is asked for again when it fails. */
export function FileAudio({ fileKey, url, label, isStarted }) {
  const [source, setSource] = useState(url);
  const isRenewed = useRef(false);
  const [problem, setProblem] = useState(null);
  useEffect(() => setSource(url), [url]);
  const renew = () => {
    if (isRenewed.current || !fileKey) return;
    isRenewed.current = true;
    freshUrl(fileKey).then(setSource, setProblem);
  };
  const player = useRef(null);
  useEffect(() => {
    if (isStarted) player.current.play().catch(() => {});
  }, []);
  return html`<audio ref=${player} controls preload="metadata" src=${source} aria-label=${label} onError=${renew}></audio>
    <${Problem} error=${problem} />`;
}

/** A button that asks again in place before it does what can't be undone. The keyboard goes on at the button that stays. */
export function ConfirmButton({ label, question, confirm, onConfirm, disabled }) {
  const [isAsking, setAsking] = useState(null); // null: not yet
  const next = useRef(null);
  useEffect(() => {
    if (isAsking !== null) next.current?.focus();
  }, [isAsking]);
  if (!isAsking)
    return html`<button ref=${next} type="button" class="quiet danger" disabled=${disabled} onClick=${() => setAsking(true)}>${label}</button>`;
  return html`<span class="confirm" role="group" aria-label=${question}>
    <span>${question}</span>
    <button
      type="button"
      class="danger"
      onClick=${() => {
        setAsking(false);
        onConfirm();
      }}
    >
      ${confirm ?? label}
    </button>
    <button ref=${next} type="button" class="quiet" onClick=${() => setAsking(false)}>${t.common.keep}</button>
  </span>`;
}

/** Load something when the part appears: [value, error, load again]. */
export function useLoaded(load, dependencies = []) {
  const [state, setState] = useState([undefined, null]);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    load().then(
      (value) => isCurrent && setState([value, null]),
      (error) => isCurrent && error.name !== "AbortError" && setState([undefined, error]),
    );
    return () => {
      isCurrent = false;
    };
  }, [...dependencies, turn]);
  return [...state, () => setTurn((count) => count + 1)];
}

export const Loading = () => html`<p class="faint" role="status">${t.common.loading}</p>`;

/** A list that is read page by page: `load(cursor)` returns the API's list. */
export function usePages(load, dependencies = []) {
  const [rows, setRows] = useState(null);
  const [cursor, setCursor] = useState(null);
  const [error, setError] = useState(null);
  const read = async (from, before) => {
    try {
      const page = await load(from);
      setRows([...before, ...page.data]);
      setCursor(page.next_cursor);
      setError(null);
    } catch (problem) {
      setError(problem);
    }
  };
  useEffect(() => {
    read(null, []);
  }, dependencies);
  return { rows, setRows, error, reload: () => read(null, []), more: cursor && (() => read(cursor, rows ?? [])) };
}

export const More = ({ pages }) =>
  pages.more ? html`<button type="button" class="quiet" onClick=${pages.more}>${t.common.more}</button>` : null;
