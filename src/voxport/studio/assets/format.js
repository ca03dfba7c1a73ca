/** Numbers, times and names as people read them, in the browser's own locale. */

const tokenFormat = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 4 });
const roundFormat = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const thisYearFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

export const tokens = (value) => tokenFormat.format(value);
export const number = (value) => roundFormat.format(value);

/** A moment in the reader's own time zone; without the year in the current one. */
export function when(iso) {
  if (!iso) return "";
  const moment = new Date(iso);
  return (moment.getFullYear() === new Date().getFullYear() ? thisYearFormat : dateFormat).format(moment);
}

export const day = (date) => dayFormat.format(new Date(date + "T00:00:00Z"));

/** Seconds as 4.2 s, or 1:05. */
export function duration(seconds) {
  if (seconds < 60) return `${roundFormat.format(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let index = 0;
  for (; count >= 1000 && index < units.length - 1; index++) count /= 1000;
  return `${roundFormat.format(count)} ${units[index]}`;
}

const CHARACTERS_A_SECOND = 14;

/** What a short line costs to hear, rounded up to a hundredth of a token. `services` are those of the catalogue. */
export function previewPrice(line, services) {
  const price = ((services["core-tts"]?.unit_price ?? 0) * line.length) / CHARACTERS_A_SECOND;
  return Math.ceil(price * 100) / 100;
}

const languageNames = "DisplayNames" in Intl ? new Intl.DisplayNames(undefined, { type: "language" }) : null;

/** The language's name in the browser's own language: `pt-br` is Brazilian Portuguese. */
export function language(code) {
  try {
    const [first, ...rest] = code.split("-");
    return languageNames?.of([first, ...rest.map((part) => part.toUpperCase())].join("-")) ?? code;
  } catch {
    return code;
  }
}
