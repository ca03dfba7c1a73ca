/** Search, copying, and the menu on a phone. Every page is readable without it. */
const root = new URL(document.documentElement.dataset.root, location.href);

// Search: sections that have every word of the query, those with a word in their title first.
const form = document.querySelector(".search");
const query = document.querySelector("#query");
const results = document.querySelector("#results");
const MAX_RESULTS = 12;
const AROUND = 70;
let sections;

function load() {
  sections ??= fetch(new URL("search.json", root))
    .then((answer) => answer.json())
    .then((rows) => rows.map(([page, title, path, text]) => ({ page, title, path, text, plain: text.toLowerCase() })));
  return sections;
}

function score(section, words) {
  let sum = section.path.startsWith("decisions/") ? -15 : 0;
  const title = section.title.toLowerCase();
  const page = section.page.toLowerCase();
  for (const word of words) {
    const at = section.plain.indexOf(word);
    if (at < 0 && !title.includes(word) && !page.includes(word)) return null;
    if (title.includes(word)) sum += title === word ? 20 : 10;
    if (page.includes(word)) sum += section.path.includes("#") ? 3 : 8;
    if (at >= 0) sum += 1 + Math.min(section.plain.split(word).length - 1, 4) / 2;
  }
  return sum;
}

function excerpt(section, words) {
  const at = Math.max(0, section.plain.indexOf(words.find((word) => section.plain.includes(word)) ?? ""));
  const begin = Math.max(0, at - AROUND);
  return (begin ? "… " : "") + section.text.slice(begin, at + 2 * AROUND).trim() + " …";
}

async function search() {
  const asked = query.value;
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return close();
  let found;
  try {
    found = (await load())
      .map((section) => ({ section, points: score(section, words) }))
      .filter(({ points }) => points !== null)
      .sort((one, other) => other.points - one.points);
  } catch {
    sections = undefined;
    return show([note("The search could not be loaded. Is the gateway running?")]);
  }
  if (asked !== query.value) return;
  const rows = found.slice(0, MAX_RESULTS).map(({ section }) => row(section, words));
  show(rows.length ? rows : [note(`Nothing has “${asked.trim()}” in it.`)]);
}

function row(section, words) {
  const link = element("a", { href: new URL(section.path, root).href });
  const title = section.title === section.page ? section.page : `${section.page} › ${section.title}`;
  link.append(element("strong", {}, title), element("span", {}, excerpt(section, words)));
  return link;
}

const note = (text) => element("p", { role: "status" }, text);

function element(name, attributes, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function show(rows) {
  results.replaceChildren(...rows);
  results.hidden = false;
}

function close() {
  results.hidden = true;
}

form.hidden = false;
query.value = new URLSearchParams(location.search).get("q") ?? "";
if (query.value) search();
query.addEventListener("focus", () => load().catch(() => (sections = undefined)));
query.addEventListener("input", search);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  results.querySelector("a")?.click();
});
form.addEventListener("keydown", (event) => {
  const links = [...results.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Escape") (close(), query.focus());
  else if (event.key === "ArrowDown") (links[at + 1] ?? query).focus();
  else if (event.key === "ArrowUp") (links[at - 1] ?? query).focus();
  else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  if (!form.contains(event.target) || event.target.closest("#results a")) close();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  query.focus();
});

// Copying a block of code: of a console, its commands alone.
function copied(block) {
  const lines = block.querySelector("code").textContent.trimEnd().split("\n");
  if (!lines.some((line) => line.startsWith("$ "))) return lines.join("\n");
  const commands = [];
  for (const line of lines) {
    const follows = commands.at(-1)?.endsWith("\\");
    if (line.startsWith("$ ")) commands.push(line.slice(2));
    else if (follows) commands.push(line);
  }
  return commands.join("\n");
}

for (const block of navigator.clipboard ? document.querySelectorAll(".codehilite") : []) {
  const button = element("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(copied(block));
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  block.append(button);
}

// What scrolls sideways can be reached by the keyboard.
function markScrolling() {
  for (const area of document.querySelectorAll("pre, .table")) {
    const scrolls = area.scrollWidth > area.clientWidth;
    area.toggleAttribute("tabindex", scrolls);
    if (scrolls) area.tabIndex = 0;
  }
}
markScrolling();
addEventListener("resize", markScrolling);

// The menu is closed at first where it stands above the page; beside it, it shows the page's own line.
const menu = document.querySelector(".menu");
const current = menu.querySelector("[aria-current]");
if (matchMedia("(max-width: 60rem)").matches) menu.open = false;
else if (current) menu.scrollTop = current.offsetTop - menu.clientHeight / 2;
