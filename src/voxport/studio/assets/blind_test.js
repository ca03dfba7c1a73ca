/** A blind test: the ear chooses between a stock voice, an instant and the fitted clone, as A, B and C in random order. */
import { billed, call, loadBalance, ownUrl } from "./api.js";
import { tokens } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { matched } from "./loudness.js";
import { balance, providers, services, stock, voices } from "./state.js";
import t from "./strings.en.js";
import { Field, Problem, Table } from "./ui.js";

const LETTERS = ["A", "B", "C"];
const INSTANT = "v1/proxy/core-instant-clone-tts";
const SPEAK = "v1/proxy/core-tts";

/** `voice`: a clone's result_data; `order`: what it was made from, or null where this tab does not know. */
export function BlindTest({ voice, order }) {
  const [rounds, setRounds] = useState([]);
  const [isRevealed, setRevealed] = useState(false);
  const clone = voices.value?.find((one) => one.voice_id === voice.voice_id);
  if (!clone) return null;
  const open = rounds.find((round) => round.choice === null);
  const choose = (index) =>
    setRounds(rounds.map((round) => (round === open ? { ...round, choice: index, clips: null } : round)));
  return html`<section class="card blind" aria-labelledby="blind-title">
    <h2 id="blind-title">${t.blind.title}</h2>
    ${isRevealed
      ? html`<${Result}
          rounds=${rounds}
          clone=${clone}
          onAgain=${() => {
            setRounds([]);
            setRevealed(false);
          }}
        />`
      : open
        ? html`<${Round} key=${rounds.length} number=${rounds.length} round=${open} onChosen=${choose} />`
        : html`<${Setup}
            key=${rounds.length}
            number=${rounds.length + 1}
            clone=${clone}
            order=${order}
            earlier=${rounds[0]}
            onMade=${(round) => setRounds([...rounds, round])}
            onReveal=${rounds.length > 0 && (() => setRevealed(true))}
          />`}
  </section>`;
}

/** The sentence, the stock voice and the price of a round. `earlier`: the first round, whose stock voice is kept. */
function Setup({ number, clone, order, earlier, onMade, onReveal }) {
  const [line, setLine] = useState(t.blind.lines[(number - 1) % t.blind.lines.length]);
  const others = stock.value.filter((one) => one.language === clone.language);
  const [stockId, setStockId] = useState(earlier?.stockId ?? others[0]?.voice_id ?? "");
  const [price, setPrice] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const made = useRef(null);
  const able = providers.value.filter((one) => one.available && one.supports_instant_clone);
  const instant = order && (able.find((one) => one.provider === clone.provider) ?? able[0]);
  const other = others.find((one) => one.voice_id === stockId);
  const single = services.value["core-instant-clone-tts"]?.unit_price ?? 0;
  const text = line.trim();
  const calls = {
    ...(other && { stock: (paid) => spoken(other, text, paid, "stock") }),
    ...(instant && { instant: () => spokenOnce(instant.provider, order, text) }),
    fitted: (paid) => spoken(clone, text, paid, "fitted"),
  };

  useEffect(() => {
    setPrice(null);
    if (!text) return undefined;
    const control = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { data } = await call("POST", "v1/estimate", bodyOf(clone, text), { signal: control.signal });
        const plain = other ? 2 : 1;
        const extra = instant ? single : 0;
        setPrice({ usual: extra + plain * data.tokens, most: extra + plain * data.held });
        setError(null);
      } catch (problem) {
        if (problem.name !== "AbortError") setError(problem);
      }
    }, 350);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [text, stockId, Boolean(instant)]);

  const make = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    // After a failure, only what is missing is made: the rest was paid for.
    if (made.current?.line !== text || made.current.stockId !== stockId) made.current = { line: text, stockId, paid: {}, clips: {} };
    const { paid, clips } = made.current;
    const wanted = Object.keys(calls).filter((kind) => !clips[kind]);
    const outcomes = await Promise.allSettled(wanted.map(async (kind) => (clips[kind] = await calls[kind](paid))));
    loadBalance().catch(() => {});
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    try {
      if (failed) throw failed.reason;
      const kinds = shuffled(Object.keys(calls));
      const heard = await matched(kinds.map((kind) => clips[kind].slice(0))).catch(() => {
        throw new Error(t.blind.undecodable);
      });
      onMade({ line: text, stockId, stockName: other?.name, kinds, clips: heard, choice: null });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const funds = balance.value?.balance ?? 0;
  const count = Object.keys(calls).length;
  return html`<p>${number === 1 ? t.blind.lead(count) : t.blind.next(number)}</p>
    ${!order && html`<p class="hint">${t.blind.noRecording}</p>`}
    ${order && !instant && html`<p class="hint">${t.blind.noInstant}</p>`}
    ${count < 2
      ? html`<p class="notice warn">${t.blind.alone}</p>`
      : html`<form onSubmit=${make}>
          <${Field} label=${t.blind.line}>
            <input required maxlength="300" value=${line} onInput=${(event) => setLine(event.target.value)} />
          <//>
          ${other &&
          html`<${Field} label=${t.blind.stock}>
            <select value=${stockId} disabled=${Boolean(earlier)} onChange=${(event) => setStockId(event.target.value)}>
              ${others.map((one) => html`<option value=${one.voice_id}>${one.name}</option>`)}
            </select>
          <//>`}
          <p class="estimate" role="status">
            ${price && t.blind.price(tokens(price.usual), tokens(price.most), instant && tokens(single))}
            ${price && price.most > funds && html` <strong>${t.blind.tooFew(tokens(funds))}</strong>`}
          </p>
          <${Problem} error=${error} />
          <div class="actions">
            <button class="primary" disabled=${isBusy || !text || !price}>
              ${isBusy ? t.blind.busy : t.blind.make(number, price ? tokens(price.usual) : "…")}
            </button>
            ${onReveal && html`<button type="button" disabled=${isBusy} onClick=${onReveal}>${t.blind.reveal}</button>`}
          </div>
        </form>`}`;
}

