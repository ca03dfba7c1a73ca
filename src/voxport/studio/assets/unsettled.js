/** Billed calls whose outcome is unknown: a connection broke, or the page was loaded again. The same order takes the
 * same Idempotency-Key then, so that the gateway answers with what it made, and charges once. */
import { effect } from "./html.js";
import { UNSETTLED, key } from "./state.js";
import t from "./strings.en.js";

const MAX_KEPT = 20;
const LIFETIME_MS = 12 * 3600 * 1000; // the gateway keeps keys for longer

/** Keys of the calls that this page waits for: the same order beside one of them is an order of its own. */
const waiting = new Set();
effect(() => {
  if (!key.value) waiting.clear(); // the next session is not to wait for calls of this one
});

/**
 * Return the call to make for an order, { key, body, isRepeat }: the unsettled one with its body, or a new one. Throws
 * if too many are unsettled: none of their keys may be forgotten for a new one.
 */
export function begin(order, body) {
  const kept = read();
  const unsettled = kept.find((one) => one.order === order && !waiting.has(one.key));
  if (!unsettled && kept.length >= MAX_KEPT) throw new Error(t.errors.unsettled(kept.length));
  const call = unsettled ?? { order, key: newKey(), body, at: Date.now() };
  waiting.add(call.key);
  write([call, ...kept.filter((one) => one !== call)]);
  return { ...call, isRepeat: Boolean(unsettled) };
}

/** `isKnown`: the gateway answered, and the order is done or refused. */
export function end(call, isKnown) {
  waiting.delete(call.key);
  if (isKnown) write(read().filter((one) => one.key !== call.key));
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(UNSETTLED) ?? "[]").filter((one) => one.at > Date.now() - LIFETIME_MS);
  } catch {
    return [];
  }
}

function write(calls) {
  try {
    if (calls.length) sessionStorage.setItem(UNSETTLED, JSON.stringify(calls));
    else sessionStorage.removeItem(UNSETTLED);
  } catch {
    // the session is full: the key is good for the retries of this call alone
  }
}

/** `crypto.randomUUID` does not exist on plain http. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
