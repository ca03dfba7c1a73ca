/** The recordings of this tab's clones: instant clones of a blind test are made from the same one. */
const NAME = "voxport-orders";
const MAX_KEPT = 20;

/** `order`: { audioUrl, consent }. */
export function rememberOrder(jobId, order) {
  const kept = Object.entries(read()).slice(1 - MAX_KEPT);
  try {
    sessionStorage.setItem(NAME, JSON.stringify(Object.fromEntries([...kept, [jobId, order]])));
  } catch {
    // the session is full: the blind test does without an instant clone
  }
}

/** Return the order of a clone that this tab made, or null. */
export const orderOf = (jobId) => read()[jobId] ?? null;

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "{}");
  } catch {
    return {};
  }
}