/** Plays the clips under their letters. A choice is possible once each was heard. */
function Round({ number, round, onChosen }) {
  const context = useRef(null);
  const playing = useRef(null);
  const [current, setCurrent] = useState(-1);
  const [heard, setHeard] = useState([]);
  const [choice, setChoice] = useState(-1);
  const heading = useRef(null);
  useEffect(() => {
    heading.current.focus();
    return () => {
      context.current?.close();
    };
  }, []);
  const stop = () => {
    if (playing.current) playing.current.onended = null;
    playing.current?.stop();
    playing.current = null;
    setCurrent(-1);
  };
  const play = (index) => {
    const isThis = current === index;
    stop();
    if (isThis) return;
    context.current ??= new AudioContext();
    context.current.resume();
    const { buffer, gain } = round.clips[index];
    const source = new AudioBufferSourceNode(context.current, { buffer });
    source.connect(new GainNode(context.current, { gain })).connect(context.current.destination);
    source.onended = () => setCurrent(-1);
    source.start();
    playing.current = source;
    setCurrent(index);
    setHeard((before) => (before.includes(index) ? before : [...before, index]));
  };
  const letters = LETTERS.slice(0, round.kinds.length);
  const isReady = heard.length === letters.length;
  const submit = (event) => {
    event.preventDefault();
    stop();
    onChosen(choice);
  };
  return html`<form onSubmit=${submit}>
    <h3 tabindex="-1" ref=${heading}>${t.blind.round(number)}</h3>
    <p class="quote">“${round.line}”</p>
    <p class="hint">${t.blind.matched}</p>
    <div class="actions" role="group" aria-label=${t.blind.clips}>
      ${letters.map(
        (letter, index) =>
          html`<button type="button" aria-pressed=${current === index} onClick=${() => play(index)}>
            <span aria-hidden="true">${current === index ? "■" : "▶"}</span> ${current === index ? t.blind.stop(letter) : t.blind.play(letter)}
          </button>`,
      )}
    </div>
    <fieldset disabled=${!isReady}>
      <legend>${t.blind.question}</legend>
      ${letters.map(
        (letter, index) =>
          html`<label class="choice">
            <input type="radio" name="blind" required checked=${choice === index} onChange=${() => setChoice(index)} />
            <span>${letter}</span>
          </label>`,
      )}
    </fieldset>
    <p class="hint" role="status">${isReady ? "" : t.blind.hearAll}</p>
    <button class="primary" disabled=${!isReady || choice < 0}>${t.blind.choose}</button>
  </form>`;
}

