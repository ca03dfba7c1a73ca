/** The cast: who speaks each character and how fast, what its lines cost, and its first line to hear. */
import { billed, loadBalance, ownUrl } from "../../api.js";
import { duration, language, tokens } from "../../format.js";
import { html, useEffect, useState } from "../../html.js";
import { clones, providers, services, stock, voices } from "../../state.js";
import t from "./strings.en.js";
import { Field, FileAudio, Problem } from "../../ui.js";

const CHARACTERS_A_SECOND = 15;

/** `characters` maps each name to what it says first; `onChange` gets the whole new cast. */
export function Cast({ characters, cast, estimate, onChange }) {
  const names = [...characters.keys()];
  useEffect(() => {
    const found = withVoices(names, cast);
    if (found !== cast) onChange(found);
  }, [names.join("\n"), voices.value]);
  if (!names.length) return html`<p class="faint">${t.script.noCast}</p>`;
  return html`<ul class="cards cast">
    ${names.map(
      (name) => html`<${Member}
        key=${name}
        name=${name}
        line=${characters.get(name)}
        member=${cast[name] ?? {}}
        cost=${estimate?.characters.find((one) => one.character === name)}
        onChange=${(fields) => onChange({ ...cast, [name]: { ...cast[name], ...fields } })}
      />`,
    )}
  </ul>`;
}

function Member({ name, line, member, cost, onChange }) {
  const voice = voices.value.find((one) => one.voice_id === member.voice_id);
  const speed = member.speed ?? 1;
  const hasSpeed = providers.value.find((one) => one.provider === voice?.provider)?.voice_settings.includes("speed");
  return html`<li class="card">
    <h3>${name}</h3>
    <p class="faint cost">
      ${cost ? t.script.share(cost.lines, cost.spoken, duration(cost.seconds), tokens(cost.tokens)) : " "}
    </p>
    <div class="row">
      <${Field} label=${t.script.voiceOf(name)}>
        <select value=${member.voice_id} onChange=${(event) => onChange({ voice_id: event.target.value })}>
          ${!voice && html`<option value=${member.voice_id ?? ""}>${t.script.noVoice}</option>`}
          <${VoiceOptions} />
        </select>
      <//>
      ${hasSpeed &&
      html`<${Field} label=${t.speak.speed(speed)}>
        <input
          type="range"
          aria-label=${t.script.speedOf(speed, name)}
          min="0.5"
          max="2"
          step="0.05"
          value=${speed}
          onInput=${(event) => onChange({ speed: Number(event.target.value) })}
        />
      <//>`}
    </div>
    ${line && voice && html`<${Hear} key=${`${voice.voice_id} ${speed}`} name=${name} line=${line} voice=${voice} speed=${hasSpeed ? speed : 1} />`}
  </li>`;
}

function VoiceOptions() {
  const option = (voice) => html`<option value=${voice.voice_id}>${voice.name}</option>`;
  const groups = new Map();
  for (const voice of stock.value) groups.set(voice.language, [...(groups.get(voice.language) ?? []), voice]);
  return html`${clones.value.length > 0 && html`<optgroup label=${t.speak.mine}>${clones.value.map(option)}</optgroup>`}
  ${[...groups].map(([code, group]) => html`<optgroup label=${language(code)}>${group.map(option)}</optgroup>`)}`;
}

/** Speaks the character's first line, which is charged as any speech is. */
function Hear({ name, line, voice, speed }) {
  const [spoken, setSpoken] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const seconds = line.length / CHARACTERS_A_SECOND / speed;
  const price = Math.ceil(seconds * (services.value["core-tts"]?.unit_price ?? 0) * 100) / 100;
  useEffect(() => setSpoken(null), [line]);
  const hear = async () => {
    setBusy(true);
    setError(null);
    try {
      const body = { text: line, voice_id: voice.voice_id, provider: voice.provider };
      if (speed !== 1) body.voice_settings = { speed };
      setSpoken((await billed("v1/proxy/core-tts", body)).data);
      loadBalance().catch(() => {});
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`<p class="quote faint">${line}</p>
    ${spoken
      ? html`<${FileAudio} fileKey=${spoken.key} url=${ownUrl(spoken.url)} label=${t.script.firstOf(name)} isStarted=${true} />`
      : html`<button type="button" class="quiet" disabled=${isBusy} onClick=${hear} aria-label=${isBusy ? undefined : t.script.hear(tokens(price), name)}>
          <span aria-hidden="true">▶</span> ${isBusy ? t.speak.busy : t.script.hear(tokens(price))}
        </button>`}
    <${Problem} error=${error} />`;
}

/**
 * Give each name without a voice one: the voice of the same name, else the next that nobody has, own clones first and
 * then stock voices of the first clone's language. Returns the same object if all have one.
 */
function withVoices(names, cast) {
  const all = [...clones.value, ...sameLanguage(stock.value)];
  const missing = names.filter((name) => !cast[name]?.voice_id);
  if (!missing.length || !all.length) return cast;
  const namesakes = new Map(names.map((name) => [name, all.find((voice) => voice.name.toLowerCase() === name.toLowerCase())]));
  const used = new Set(names.map((name) => cast[name]?.voice_id ?? namesakes.get(name)?.voice_id));
  const given = {};
  for (const name of missing) {
    const voice = namesakes.get(name) ?? all.find((one) => !used.has(one.voice_id)) ?? all[names.indexOf(name) % all.length];
    used.add(voice.voice_id);
    given[name] = { ...cast[name], voice_id: voice.voice_id };
  }
  return { ...cast, ...given };
}

function sameLanguage(list) {
  const wanted = (clones.value[0] ?? list[0])?.language;
  return [...list.filter((one) => one.language === wanted), ...list.filter((one) => one.language !== wanted)];
}
