/** Records from the microphone: a text to read, a level meter and a goal; nothing of the voice is processed away. */
import { html, useEffect, useRef, useState } from "./html.js";
import t from "./strings.en.js";
import { Problem } from "./ui.js";
import { createWave } from "./waveform.js";

const GOAL_SECONDS = 30;
const MAX_SECONDS = 90;
const CONSTRAINTS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
const FLOOR_DB = -60;
const QUIET_DB = -42;
const LOUD_PEAK = 0.97;

/** Why there is no microphone: a sentence, or null where there is one to ask for. */
export function missingMicrophone() {
  if (navigator.mediaDevices?.getUserMedia && window.MediaRecorder) return null;
  return window.isSecureContext ? { title: t.clone.noDevice } : { title: t.clone.noMicrophone, why: t.clone.noMicrophoneWhy };
}

/** `onRecorded` gets the recording as a Blob; `onActive` is told whether one is being made. */
export function Recorder({ onRecorded, onActive }) {
  const container = useRef(null);
  const session = useRef(null);
  const [state, setState] = useState("idle");
  const [seconds, setSeconds] = useState(0);
  const [error, setError] = useState(null);

  useEffect(() => () => session.current?.end(), []);
  useEffect(() => onActive(state !== "idle"), [state]);

  const start = async () => {
    setError(null);
    setSeconds(0);
    setState("starting");
    try {
      session.current = await beginSession(container.current, {
        onSeconds: setSeconds,
        onLost: () => setError(t.clone.deviceLost),
        onEnd: (blob, length) => {
          session.current?.end();
          session.current = null;
          setState("idle");
          if (length < 1 || !blob.size) setError(t.clone.tooShort);
          else onRecorded(blob);
        },
      });
      setState("recording");
    } catch (problem) {
      setState("idle");
      setError(reason(problem));
    }
  };
  const isRecording = state === "recording";
  return html`<div class="recorder">
    ${state !== "idle" &&
    html`<p class="hint">${t.clone.prompt}</p>
      <p class="script">${t.clone.script}</p>`}
    <div class="wave" ref=${container} hidden=${state === "idle"} aria-hidden="true"></div>
    ${isRecording &&
    html`<${Meter} stream=${session.current.stream} />
      <p class="cost" role="timer">${t.clone.recording(Math.floor(seconds), GOAL_SECONDS)}</p>
      <progress max=${GOAL_SECONDS} value=${Math.min(seconds, GOAL_SECONDS)} aria-label=${t.clone.goal}></progress>`}
    <${Problem} error=${error} />
    <div class="actions">
      ${isRecording
        ? html`<button type="button" class="primary" onClick=${() => session.current.stop()}>${t.clone.stop}</button>`
        : html`<button type="button" class="primary" disabled=${state === "starting"} onClick=${start}>${t.clone.record}</button>`}
      <span class="hint">${t.clone.goal}</span>
    </div>
  </div>`;
}

async function beginSession(container, { onSeconds, onLost, onEnd }) {
  const wave = await createWave(container, { interact: false, cursorWidth: 0 });
  let length = 0;
  try {
    const { default: Record } = await import("./vendor/wavesurfer-record.js");
    const record = wave.registerPlugin(
      Record.create({ scrollingWaveform: true, scrollingWaveformWindow: 8, renderRecordedAudio: false }),
    );
    const stop = () => record.isRecording() && record.stopRecording();
    record.on("record-progress", (milliseconds) => {
      length = milliseconds / 1000;
      onSeconds(Math.round(length * 10) / 10);
      if (length >= MAX_SECONDS) stop();
    });
    record.on("record-ended-externally", onLost);
    record.on("record-end", (blob) => onEnd(blob, length));
    const stream = await record.startMic(CONSTRAINTS);
    await record.startRecording(CONSTRAINTS);
    return { stream, stop, end: () => wave.destroy() };
  } catch (problem) {
    wave.destroy();
    throw problem;
  }
}

/** Shows the level ten times a second, and says when it is too low or too high. */
function Meter({ stream }) {
  const [level, setLevel] = useState({ db: FLOOR_DB, word: "" });
  useEffect(() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 2048;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let loudest = FLOOR_DB;
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      let peak = 0;
      for (const sample of samples) {
        sum += sample * sample;
        peak = Math.max(peak, Math.abs(sample));
      }
      const db = Math.max(FLOOR_DB, 10 * Math.log10(sum / samples.length + 1e-12));
      loudest = Math.max(db, loudest - 1); // falls by 10 dB a second, so that a pause between words is no silence
      setLevel({ db, word: peak >= LOUD_PEAK ? "high" : loudest < QUIET_DB ? "low" : "fine" });
    }, 100);
    return () => {
      clearInterval(timer);
      context.close();
    };
  }, [stream]);
  const words = { high: t.clone.loud, low: t.clone.quiet, fine: t.clone.fine, "": "" };
  const share = Math.round(((level.db - FLOOR_DB) / -FLOOR_DB) * 100);
  return html`<div
      class="meter"
      role="meter"
      aria-label=${t.clone.level}
      aria-valuemin=${FLOOR_DB}
      aria-valuemax="0"
      aria-valuenow=${Math.round(level.db)}
    >
      <div class=${level.word} style=${{ width: `${share}%` }}></div>
    </div>
    <p class="hint">${words[level.word]}</p>`;
}

function reason(problem) {
  const message = String(problem?.message ?? problem);
  if (/denied|not allowed/i.test(message)) return t.clone.denied;
  if (/not found|can ?not be found|no device/i.test(message)) return t.clone.noDevice;
  return message;
}