/** What was which, what was chosen how often, and the way to speak with it. */
function Result({ rounds, clone, onAgain }) {
  const title = useRef(null);
  useEffect(() => title.current.focus(), []);
  const [{ kinds: all, stockId, stockName }] = rounds;
  const count = (kind) => rounds.filter((round) => round.kinds[round.choice] === kind).length;
  const order = ["fitted", "instant", "stock"].filter((kind) => all.includes(kind));
  const most = Math.max(...order.map(count));
  const winners = order.filter((kind) => count(kind) === most);
  const names = { fitted: t.blind.kinds.fitted(clone.name), instant: t.blind.kinds.instant, stock: t.blind.kinds.stock(stockName) };
  const price = services.value["core-instant-clone-tts"]?.unit_price ?? 0;
  return html`<p class="notice" tabindex="-1" ref=${title} role="status">
      ${winners.length > 1
        ? t.blind.tie(winners.map((kind) => names[kind]), most, rounds.length)
        : t.blind.won(names[winners[0]], most, rounds.length)}
      ${" "}${t.blind.chance(rounds.length, order.length)}
    </p>
    <${Table} label=${t.blind.title}>
      <thead>
        <tr>
          <th>${t.blind.sentence}</th>
          <th>${t.blind.chosen}</th>
          ${LETTERS.slice(0, order.length).map((letter) => html`<th>${letter}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rounds.map(
          (round) => html`<tr>
            <td>${round.line}</td>
            <td><strong>${LETTERS[round.choice]}: ${names[round.kinds[round.choice]]}</strong></td>
            ${round.kinds.map((kind) => html`<td>${names[kind]}</td>`)}
          </tr>`,
        )}
      </tbody>
    <//>
    ${winners.includes("instant") && html`<p class="hint">${t.blind.instantKeepsNone(tokens(price))}</p>`}
    <div class="actions">
      <a class=${winners.includes("stock") && winners.length === 1 ? "button" : "button primary"} href=${`#/speak/${encodeURIComponent(clone.voice_id)}`}
        >${t.blind.use(clone.name)}</a
      >
      ${stockName &&
      html`<a class=${winners.includes("stock") && winners.length === 1 ? "button primary" : "button"} href=${`#/speak/${encodeURIComponent(stockId)}`}
        >${t.blind.use(stockName)}</a
      >`}
      <button type="button" class="quiet" onClick=${onAgain}>${t.blind.again}</button>
    </div>`;
}

/** All clips are WAV of 24 kHz, so that no format tells one from another. */
const bodyOf = (voice, text) => ({ text, voice_id: voice.voice_id, provider: voice.provider, output_format: "wav" });

/** `paid` keeps what was made under `kind`, so that a file that could not be read is read again, and not made again. */
async function spoken(voice, text, paid, kind) {
  paid[kind] ??= (await billed(SPEAK, bodyOf(voice, text))).data;
  const response = await fetch(ownUrl(paid[kind].url)).catch(() => null);
  if (!response?.ok) throw new Error(t.blind.unread);
  return response.arrayBuffer();
}

function spokenOnce(provider, { audioUrl, consent }, text) {
  return billed(INSTANT, { audioUrl, text, provider, consent }, { read: (response) => response.arrayBuffer() });
}

/** Fisher and Yates, with the browser's own randomness. */
function shuffled(list) {
  const mixed = [...list];
  for (let last = mixed.length - 1; last > 0; last--) {
    const index = crypto.getRandomValues(new Uint32Array(1))[0] % (last + 1);
    [mixed[last], mixed[index]] = [mixed[index], mixed[last]];
  }
  return mixed;
}
