"use strict";
// The votes of one rater: a random order, the answers, where the rater is; kept by the browser until they are saved.

const STORE = `voxport-listening:${LISTENING.page.id}`;
const LETTERS = "ABCDEFGH";

const Session = {
  /** A new session. `seed` fixes all orders. Screens of one person stay together, so that the ear gets to know them. */
  create(seed) {
    const random = randomNumbers(seed);
    const order = [];
    for (const s of shuffled(LISTENING.speakers.keys(), random)) {
      const screens = LISTENING.speakers[s].screens;
      for (const n of shuffled(screens.keys(), random)) order.push([s, n, shuffled(screens[n].clips, random)]);
    }
    const screens = order.map(([speaker, screen, clips]) => ({
      speaker, screen, seconds: 0, anchorPlays: 0,
      candidates: clips.map((clip) => ({ clip, likeness: null, naturalness: null, plays: 0 })),
    }));
    const id = hex(crypto.getRandomValues(new Uint8Array(8)));
    return { id, seed, rater: "", device: "", started: new Date().toISOString(), position: 0, screens, isSaved: false };
  },

  /** The session that the browser keeps, or null. */
  load() {
    try {
      const session = JSON.parse(localStorage.getItem(STORE));
      return Array.isArray(session?.screens) ? session : null;
    } catch { return null; }
  },

  /** Keep the session. Returns false where the browser doesn't. */
  store(session) {
    try {
      localStorage.setItem(STORE, JSON.stringify(session));
      return true;
    } catch { return false; }
  },

  isRated: (screen) => screen.candidates.every((c) => c.likeness !== null && c.naturalness !== null),
  ratedCount: (session) => session.screens.filter(Session.isRated).length,

  /** The file of votes: what was rated, in the order heard, with the true kinds. */
  votes(session) {
    const kinds = unscramble(LISTENING.key, LISTENING.page.id);
    return {
      format: "voxport-listening-votes", version: 1, page: LISTENING.page,
      session: session.id, seed: session.seed, rater: session.rater, device: session.device,
      started: session.started, saved: new Date().toISOString(),
      screens: session.screens.map((screen, number) => {
        const speaker = LISTENING.speakers[screen.speaker];
        return {
          number: number + 1, speaker: speaker.name, sentence: speaker.screens[screen.screen].sentence,
          anchor: speaker.anchor, anchor_plays: screen.anchorPlays, seconds: Math.round(screen.seconds * 10) / 10,
          candidates: screen.candidates.map((c, i) => ({ letter: LETTERS[i], kind: kinds[c.clip], ...c })),
        };
      }),
    };
  },
};

/** The numbers of mulberry32, from 0 to 1. */
function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A copy in random order (Fisher and Yates). */
function shuffled(items, random) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The key of which clip is what. It is scrambled so that nobody reads it by accident. */
function unscramble(text, mask) {
  const bytes = Uint8Array.from(atob(text), (char, i) => char.charCodeAt(0) ^ mask.charCodeAt(i % mask.length));
  return JSON.parse(new TextDecoder().decode(bytes));
}
