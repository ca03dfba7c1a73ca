/** Billed calls whose outcome is unknown: a connection broke, or the page was loaded again. The same order takes the
 * same Idempotency-Key then, so that the gateway answers with what it made, and charges once. */
const NAME = "voxport-unsettled";
const MAX_KEPT = 20;
const LIFETIME_MS = 12 * 3600 * 1000; // the gateway keeps keys for longer

/** Keys of the calls that this page waits for: the same order beside one of them is an order of its own. */
const waiting = new Set();

/** Return the call to make for an order, { key, body }: the unsettled one with its body, or a new one. */
export function begin(order, body) {
  const kept = read();
  const call = kept.find((one) => one.order === order && !waiting.has(one.key)) ?? { order, key: newKey(), body, at: Date.now() };
  waiting.add(call.key);
  write([call, ...kept.filter((one) => one !== call)]);
  return call;
}

/** `isKnown`: the gateway answered, and the order is done or refused. */
export function end(call, isKnown) {
  waiting.delete(call.key);
  if (isKnown) write(read().filter((one) => one.key !== call.key));
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "[]").filter((one) => one.at > Date.now() - LIFETIME_MS);
  } catch {
    return [];
  }
}

function write(calls) {
  try {
    if (calls.length) sessionStorage.setItem(NAME, JSON.stringify(calls.slice(0, MAX_KEPT)));
    else sessionStorage.removeItem(NAME);
  } catch {
    // the session is full: the key is good for the retries of this call alone
  }
}

/** `crypto.randomUUID` does not exist on plain http. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
