/** What the page reads of a script by itself: who speaks, and where a line stands. The gateway reads the rest. */

export const FORMATS = ["lines", "csv", "jsonl", "fountain", "markdown"];
const BY_ENDING = {
  csv: "csv",
  tsv: "csv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "jsonl",
  fountain: "fountain",
  spmd: "fountain",
  md: "markdown",
  markdown: "markdown",
};
const NARRATOR = "Narrator";
const NAME = /^([^:："“”„«»!?…|<>{}[\]*]{1,200})([:：]\s*)(.*)$/;
const BRACKETED = /^(\[([^[\]]{1,200})\]\s*[:：]?\s*)(.*)$/;
const SCENE = /^((INT|EXT|EST|I\/E)[./ ]|\.\w|=|#|>|.*\bTO:$)/i;
const ALIASES = { speaker: "character", voice: "character", name: "character", line: "text" };
const SEPARATORS = [",", ";", "\t", "|"];

export const formatOf = (fileName) => BY_ENDING[fileName.toLowerCase().split(".").pop()] ?? "lines";

/** Return what each character says first, by name. */
export function firstLines(text, format) {
  const found = new Map();
  for (const item of READERS[format](text)) if (item.name && !found.has(item.name)) found.set(item.name, item.text);
  return found;
}

/**
 * Return the script with other texts for some of its lines, or null where it can't be told where they stand. `lines` are
 * all lines that the gateway found, in order; `edits` maps their numbers to the new texts.
 */
export function withEdits(text, format, lines, edits) {
  const items = format === "fountain" || format === "markdown" ? searched(text, lines) : [...READERS[format](text)];
  if (items.length !== lines.length) return null;
  if (format === "jsonl") return withEditsOfJson(text, items, edits);
  let changed = "";
  let done = 0;
  for (const [number, { start, end, separator }] of items.entries()) {
    if (!(number in edits)) continue;
    if (start === undefined) return null;
    changed += text.slice(done, start) + spelled(edits[number], separator);
    done = end;
  }
  return changed + text.slice(done);
}

/** Spell lines as `Ana: text`, one in each line of the text. */
export function asText(lines) {
  return lines
    .map(({ character, text }) => {
      const line = `${character}: ${oneLine(text)}`;
      return splitName(line)?.name === character ? line : `[${character}] ${oneLine(text)}`;
    })
    .join("\n");
}

const oneLine = (text) => text.replace(/\s+/g, " ").trim();
const nameOf = (text) => oneLine(String(text ?? "")).normalize("NFC");

const READERS = { lines: readLines, csv: readTable, jsonl: readJson, fountain: readFountain, markdown: readMarkdown };

function* readLines(text) {
  let start = 0;
  for (const line of text.split("\n")) {
    const found = splitName(line);
    if (found) {
      const at = start + line.lastIndexOf(found.text);
      yield { ...found, start: at, end: at + found.text.length };
    }
    start += line.length + 1;
  }
}

function splitName(line) {
  const plain = line.trim().replace(/^(\*\*|__)(.*?)\1/, "$2");
  if (plain.startsWith("#")) return null;
  const bracketed = BRACKETED.exec(plain);
  if (bracketed) return { name: nameOf(bracketed[2]), text: bracketed[3] };
  const [, name, colon, text] = NAME.exec(plain) ?? [];
  const isTime = /\d$/.test(name) && colon === ":" && /^\d/.test(text);
  if (!name || isTime || text.startsWith("//") || !/\p{L}/u.test(name)) return null;
  return { name: nameOf(name), text };
}

function* readTable(text) {
  const first = text.trimStart().split("\n", 1)[0];
  const named = (separator) => first.split(separator).map((cell) => fieldOf(cell.replace(/["']/g, "")));
  const separator = SEPARATORS.find((one) => ["character", "text"].every((name) => named(one).includes(name)));
  const columns = separator ? named(separator) : first.split("|").length === 2 ? ["character", "text"] : ["id", "character", "text"];
  const rows = [...cellsOf(text, separator ?? "|", Boolean(separator))];
  for (const cells of separator ? rows.slice(1) : rows) {
    const said = cells[columns.indexOf("text")];
    yield { name: nameOf(cells[columns.indexOf("character")]?.text), text: said?.text ?? "", ...said, separator: separator ?? "bare" };
  }
}

const fieldOf = (name) => {
  const plain = name.trim().toLowerCase();
  return ALIASES[plain] ?? plain;
};

/** Yield the cells of each row of a table that has any: { text, start, end }, with the quotes inside of the range. */
function* cellsOf(text, separator, hasQuotes) {
  let row = [];
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (hasQuotes && text[at] === '"' && !text.slice(start, at).trim()) {
      for (at++; at < text.length && (text[at] !== '"' || text[at + 1] === '"'); at++) if (text[at] === '"') at++;
      continue;
    }
    const isEnd = at === text.length || text[at] === "\n";
    if (!isEnd && text[at] !== separator) continue;
    const spelling = text.slice(start, at).trim();
    const isQuoted = hasQuotes && spelling.startsWith('"');
    row.push({ text: isQuoted ? spelling.slice(1, -1).replaceAll('""', '"') : spelling, start, end: at });
    start = at + 1;
    if (!isEnd) continue;
    if (row.some((cell) => cell.text)) yield row;
    row = [];
  }
}

/** Spell a line's text as a cell of a table with this separator, or as a line of text. */
function spelled(text, separator) {
  const line = oneLine(text);
  if (separator === "bare") return line.replaceAll("|", " ");
  return separator && (line.includes(separator) || line.includes('"')) ? `"${line.replaceAll('"', '""')}"` : line;
}

function* readJson(text) {
  const whole = text.trimStart().startsWith("[") ? parsed(text) : null;
  for (const line of whole ?? text.split("\n")) {
    const value = whole ? line : parsed(line);
    if (!value || typeof value !== "object") continue;
    const key = (meant) => Object.keys(value).find((name) => fieldOf(name) === meant);
    yield { name: nameOf(value[key("character")]), text: String(value[key("text")] ?? ""), value, key: key("text") };
  }
}

function withEditsOfJson(text, items, edits) {
  const changed = items.map(({ value, key }, number) => (number in edits ? { ...value, [key]: edits[number].trim() } : value));
  if (text.trimStart().startsWith("[")) return JSON.stringify(changed, null, 1);
  const lines = text.split("\n");
  let number = 0;
  for (const [index, line] of lines.entries()) {
    if (!line.trim()) continue;
    if (number in edits) lines[index] = JSON.stringify(changed[number]);
    number++;
  }
  return lines.join("\n");
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function* readFountain(text) {
  for (const block of text.replace(/\/\*[\s\S]*?\*\/|\[\[[\s\S]*?\]\]/g, "").split(/\n\s*\n/)) {
    const lines = block.split("\n").map((line) => line.trim()).filter(Boolean);
    while (lines.length && SCENE.test(lines[0])) lines.shift();
    if (!lines.length || /^(title|credit|author|authors|source|contact|copyright|draft date):/i.test(lines[0])) continue;
    const cue = lines[0].replace(/\([^()]*\)/g, "").replace(/[\s^]+$/, "");
    const isCue = lines.length > 1 && (cue.startsWith("@") || (/\p{Lu}/u.test(cue) && !/\p{Ll}|[:!?]$/u.test(cue)));
    const said = (isCue ? lines.slice(1) : lines).filter((line) => !/^\(.*\)$/.test(line)).join(" ");
    yield { name: isCue ? nameOf(cue.replace(/^@/, "")) : NARRATOR, text: said };
  }
}

function* readMarkdown(text) {
  for (const line of text.split("\n")) {
    const plain = line.replace(/^[\s#>*+-]+/, "").trim();
    const bracketed = BRACKETED.exec(plain);
    if (bracketed) yield { name: nameOf(bracketed[2]), text: bracketed[3] };
    else if (/[\p{L}\p{N}]/u.test(plain)) yield { name: NARRATOR, text: plain };
  }
}

/** Find each line's text behind that of the line before; one that is spelled otherwise in the script has no range. */
function searched(text, lines) {
  let at = 0;
  return lines.map((line) => {
    const words = line.text.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"));
    const pattern = new RegExp(`(?<![\\p{L}\\p{N}])${words.join("\\s+")}(?![\\p{L}\\p{N}])`, "gu");
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) return {};
    at = found.index + found[0].length;
    return { start: found.index, end: at };
  });
}
