"""Makes a recording of a synthetic speaker, for a demo without a sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxport.audio.codec.wav import to_pcm16, wav_bytes
from voxport.engine import Engine
from voxport.engine.kokoro.stock_voices import stock_packs

# Weights of three voices. The negative one puts the timbre outside of what a mix of stock voices can reach.
_TIMBRE = {"am_michael": 0.8, "bm_george": 0.5, "am_onyx": -0.3}
_PROSODY = {"am_michael": 0.5, "am_puck": 0.5}
_PITCH_STEP = -0.06  # log Hz, about a semitone down
_LANGUAGE = "en-us"
_TEXT = (
    "Every morning I walk along the harbour before the town wakes up. The fishermen are already there, mending "
    "their nets and talking quietly about the weather. I buy a cup of coffee from the little shop at the corner, "
    "and then I sit down on the wall and watch the boats go out, one after another, until the sun is high."
)


def write_speaker(path: Path, text: str = _TEXT) -> None:
    """Write `text` (about 20 s by default) as WAV, spoken by a synthetic speaker whose style is no stock voice's."""
    engine = Engine.load()
    try:
        packs = stock_packs()
        voice = packs.blend(_weights(packs.ids, _TIMBRE), _weights(packs.ids, _PROSODY), _LANGUAGE)
        voice = voice.with_f0(offset=_PITCH_STEP, slope=1.0, median=None)
        pieces = [engine.speak(chunk, voice) for chunk in engine.plan(text, _LANGUAGE)]
    finally:
        engine.close()
    path.write_bytes(wav_bytes(to_pcm16(np.concatenate(pieces))))


def _weights(ids: tuple[str, ...], chosen: dict[str, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([chosen.get(voice_id, 0.0) for voice_id in ids], np.float32)
