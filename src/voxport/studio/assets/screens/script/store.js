/** The script that is being written, and those that this tab ordered, by their jobs. They end with the tab's session. */
import { effect, signal } from "../../html.js";
import { DRAFT, ORDERED, key, voices } from "../../state.js";
import { firstLines } from "./text.js";

const MAX_ORDERED = 6;

/**
 * `cast` maps each name to { voice_id, speed }. `added`: characters that the gateway found, and this page did not.
 * `max_cost` is as it was typed.
 */
export const EMPTY = {
  text: "",
  format: "lines",
  title: "",
  cast: {},
  added: [],
  outputs: ["joined"],
  output_format: "mp3",
  max_cost: "",
};

export const draft = signal(EMPTY);
effect(() => {
  draft.value = (key.value && read(DRAFT)) || EMPTY;
});

export function change(fields) {
  draft.value = { ...draft.peek(), ...fields };
  write(DRAFT, draft.peek());
}

/** Keep what a job was ordered with: its script, `estimate`, and later `edits`, new texts by the numbers of lines. */
export function rememberOrdered(jobId, script) {
  const others = Object.entries(read(ORDERED) ?? {}).filter(([id]) => id !== jobId);
  write(ORDERED, Object.fromEntries([...others.slice(1 - MAX_ORDERED), [jobId, script]]));
}

/** Return what this tab ordered a job with, or null. */
export const orderedAs = (jobId) => read(ORDERED)?.[jobId] ?? null;

/** Return the characters of a script, each with what it says first. */
export function charactersOf({ text, format, added }) {
  const found = firstLines(text, format);
  for (const name of added) if (!found.has(name)) found.set(name, "");
  return found;
}

/** Return the body of the call that renders a script. */
export function bodyOf(script) {
  const cast = {};
  for (const name of charactersOf(script).keys()) {
    const { voice_id, speed = 1 } = script.cast[name] ?? {};
    if (!voice_id) continue;
    cast[name] = { voice_id, provider: voices.value?.find((one) => one.voice_id === voice_id)?.provider };
    if (speed !== 1) cast[name].voice_settings = { speed };
  }
  const body = { script_text: script.text, script_format: script.format, cast, outputs: script.outputs, output_format: script.output_format };
  if (script.title.trim()) body.title = script.title.trim();
  if (script.max_cost !== "") body.max_tokens_cost = Number(script.max_cost);
  return body;
}

function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    sessionStorage.removeItem(name); // the session is full: the script stays on the page, and an older one would mislead
  }
}
