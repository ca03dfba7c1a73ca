"use strict";
// The three views (intro, rating, done), and what the rater does in them.

const NATURAL = ["bad", "poor", "fair", "good", "excellent"]; // the scale of ITU-T P.800
const $ = (id) => document.getElementById(id);

let session = Session.load();
let shownAt = null; // performance.now() since when the screen is counted as seen; null while it is not
let current = null; // index of the candidate that was played last

function showIntro() {
  view("intro");
  const total = LISTENING.speakers.reduce((sum, speaker) => sum + speaker.screens.length, 0);
  $("intro-count").textContent = total;
  $("rater").value = session?.rater ?? "";
  if (session?.device) $("device").value = session.device;
  $("resume").hidden = !session;
  if (session) $("resume").textContent = `Go on (${Session.ratedCount(session)} of ${total} rated)`;
  $("start").textContent = session ? "Start anew" : "Start";
  $("start").classList.toggle("primary", !session);
  $("licences").hidden = LISTENING.licences.length === 0;
  $("licences").querySelector("ul").replaceChildren(...LISTENING.licences.map((licence) => {
    const item = document.createElement("li");
    item.textContent = licence;
    return item;
  }));
}

function start(isNew) {
  if (isNew && session && !session.isSaved && Session.ratedCount(session) > 0
    && !confirm("Your votes so far are not saved as a file. Start anew without them?")) return;
  if (isNew) session = Session.create(wantedSeed() ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  session.rater = $("rater").value.trim();
  session.device = $("device").value;
  keep();
  showScreen(Math.min(session.position, session.screens.length - 1));
}

function wantedSeed() {
  const found = /seed=(\d{1,10})/.exec(location.hash);
  return found && Number(found[1]) >>> 0;
}

function showScreen(position) {
  leaveScreen();
  session.position = position;
  current = null;
  keep();
  view("rating");
  const screen = session.screens[position];
  const speaker = LISTENING.speakers[screen.speaker];
  const people = [...new Set(session.screens.map((each) => each.speaker))];
  $("rating-title").textContent = `${position + 1} of ${session.screens.length}`;
  $("person").textContent = `Person ${people.indexOf(screen.speaker) + 1} of ${people.length}`;
  $("back").disabled = position === 0;
  $("next").textContent = position + 1 < session.screens.length ? "Next" : "Finish";
  $("last-letter").textContent = LETTERS[screen.candidates.length - 1];
  $("candidates").replaceChildren(...screen.candidates.map(drawCandidate));
  say("");
  showProgress();
  const following = session.screens[position + 1];
  Player.preload([speaker.anchor, ...screen.candidates.map((c) => c.clip),
    ...(following ? following.candidates.map((c) => c.clip) : [])]);
  shownAt = document.hidden ? null : performance.now();
  scrollTo(0, 0);
}

function drawCandidate(candidate, index) {
  const letter = LETTERS[index];
  const box = $("candidate").content.firstElementChild.cloneNode(true);
  box.id = `candidate-${letter}`;
  box.querySelector("legend").textContent = `Clip ${letter}`;
  box.querySelector(".letter").textContent = letter;
  const play = box.querySelector(".play");
  play.setAttribute("aria-label", `Play clip ${letter}`);
  play.setAttribute("aria-pressed", "false");
  play.setAttribute("aria-keyshortcuts", letter);
  play.onclick = () => playCandidate(index);

  const slider = box.querySelector("input[type=range]");
  slider.id = `likeness-${letter}`;
  box.querySelector("label").htmlFor = slider.id;
  slider.setAttribute("aria-label", `Clip ${letter}: how much like the person? 0 is someone else, 100 is the same person`);
  const rate = () => {
    candidate.likeness = Number(slider.value);
    changed(box, candidate);
  };
  slider.oninput = rate;
  slider.onclick = rate; // a press on the middle, where the slider stands already, is a vote too

  const group = box.querySelector(".naturalness");
  group.setAttribute("aria-label", `Clip ${letter}: how natural?`);
  NATURAL.forEach((name, i) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: `naturalness-${letter}`, value: i + 1, disabled: true });
    input.setAttribute("aria-label", `${i + 1}, ${name}`);
    input.onchange = () => rateNaturalness(index, i + 1);
    label.title = name;
    label.append(input, document.createElement("span"));
    label.lastElementChild.textContent = i + 1;
    group.querySelector(".buttons").append(label);
  });
  drawVotes(box, candidate);
  return box;
}

function drawVotes(box, candidate) {
  for (const input of box.querySelectorAll("input")) input.disabled = candidate.plays === 0;
  const slider = box.querySelector("input[type=range]");
  const isRated = candidate.likeness !== null;
  if (isRated) slider.value = candidate.likeness;
  slider.setAttribute("aria-valuetext", isRated ? `${candidate.likeness} of 100` : "not rated");
  slider.style.setProperty("--set", isRated ? `${candidate.likeness}%` : "0%");
  box.querySelector("output").textContent = candidate.likeness ?? "–";
  box.classList.toggle("unheard", candidate.plays === 0);
  box.classList.toggle("unrated", !isRated);
  for (const radio of box.querySelectorAll("input[type=radio]")) radio.checked = Number(radio.value) === candidate.naturalness;
}

