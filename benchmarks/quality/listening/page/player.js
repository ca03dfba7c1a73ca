"use strict";
// Plays one clip at a time. A button shows how far its clip is, and stops it when it is pressed again.

const Player = {
  onError: () => {},
  _audio: new Map(), // by clip, for the screen that is shown
  _button: null,
  _clip: null,

  /** Forget the clips of the last screen, and load these. */
  preload(clips) {
    Player.stop();
    const kept = new Map();
    for (const clip of clips) kept.set(clip, Player._audio.get(clip) ?? Player._load(clip));
    Player._audio = kept;
  },

  /** Play from the beginning, or stop what this button plays. Calls `onHeard` once it sounds. */
  toggle(clip, button, onHeard) {
    if (Player._clip === clip) return Player.stop();
    Player.stop();
    const audio = Player._audio.get(clip);
    Player._clip = clip;
    Player._button = button;
    button.setAttribute("aria-pressed", "true");
    audio.currentTime = 0;
    audio.play().then(onHeard, (error) => {
      if (error.name === "AbortError" || Player._clip !== clip) return; // it was stopped before it sounded
      Player.stop();
      Player.onError();
    });
    const draw = () => {
      if (Player._clip !== clip) return;
      button.style.setProperty("--played", `${(100 * audio.currentTime) / (audio.duration || 1)}%`);
      requestAnimationFrame(draw);
    };
    draw();
  },

  stop() {
    if (Player._clip === null) return;
    Player._audio.get(Player._clip).pause();
    Player._button.setAttribute("aria-pressed", "false");
    Player._button.style.removeProperty("--played");
    Player._clip = Player._button = null;
  },

  _load(clip) {
    const audio = new Audio(`clips/${clip}.wav`);
    audio.preload = "auto";
    audio.addEventListener("ended", () => Player._clip === clip && Player.stop());
    return audio;
  },
};
