/** The takes of this tab. Their texts are kept in the tab's session, and end with it. */
import { effect, signal } from "./html.js";
import { key } from "./state.js";
import t from "./strings.en.js";

const NAME = "voxport-takes";
const MAX_KEPT = 50;

export const takes = signal(restored());

effect(() => {
  const kept = takes.value.slice(0, MAX_KEPT).map(({ live, isLost, ...take }) => take);
  try {
    if (kept.length) sessionStorage.setItem(NAME, JSON.stringify(kept));
    else sessionStorage.removeItem(NAME);
  } catch {
    // the session is full: the takes stay on the page
  }
});

effect(() => {
  if (!key.value) takes.value = [];
});

/** Add a take at the top, and return its id. */
export function addTake(take) {
  const id = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  takes.value = [{ id, ...take }, ...takes.peek()];
  return id;
}

export function changeTake(id, fields) {
  takes.value = takes.peek().map((take) => (take.id === id ? { ...take, ...fields } : take));
}

export function removeTake(id) {
  takes.value = takes.peek().filter((take) => take.id !== id);
}

function restored() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NAME) ?? "[]");
    return kept.map((take) =>
      take.state === "speaking" ? { ...take, state: "failed", error: { message: t.speak.interrupted } } : take,
    );
  } catch {
    return [];
  }
}