function changed(box, candidate) {
  session.isSaved = false;
  drawVotes(box, candidate);
  showProgress();
  keep();
}

/** Play a candidate. Its slider, which is disabled until the clip is heard, gets the focus if `isFocused`. */
function playCandidate(index, isFocused = false) {
  const candidate = session.screens[session.position].candidates[index];
  const box = $(`candidate-${LETTERS[index]}`);
  current = index;
  for (const other of document.querySelectorAll(".candidate")) other.classList.toggle("current", other === box);
  const focus = () => isFocused && box.querySelector(candidate.plays ? "input[type=range]" : ".play").focus();
  focus();
  Player.toggle(candidate.clip, box.querySelector(".play"), () => {
    candidate.plays += 1;
    changed(box, candidate);
    if (current === index) focus();
  });
}

function playAnchor() {
  const screen = session.screens[session.position];
  Player.toggle(LISTENING.speakers[screen.speaker].anchor, $("play-anchor"), () => {
    screen.anchorPlays += 1;
    keep();
  });
}

function rateNaturalness(index, value) {
  const candidate = session.screens[session.position].candidates[index];
  if (candidate.plays === 0) return;
  candidate.naturalness = value;
  changed($(`candidate-${LETTERS[index]}`), candidate);
}

function next() {
  const screen = session.screens[session.position];
  const missing = screen.candidates.findIndex((c) => c.likeness === null || c.naturalness === null);
  if (missing >= 0) {
    const candidate = screen.candidates[missing];
    const [what, control] = candidate.plays === 0 ? ["has not been played yet", ".play"]
      : candidate.likeness === null ? ["has no vote yet on the person", "input[type=range]"]
      : ["has no vote yet on how natural it is", "input[type=radio]"];
    say(`Clip ${LETTERS[missing]} ${what}.`);
    $(`candidate-${LETTERS[missing]}`).querySelector(control).focus();
  } else if (session.position + 1 < session.screens.length) {
    showScreen(session.position + 1);
    $("rating-title").focus({ preventScroll: true });
  } else showDone();
}

function back() {
  if (session.position === 0) return;
  showScreen(session.position - 1);
  $("rating-title").focus({ preventScroll: true });
}

function showDone() {
  leaveScreen();
  view("done");
  const rated = Session.ratedCount(session);
  $("done-text").textContent = `You rated ${rated} of ${session.screens.length} screens.`;
  $("done-message").textContent = "";
  $("done-title").focus();
}

function save() {
  leaveScreen();
  const name = session.rater.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  const file = new Blob([JSON.stringify(Session.votes(session), null, 1)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `votes-${name || session.id.slice(0, 6)}.json`;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  session.isSaved = true;
  keep();
  say(`Saved ${link.download} to your downloads.`);
  if (!$("rating").hidden) shownAt = performance.now();
}

function leaveScreen() {
  Player.stop();
  if (shownAt !== null) session.screens[session.position].seconds += (performance.now() - shownAt) / 1000;
  shownAt = null;
}

function keep() {
  if (!Session.store(session)) $("storage-warning").hidden = false;
}

function say(text) {
  $($("done").hidden ? "message" : "done-message").textContent = text;
}

function showProgress() {
  $("progress").max = session.screens.length;
  $("progress").value = Session.ratedCount(session);
}

function view(id) {
  for (const section of document.querySelectorAll("section")) section.hidden = section.id !== id;
}

function onKey(event) {
  if ($("rating").hidden || !$("shortcuts").checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toUpperCase();
  const candidates = session.screens[session.position].candidates;
  const index = key.length === 1 ? LETTERS.indexOf(key) : -1;
  if (key === "R") playAnchor();
  else if (key === "N") next();
  else if (key === "P") back();
  else if (key === "ESCAPE") Player.stop();
  else if (index >= 0 && index < candidates.length) {
    playCandidate(index, true);
  } else if (/^[1-5]$/.test(key) && current !== null) rateNaturalness(current, Number(key));
  else return;
  event.preventDefault();
}

Player.onError = () => say("This clip can't be played. Is the folder “clips” beside the page?");
$("start").onclick = () => start(true);
$("resume").onclick = () => start(false);
$("play-anchor").onclick = playAnchor;
$("next").onclick = next;
$("back").onclick = back;
$("save-now").onclick = $("save").onclick = save;
$("review").onclick = () => showScreen(session.position);
$("again").onclick = () => {
  showIntro();
  $("rater").value = "";
};
document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => {
  if ($("rating").hidden) return;
  if (document.hidden) leaveScreen();
  else shownAt = performance.now();
});
addEventListener("beforeunload", (event) => {
  if (session && !session.isSaved && Session.ratedCount(session) > 0 && !Session.load()) event.preventDefault();
});
showIntro();
