"""Measures mixes of voices: the heard pitch, rate and tone against what was asked for, likeness to the parts, words.

`.venv/bin/python benchmarks/quality/voice_mixes.py` prints two tables. It needs
`requirements/bench.txt`. Decision 0102 has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from benchmarks.quality.metrics import Transcriber
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.campplus import CampplusEncoder
from voxport.audio.pitch import median_f0
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.engine import Engine, EngineVoice

TEXTS: Final = (
    "The committee will meet again on Thursday to discuss the new plan for the harbour.",
    "Please leave your coat by the door, and come in for a cup of tea.",
    "Nobody had seen the old bridge since the river rose in the spring.",
)
VOICES: Final = ("af_heart", "af_bella", "am_adam", "am_onyx", "bf_emma", "bm_george", "ef_dora", "if_sara")
PAIRS: Final = (("af_heart", "bm_george"), ("af_bella", "am_onyx"), ("bf_emma", "af_heart"), ("am_adam", "bm_george"))
SHIFTS: Final = (-4.0, -2.0, 2.0, 4.0)


def main() -> None:
    engine = Engine.load()
    measure_shifts(engine)
    measure_pairs(engine)


def measure_shifts(engine: Engine) -> None:
    print("| voice, Hz | " + " | ".join(f"asked {shift:+g}" for shift in SHIFTS) + " |")
    heard = []
    for voice_id in VOICES:
        plain = semitones(speech(engine, engine.stock_voice(voice_id)))
        row = []
        for shift in SHIFTS:
            moved = engine.mix_voices([(voice_id, 1.0)], pitch=shift)
            row.append(semitones(speech(engine, moved)) - plain)
        heard.append(row)
        print(f"| {voice_id}, {2 ** (plain / 12):.0f} | " + " | ".join(f"{one:+.2f}" for one in row) + " |", flush=True)
    print("| median | " + " | ".join(f"{one:+.2f}" for one in np.median(heard, axis=0)) + " |")


def measure_pairs(engine: Engine) -> None:
    encoder, campplus = SpeakerEncoder(threads=2), CampplusEncoder(threads=2)
    transcriber = Transcriber()
    judges: dict[str, Callable[[FloatArray], FloatArray]] = {"Resemblyzer": encoder.embed, "CAM++": campplus.embed}
    print(
        "| mix | Hz: first, second, mix | "
        + " | ".join(f"{name}: to first, second, apart" for name in judges)
        + " | wrong words |"
    )
    for first, second in PAIRS:
        for weight in (0.25, 0.5, 0.75):
            mix = engine.mix_voices([(first, weight), (second, 1 - weight)])
            clips = [speech(engine, one) for one in (engine.stock_voice(first), engine.stock_voice(second), mix)]
            pitches = ", ".join(f"{2 ** (semitones(clip) / 12):.0f}" for clip in clips)
            likeness = []
            for embed in judges.values():
                one, other, mixed = (unit(embed(clip)) for clip in clips)
                likeness.append(f"{mixed @ one:.2f}, {mixed @ other:.2f}, {one @ other:.2f}")
            wrong, words = transcriber.errors(clips[2], " ".join(TEXTS))
            name = f"{weight} {first}, {1 - weight} {second}"
            print(f"| {name} | {pitches} | {' | '.join(likeness)} | {wrong} of {words} |", flush=True)


def speech(engine: Engine, voice: EngineVoice) -> FloatArray:
    return np.concatenate([engine.speak(chunk, voice) for text in TEXTS for chunk in engine.plan(text, "en-us")])


def semitones(audio: FloatArray) -> float:
    median = median_f0(audio, SAMPLE_RATE)
    assert median is not None
    return float(12 * np.log2(median))


def unit(embedding: FloatArray) -> FloatArray:
    return np.asarray(embedding / np.linalg.norm(embedding))


if __name__ == "__main__":
    main()
