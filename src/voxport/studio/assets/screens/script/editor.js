/** The text of a script with line numbers, also where long lines are wrapped. Takes files that are dropped. */
import { html, useEffect, useMemo, useRef, useState } from "../../html.js";
import t from "./strings.en.js";
import { Field, Problem } from "../../ui.js";
import { FORMATS, formatOf } from "./text.js";

const MAX_NUMBERED = 5000; // above, numbers would slow the typing down
const MAX_BYTES = 8_000_000;

/** `problem`: an error of the gateway, or null; `line` is where it is, counted from 1, or null. */
export function Editor({ script, problem, line, onChange }) {
  const [isOver, setOver] = useState(false);
  const [error, setError] = useState(null);
  const area = useRef(null);
  const numbers = useRef(null);
  const lines = useMemo(() => script.text.split("\n"), [script.text]);
  const isNumbered = lines.length <= MAX_NUMBERED;
  const goTo = () => {
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    area.current.focus();
    area.current.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    if (isNumbered) numbers.current.children[line - 1]?.scrollIntoView({ block: "center" });
    else area.current.scrollTop = ((line - 1) / lines.length) * area.current.scrollHeight - area.current.clientHeight / 2;
  };
  useEffect(() => {
    const row = numbers.current?.children[line - 1]; // not while somebody types: the text would move
    if (row && document.activeElement !== area.current) {
      const frame = numbers.current.closest(".editor");
      frame.scrollTop = row.offsetTop - frame.clientHeight / 2;
    }
  }, [line, problem]);
  const take = async (file) => {
    if (!file) return;
    const read = await readText(file).catch(() => ({ why: t.script.unreadable }));
    setError(read.why ?? null);
    if (!read.why) onChange({ text: read.text, format: formatOf(file.name), title: file.name.replace(/\.\w+$/, ""), added: [] });
  };
  const drop = (event) => {
    setOver(false);
    if (!event.dataTransfer.files.length) return; // a text goes where it is dropped
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  };
  const over = (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(true);
  };
  return html`<div onDragOver=${over} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <label class="label" for="script-text">${t.script.text}</label>
    <div class=${`editor${isOver ? " over" : ""}${isNumbered ? "" : " plain"}`}><div>
      ${isNumbered &&
      html`<div class="numbers" aria-hidden="true" ref=${numbers}>
        ${lines.map((one, index) => html`<div class=${index + 1 === line ? "bad" : undefined}>${one || " "}</div>`)}
      </div>`}
      <textarea
        id="script-text"
        ref=${area}
        rows="1"
        placeholder=${t.script.placeholder}
        aria-describedby="script-hint"
        aria-invalid=${line ? "true" : undefined}
        value=${script.text}
        onInput=${(event) => onChange({ text: event.target.value })}
      ></textarea>
    </div></div>
    <p class="hint" id="script-hint">${t.script.hint}</p>
    ${line &&
    html`<div class="at-line">
      <${Problem} error=${problem} />
      <button type="button" onClick=${goTo}>${t.script.goTo(line)}</button>
    </div>`}
    <${Problem} error=${error} />
    <div class="row files">
      <${Field} label=${t.script.format}>
        <select value=${script.format} onChange=${(event) => onChange({ format: event.target.value, added: [] })}>
          ${FORMATS.map((name) => html`<option value=${name}>${t.script.formats[name]}</option>`)}
        </select>
      <//>
      <${Field} label=${t.script.name}>
        <input maxlength="500" value=${script.title} onInput=${(event) => onChange({ title: event.target.value })} />
      <//>
      <div class="file">
        <input
          id="script-file"
          type="file"
          accept=".txt,.csv,.tsv,.jsonl,.ndjson,.json,.fountain,.spmd,.md,.markdown,text/*"
          onChange=${(event) => {
            take(event.target.files[0]);
            event.target.value = ""; // the same file again, mended, is a change too
          }}
        />
        <label class="button" for="script-file">${t.script.choose}</label>
      </div>
    </div>
  </div>`;
}

/** Return { text }, or { why } it is none. Spreadsheets save as UTF-16 and Windows-1252 too. */
async function readText(file) {
  if (file.size > MAX_BYTES) return { why: t.script.tooLarge };
  const bytes = new Uint8Array(await file.arrayBuffer());
  const mark = (bytes[0] << 8) | bytes[1];
  const encoding = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  if ((bytes[0] === 0x50 && bytes[1] === 0x4b) || /\.epub$/i.test(file.name)) return { why: t.script.noBook };
  if (encoding === "utf-8" && bytes.includes(0)) return { why: t.script.unreadable };
  return { text: decoded(bytes, encoding).replace(/\r\n?/g, "\n") };
}

function decoded(bytes, encoding) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
