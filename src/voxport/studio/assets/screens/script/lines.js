/** The lines of a job: each to hear, to read along, and to be worded anew. */
import { freshUrl, ownUrl } from "../../api.js";
import { duration, tokens } from "../../format.js";
import { html, useComputed, useEffect, useMemo, useRef, useSignal, useState } from "../../html.js";
import t from "./strings.en.js";
import { Field, Problem } from "../../ui.js";
import { download } from "./download.js";

const SHOWN = 1000;

/** `onEdit` gets all edits, new texts by the numbers of lines; null where none can be made. */
export function Lines({ job, lines, edits, onEdit }) {
  const made = job.result_data?.outputs.joined;
  const joined = made?.url ? made : null; // else the file was deleted
  const [asked, setAsked] = useState(SHOWN);
  const [open, setOpen] = useState(null); // the number of the line that is worded anew
  const [follows, setFollows] = useState(true);
  const player = usePlayer(lines, joined, follows);
  const needed = useComputed(() => Math.ceil(((player.heard.value ?? 0) + 1) / SHOWN) * SHOWN);
  const max = Math.max(asked, needed.value);
  const count = Object.keys(edits).length;
  const toNext = () => {
    const next = document.querySelector(".next");
    next.scrollIntoView({ block: "center" });
    next.focus({ preventScroll: true });
  };
  const edit = (number, text) => {
    const { [number]: _, ...others } = edits;
    onEdit(text === lines[number].text || !text.trim() ? others : { ...others, [number]: text });
    setOpen(null);
  };
  return html`<section aria-labelledby="lines-title">
    <h2 id="lines-title">${t.script.lines}</h2>
    <ol class="lines">
      ${lines.slice(0, max).map(
        (line) => html`<${Line}
          key=${line.number}
          line=${line}
          edited=${edits[line.number]}
          isOpen=${open === line.number}
          player=${player}
          onOpen=${onEdit && setOpen}
          onEdit=${edit}
        />`,
      )}
    </ol>
    ${lines.length > max && html`<button type="button" class="quiet" onClick=${() => setAsked(max + SHOWN)}>${t.common.more}</button>`}
    <div class=${joined || count ? "along" : undefined}>
      ${count > 0 && html`<p><button type="button" class="quiet" onClick=${toNext}>${t.script.reworded(count)}</button></p>`}
      <${Problem} error=${player.error} />
      ${joined &&
      html`<audio ref=${player.whole} controls preload="metadata" src=${player.source} aria-label=${t.script.whole} ...${player.events}></audio>
        <label class="choice">
          <input type="checkbox" checked=${follows} onChange=${(event) => setFollows(event.target.checked)} />
          <span>${t.script.follow}</span>
        </label>`}
      <audio ref=${player.single} preload="none" ...${player.singleEvents}></audio>
    </div>
  </section>`;
}

function Line({ line, edited, isOpen, player, onOpen, onEdit }) {
  const row = useRef(null);
  const isHeard = useComputed(() => player.heard.value === line.number).value;
  const isPlaying = useComputed(() => player.playing.value === line.number).value;
  useEffect(() => {
    if (isHeard && player.isFollowed()) row.current.scrollIntoView({ block: "center" });
  }, [isHeard]);
  const facts = [
    line.seconds !== null && duration(line.seconds),
    t.script.states[line.state],
    line.tokens > 0 && t.common.tokens(tokens(line.tokens)),
  ];
  const canPlay = line.url || (player.hasWhole && line.start !== null);
  const number = line.number + 1;
  return html`<li ref=${row} class=${edited === undefined ? undefined : "edited"} aria-current=${isHeard ? "true" : undefined}>
    <button
      type="button"
      class="quiet"
      disabled=${!canPlay}
      aria-label=${isPlaying ? t.script.stop(number) : t.script.play(number, line.character)}
      onClick=${() => player.toggle(line)}
    >
      <span aria-hidden="true">${isPlaying ? "■" : "▶"}</span>
    </button>
    <div>
      <p class="faint"><span class="number">${number}</span> <strong>${line.character}</strong> ${facts.filter(Boolean).join(" · ")}</p>
      ${player.hasWhole && line.start !== null
        ? html`<button type="button" class="said" title=${t.script.seek} onClick=${() => player.seek(line)}>${line.text}</button>`
        : html`<p class="said">${line.text}</p>`}
      ${line.findings.length > 0 &&
      html`<ul class="findings">${line.findings.map((one) => html`<li>${one.message ?? one.kind ?? one.name ?? JSON.stringify(one)}</li>`)}</ul>`}
      ${edited !== undefined && !isOpen && html`<p class="new"><span class="faint">${t.script.becomes}</span> ${edited}</p>`}
      ${isOpen && html`<${Rewording} line=${line} text=${edited ?? line.text} onEdit=${onEdit} onClose=${() => onOpen(null)} />`}
    </div>
    <div class="actions">
      ${line.key && html`<${LineDownload} line=${line} />`}
      ${onOpen &&
      !isOpen &&
      html`<button type="button" class="quiet" aria-label=${t.script.redoLine(number)} onClick=${() => onOpen(line.number)}>${t.script.redo}</button>`}
    </div>
  </li>`;
}

