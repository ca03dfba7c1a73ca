/** Waveforms by wavesurfer, which is loaded with the first one. */
import { html, useEffect, useRef, useState } from "./html.js";

const HEIGHT = 72;
const MAX_DECODED_BYTES = 60_000_000; // a browser holds four bytes of each sample: more would end a phone's tab

/** The rules of the style element that the vendored file was relieved of. */
const RULES = `
:host { user-select: none; min-width: 1px; }
:host audio { display: block; width: 100%; }
:host .scroll { overflow-x: auto; overflow-y: hidden; width: 100%; position: relative; }
:host .noScrollbar { scrollbar-color: transparent; scrollbar-width: none; }
:host .noScrollbar::-webkit-scrollbar { display: none; -webkit-appearance: none; }
:host .wrapper { position: relative; overflow: visible; z-index: 2; }
:host .canvases { min-height: ${HEIGHT}px; pointer-events: none; }
:host .canvases > div { position: relative; }
:host canvas { display: block; position: absolute; top: 0; image-rendering: pixelated; }
:host .progress { pointer-events: none; position: absolute; z-index: 2; top: 0; left: 0; width: 0; height: 100%; overflow: hidden; }
:host .progress > div { position: relative; }
:host .cursor { pointer-events: none; position: absolute; z-index: 5; top: 0; left: 0; height: 100%; border-radius: 2px; }
`;

/** Create a wavesurfer in an element; `options` are its own. */
export async function createWave(container, options = {}) {
  const { default: WaveSurfer } = await import("./vendor/wavesurfer.js");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const wave = WaveSurfer.create({
    container,
    height: HEIGHT,
    barWidth: 2,
    barGap: 1,
    barRadius: 2,
    normalize: false, // silence looks like silence
    waveColor: color("--field"),
    progressColor: color("--accent"),
    cursorColor: color("--accent"),
    ...options,
  });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(RULES);
  wave.getWrapper().getRootNode().adoptedStyleSheets = [sheet];
  return wave;
}

/** A recording that is at hand: its waveform and a player. A large file has the player alone. */
export function LocalAudio({ blob, label }) {
  const container = useRef(null);
  const audio = useRef(null);
  const [isPlayable, setPlayable] = useState(true);
  useEffect(() => {
    let wave = null;
    let isCurrent = true;
    let url = "";
    const playAlone = () => {
      url = URL.createObjectURL(blob);
      audio.current.src = url;
    };
    const draw = (made) => {
      if (!isCurrent) return made.destroy();
      wave = made;
      wave.on("error", () => {}); // what this browser can't decode, the gateway may
      // It gives the player its source: of one that has a source, it would fetch that, which the page's policy refuses.
      return wave.loadBlob(blob).catch(() => {});
    };
    if (blob.size > MAX_DECODED_BYTES) playAlone();
    else createWave(container.current, { media: audio.current }).then(draw, () => isCurrent && playAlone());
    return () => {
      isCurrent = false;
      wave?.destroy();
      URL.revokeObjectURL(url);
    };
  }, [blob]);
  return html`<div class="wave" ref=${container} aria-hidden="true"></div>
    <audio
      ref=${audio}
      controls
      preload="metadata"
      hidden=${!isPlayable}
      aria-label=${label}
      onError=${() => setPlayable(false)}
    ></audio>`;
}
