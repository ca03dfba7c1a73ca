"""How near the local engine's clones are, and what they take. One command:

    make bench-setup && .venv/bin/python benchmarks/engine.py

For each of the eight speakers of `PAIRS.tsv`: clone from the reference, speak two texts that are in no recording,
and compare with the speaker's other recordings. It prints a table, writes `benchmarks/results/engine.json`, and
puts the table into `docs/engine.md`. About ten minutes on two idle cores; `--speakers 2` is a quick look.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from judges import Transcriber, UnseenEncoder, unit
from machine import machine, peak_memory, real_time_factor
from report import table
from speech import Speaker, cohort, load, speakers, speech_folder
from voxport.engine import SAMPLE_RATE, Engine, Voice
from voxport.engine.arrays import Floats
from voxport.engine.mixing import stock_embeddings
from voxport.engine.pitch import median_f0
from voxport.engine.stock import stock_packs

ROOT = Path(__file__).parents[1]
TEXTS = (
    "The ferry leaves the island at seven in the morning, and the whole village comes down to wave goodbye. "
    "Nobody remembers how the custom began.",
    "When you have finished the letter, put it under the blue lamp and close the window. "
    "I will read it tonight, after the guests have gone home.",
)
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--speakers", type=int, default=None, help="only so many of the speakers")
    folder, wanted = speech_folder(), arguments.parse_args().speakers
    before = machine()
    print(before, flush=True)
    bench = Bench(cohort(folder))
    rows = [bench.row(speaker) for speaker in speakers(folder)[:wanted]]
    bench.engine.close()
    text = " ".join(TEXTS * 4)
    result = {
        "machine": before,
        "load_after": machine()["load_1min"],
        "speakers": rows,
        "real_time_factor": {str(threads): real_time_factor(text, threads=threads) for threads in (1, 2)},
        "peak_memory_mb": peak_memory(text, load(speakers(folder)[0].reference)),
    }
    written = table(result)
    print(written)
    if wanted is None:
        _keep(result, written)


class Bench:
    """The engine and its judges."""

    def __init__(self, strangers: list[Path]) -> None:
        self.engine = Engine.load(threads=2)
        self.unseen = UnseenEncoder()
        self.transcriber = Transcriber()
        self.strangers = np.stack([self.unseen.embed(load(path)) for path in strangers])
        self.chunks = [chunk for text in TEXTS for chunk in self.engine.plan(text, "en-us")]

    def row(self, speaker: Speaker) -> dict[str, Any]:
        """All figures of one speaker: of the persistent clone, the instant one, and the nearest stock voice."""
        reference = load(speaker.reference)
        heldout = [load(path) for path in speaker.heldout]
        truths = {
            "unseen": unit(np.mean([self.unseen.embed(audio) for audio in heldout], axis=0)),
            "own": unit(np.mean([self.engine.embed(audio) for audio in heldout], axis=0)),
        }
        pitch = median_f0(reference, SAMPLE_RATE) or 0.0
        start = time.perf_counter()
        clone = self.engine.enrol(reference)
        full = time.perf_counter()
        instant = self.engine.enrol(reference, quick=True)
        quick = time.perf_counter()
        stock_id, stock = self._nearest(reference, pitch)
        row: dict[str, Any] = {
            "speaker": speaker.name,
            "ceiling": round(float(self.unseen.embed(reference) @ truths["unseen"]), 3),
            "strangers": round(float((self.strangers @ truths["unseen"]).mean()), 3),
            "stock_id": stock_id,
            "reference_hz": round(pitch, 1),
            "seconds": round(full - start, 1),
            "instant_seconds": round(quick - full, 1),
        }
        for name, voice in (("clone", clone), ("instant", instant), ("stock", stock)):
            row[name] = self._judged(voice, truths, row["ceiling"], row["strangers"], pitch)
        print(json.dumps(row), flush=True)
        return row

    def _judged(
        self, voice: Voice, truths: dict[str, Floats], ceiling: float, strangers: float, pitch: float
    ) -> dict[str, float]:
        """Similarities, pitch (semitones from the reference's) and word errors of the two texts in a voice."""
        spoken = [self.engine.speak(chunk, voice) for chunk in self.chunks]
        audio = np.concatenate(spoken)
        unseen = float(self.unseen.embed(audio) @ truths["unseen"])
        errors = [self.transcriber.errors(one, chunk.text) for one, chunk in zip(spoken, self.chunks, strict=True)]
        heard = median_f0(audio, SAMPLE_RATE)
        return {
            "unseen": round(unseen, 3),
            "normalised": round((unseen - strangers) / (ceiling - strangers), 2),
            "own": round(float(self.engine.embed(audio) @ truths["own"]), 3),
            "semitones": round(12 * float(np.log2(heard / pitch)), 2) if heard else float("nan"),
            "word_errors": round(100 * sum(wrong for wrong, _ in errors) / sum(words for _, words in errors), 1),
        }

    def _nearest(self, reference: Floats, pitch: float) -> tuple[str, Voice]:
        """The stock voice that the engine's own encoder takes for the nearest, as it is."""
        packs = stock_packs()
        index = int(np.argmax(stock_embeddings().at(pitch) @ self.engine.embed(reference)))
        return packs.ids[index], packs.voice(index)


def _keep(result: dict[str, Any], written: str) -> None:
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "engine.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    page = ROOT / "docs" / "engine.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{written}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
