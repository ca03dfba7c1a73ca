/** What several screens share: the key, the screen, and what the gateway said of voices, prices and credits. */
import { computed, effect, signal } from "./html.js";

const KEY = "voxport-key";
const OPERATOR_KEY = "voxport-operator-key";
const PROFILE = "voxport-profile";
/** Where unsettled.js keeps the orders of the profile. */
export const UNSETTLED = "voxport-unsettled";
/** Where the Script screen keeps what is being written, and what jobs were ordered with. */
export const DRAFT = "voxport-script";
export const ORDERED = "voxport-scripts";

/** The API key; kept in this tab alone, and only until it is closed. */
export const key = signal(sessionStorage.getItem(KEY) ?? "");
export const operatorKey = signal(sessionStorage.getItem(OPERATOR_KEY) ?? "");
/** A sentence for the sign-in screen: why the last key is not used any more. */
export const signedOutBecause = signal("");

effect(() => remember(KEY, key.value));
effect(() => remember(OPERATOR_KEY, operatorKey.value));

/** The screen's name and what follows it in the address: `#/speak/VOICE` is ["speak", "VOICE"]. */
export const route = signal(parseRoute());
addEventListener("hashchange", () => {
  route.value = parseRoute();
});

export function go(...parts) {
  location.hash = "#/" + parts.map(encodeURIComponent).join("/");
}

export const balance = signal(null);
export const voices = signal(null);
export const providers = signal([]);
export const voiceWarnings = signal([]);
/** Services of the catalogue by name. */
export const services = signal({});

export const clones = computed(() => (voices.value ?? []).filter((voice) => voice.cloned));
export const stock = computed(() => (voices.value ?? []).filter((voice) => !voice.cloned));

/** Use a key of this profile from now on. What another profile left in the tab is forgotten first. */
export function beginSession(newKey, profileId) {
  const last = sessionStorage.getItem(PROFILE);
  const isOther = (key.value || last) && last !== profileId;
  if (isOther) forgetSession();
  remember(PROFILE, profileId);
  key.value = newKey;
  if (isOther) location.reload(); // calls of the other one may be under way
}

/** The key is refused: what is unsettled, and scripts, wait for another key of the same profile. */
export function expireSession() {
  const kept = [PROFILE, UNSETTLED, DRAFT, ORDERED].map((name) => [name, sessionStorage.getItem(name)]);
  forgetSession();
  for (const [name, value] of kept) remember(name, value);
}

export function forgetSession() {
  key.value = "";
  operatorKey.value = "";
  balance.value = null;
  voices.value = null;
  services.value = {};
  sessionStorage.clear();
}

function parseRoute() {
  const path = location.hash.startsWith("#/") ? location.hash.slice(2) : "";
  try {
    return path.split("/").map(decodeURIComponent);
  } catch {
    return [""];
  }
}

function remember(name, value) {
  if (value) sessionStorage.setItem(name, value);
  else sessionStorage.removeItem(name);
}
