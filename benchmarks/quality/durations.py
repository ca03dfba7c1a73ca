"""Compares the local engine's speech duration per character with what `POST /v1/estimate` says.

    .venv/bin/python benchmarks/quality/durations.py

Speaks each text in up to five stock voices of its language. Prints the mean length, its spread, the estimate and its
error. The constants of `voxport.speech.durations` are chosen by these figures. Takes about three minutes; Japanese and
Chinese need `make eastasian`.
"""

from __future__ import annotations

import argparse
from statistics import mean

from benchmarks.machine import machine
from benchmarks.quality.languages import SENTENCES
from benchmarks.quality.prose import prose
from voxport.audio.arrays import SAMPLE_RATE
from voxport.catalog import load_catalog
from voxport.engine import Engine
from voxport.speech.durations import estimated_seconds

_VOICES = 5
_ENGLISH = {
    "prose": prose(700),
    "numbers": "We sold 1,204 tickets on 3 May 2026 for $18.50 each, 22% more than in 2025.",
    "a phone": "Call +1 555 010 7788 before 17:45, room 304, and ask for NASA's Dr. Smith.",
    "a link": "See https://example.com/docs?page=2 or write to info@example.com.",
    "a word": "Yes.",
    "two words": "Good morning!",
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    print(machine())
    limits, engine = load_catalog().limits, Engine.load()
    texts = [(language, language, text) for language, text in SENTENCES.items()]
    texts += [(name, "en-us", text) for name, text in _ENGLISH.items()]
    print(f"{'text':10} {'letters':>7} {'seconds':>8} {'from':>6} {'to':>6} {'estimate':>8} {'error':>6}")
    for name, language, text in texts:
        spoken = durations(engine, text, language)
        said = float(estimated_seconds(text, 1.0, limits))
        middle, least, most = mean(spoken), min(spoken), max(spoken)
        row = f"{name:10} {len(text):7} {middle:8.2f} {least:6.2f} {most:6.2f} {said:8.1f} {said / middle - 1:+6.0%}"
        print(row, flush=True)
    engine.close()


def durations(engine: Engine, text: str, language: str, voices: int = _VOICES) -> list[float]:
    """Return the seconds of the text in each of up to `voices` voices of its language."""
    ids = [voice.id for voice in engine.stock_voices() if voice.language == language][:voices]
    chunks = engine.plan(text, language)
    return [sum(len(engine.speak(chunk, engine.stock_voice(one))) for chunk in chunks) / SAMPLE_RATE for one in ids]


if __name__ == "__main__":
    main()