function LineDownload({ line }) {
  const [error, setError] = useState(null);
  const save = () => download(line.key).then(() => setError(null), setError);
  return html`<button type="button" class="quiet" aria-label=${t.script.downloadLine(line.number + 1)} onClick=${save}>
      <span aria-hidden="true">↓</span>
    </button>
    <${Problem} error=${error} />`;
}

function Rewording({ line, text, onEdit, onClose }) {
  const [typed, setTyped] = useState(text);
  const area = useRef(null);
  useEffect(() => area.current.querySelector("textarea").focus(), []);
  const onKey = (event) => {
    if (event.key === "Escape") onClose();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onEdit(line.number, typed);
  };
  return html`<div class="rewording" ref=${area} onKeyDown=${onKey}>
    <${Field} label=${t.script.newText(line.number + 1)} hint=${t.script.redoHint}>
      <textarea rows="3" maxlength="5000" value=${typed} onInput=${(event) => setTyped(event.target.value)}></textarea>
    <//>
    <div class="actions">
      <button type="button" disabled=${!typed.trim()} onClick=${() => onEdit(line.number, typed)}>${t.script.take}</button>
      <button type="button" class="quiet" onClick=${onClose}>${t.script.leaveIt}</button>
    </div>
  </div>`;
}

/**
 * Plays the whole, and single lines from their own files or else from the whole. `heard` is the number of the line that
 * is heard in the whole, `playing` that of the single line that plays; null of none.
 */
function usePlayer(lines, joined, follows) {
  const [whole, single] = [useRef(null), useRef(null)];
  const [source, setSource] = useState(ownUrl(joined?.url));
  const [error, setError] = useState(null);
  const [heard, playing] = [useSignal(null), useSignal(null)];
  const end = useRef(Infinity); // seconds of the whole where a single line ends
  const starts = useMemo(() => lines.map((line) => line.start ?? 0), [lines]);
  const isRenewed = useRef(false);
  useEffect(() => setSource(ownUrl(joined?.url)), [joined?.url]);
  const rest = () => {
    playing.value = null;
    end.current = Infinity;
  };
  const start = (player) => player.play().catch((problem) => problem.name !== "AbortError" && setError(problem.message));
  const at = (line) => {
    whole.current.currentTime = line.start + 0.001; // else rounding may show the line before
    heard.value = line.number;
  };
  const seek = (line) => {
    single.current.pause();
    rest();
    at(line);
    start(whole.current);
  };
  const toggle = (line) => {
    const isOn = playing.value === line.number;
    single.current.pause();
    whole.current?.pause();
    rest();
    if (isOn) return;
    playing.value = line.number;
    if (line.url) {
      single.current.src = ownUrl(line.url);
      start(single.current);
    } else {
      at(line);
      end.current = line.start + line.seconds;
      start(whole.current);
    }
  };
  const onTime = ({ target }) => {
    if (target.currentTime >= end.current) {
      target.pause();
      rest();
    } else if (target.currentTime > 0 || !target.paused) heard.value = lineAt(starts, target.currentTime);
  };
  const onPause = ({ target }) => target.paused && end.current < Infinity && rest(); // not if it plays on elsewhere
  const renew = () => {
    if (isRenewed.current || !joined) return;
    isRenewed.current = true;
    freshUrl(joined.key).then(setSource, (problem) => setError(problem.message));
  };
  const renewSingle = async () => {
    const line = lines[playing.value];
    if (!line?.key || single.current.src !== ownUrl(line.url)) return rest();
    try {
      single.current.src = await freshUrl(line.key); // the URL had expired
      start(single.current);
    } catch (problem) {
      setError(problem.message);
      rest();
    }
  };
  return {
    ...{ whole, single, source, error, heard, playing, seek, toggle },
    hasWhole: Boolean(joined?.url),
    isFollowed: () => follows && whole.current && !whole.current.paused,
    events: { onTimeUpdate: onTime, onSeeked: onTime, onError: renew, onPause },
    singleEvents: { onEnded: rest, onError: renewSingle },
  };
}

/** Return the index of the last line that begins at this second or before. */
function lineAt(starts, seconds) {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle] <= seconds) low = middle;
    else high = middle - 1;
  }
  return low;
}
