"""Speaks the lines that the benchmarks of the quality gate and of the word times measure, and keeps them in a folder.

`script_lines.tsv` has 50 lines in each language: dialogue of a word or two, and whole sentences. They take turns over
the stock voices of their language and instant clones of the recordings in VOXPORT_SPEECH_DIR, two to one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.recordings import load, speakers, speech_folder
from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.wav import to_pcm16
from voxport.audio.loudness import LoudnessNormalizer
from voxport.engine import Engine, EngineVoice, word_times
from voxport.providers.base import SpokenWord
from voxport.speech.timestamps import shifted

_LINES = Path(__file__).with_name("script_lines.tsv")


@dataclass(frozen=True)
class BenchLine:
    language: str
    text: str
    voice: str


@dataclass(frozen=True)
class SpokenLine:
    """A line with its audio, and its words in seconds of it. `index` is its number among `bench_lines`."""

    index: int
    line: BenchLine
    samples: Pcm
    words: list[SpokenWord]


def bench_lines(engine: Engine) -> list[BenchLine]:
    """Return all lines, the languages in turns, with their voices: a stock voice, or `clone:NAME`."""
    clones = [f"clone:{one.name}" for one in speakers(speech_folder())]
    lines: dict[str, list[BenchLine]] = {}
    with _LINES.open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            lines.setdefault(row["language"], []).append(BenchLine(row["language"], row["text"], ""))
    for language, ours in lines.items():
        stock = [voice.id for voice in engine.stock_voices() if voice.language == language]
        for number, line in enumerate(ours):
            names = clones if number % 3 == 2 else stock
            ours[number] = replace(line, voice=names[number // 3 % len(names)])
    return [line for turn in zip(*lines.values(), strict=True) for line in turn]


def spoken_lines(folder: Path) -> Iterator[SpokenLine]:
    """Yield all lines, each spoken unless `folder` has it already."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = Engine.load()
    voices: dict[str, EngineVoice] = {}
    try:
        for index, line in enumerate(bench_lines(engine)):
            path = folder / f"{index:04}.npz"
            if not path.exists():
                if line.voice not in voices:
                    voices[line.voice] = _voice(engine, line.voice)
                spoken = speak(engine, line.text, line.language, voices[line.voice])
                np.savez(path, samples=spoken[0], words=json.dumps([asdict(word) for word in spoken[1]]))
            with np.load(path) as stored:
                words = [SpokenWord(**word) for word in json.loads(str(stored["words"]))]
                yield SpokenLine(index, line, stored["samples"], words)
    finally:
        engine.close()


def speak(engine: Engine, text: str, language: str, voice: EngineVoice) -> tuple[Pcm, list[SpokenWord]]:
    """Speak a text as the `local` provider does."""
    normalizer, audio, words, position = LoudnessNormalizer(), [], list[SpokenWord](), 0
    for chunk in engine.plan(text, language, with_words=True):
        spoken = engine.speak_timed(chunk, voice, start_sample=position)
        found = [
            SpokenWord(word.start_char, word.end_char, word.sentence, start, end)
            for word, (start, end) in zip(chunk.words, word_times(chunk, spoken), strict=True)
        ]
        words += shifted(found, position / SAMPLE_RATE)
        pause = np.zeros(round(chunk.pause_seconds(1.0) * SAMPLE_RATE), np.float32)
        audio += [normalizer.process(spoken.audio), pause]
        position += spoken.audio.size + pause.size
    whole = np.concatenate(audio)
    return to_pcm16(whole), words


def _voice(engine: Engine, name: str) -> EngineVoice:
    if not name.startswith("clone:"):
        return engine.stock_voice(name)
    speaker = next(one for one in speakers(speech_folder()) if one.name == name.removeprefix("clone:"))
    return engine.enrol(load(speaker.reference), instant=True)
