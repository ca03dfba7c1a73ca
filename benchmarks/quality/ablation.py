"""Measures what each part of the fit contributes, with the same speakers and one part left out at a time.

    make bench-setup && .venv/bin/python benchmarks/quality/ablation.py

Prints the table and puts it into `docs/engine.md`. The speakers and the judges are those of `engine.py`; nothing was
chosen by this table. Takes about ten minutes on two idle cores; `--speakers 1` is a quick run that writes nothing.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from unittest.mock import patch

from benchmarks.machine import machine
from benchmarks.quality.speaker_similarity import KnownSpeaker, SimilarityBench
from benchmarks.recordings import cohort, speakers, speech_folder
from voxport.engine.engine import Engine
from voxport.engine.fit import FIT_STEPS, optimizer

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
BEGIN, END = "<!-- ablation -->", "<!-- /ablation -->"
SPEAKERS = 3
NO_EARLY_STOP = {"_MIN_VOICED_RATIO": 0.0, "_MAX_LOSS_RATIO": float("inf")}
VARIANTS: dict[str, dict[str, float]] = {
    "the fit": {},
    "without the embeddings": {"_EMBEDDING_WEIGHT": 0.0},
    "without the spectra": {"_SPECTRUM_WEIGHT": 0.0},
    "without the distance from the start": {"_OFFSET_WEIGHT": 0.0},
    "without the stop, 40 steps": {**NO_EARLY_STOP, "fit_steps": 40},
    "without any of the three": {**NO_EARLY_STOP, "fit_steps": 40, "_SPECTRUM_WEIGHT": 0.0, "_OFFSET_WEIGHT": 0.0},
}
FIGURES = ("d_vector_normalised", "resemblyzer_normalised", "campplus_normalised", "dnsmos", "word_errors")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--speakers", type=int, default=SPEAKERS)
    folder, count = speech_folder(), arguments.parse_args().speakers
    print(machine(), flush=True)
    bench = SimilarityBench(speakers(folder), cohort(folder))
    asked = bench.known[::2][:count]
    lines = [
        f"Means of {count} speakers, eight sentences each.\n",
        "| what is fitted | similarity, unseen encoder | the fit's own | DNSMOS | word errors, % |",
        "|---|---|---|---|---|",
    ]
    for name, values in VARIANTS.items():
        rows = [_row(bench, speaker, values) for speaker in asked]
        print(name, json.dumps(rows), flush=True)
        cells = [f"{mean(row[figure] for row in rows):.2f}" for figure in FIGURES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    bench.engine.close()
    written = "\n".join(lines)
    print(written)
    if count == SPEAKERS:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{written}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _row(bench: SimilarityBench, speaker: KnownSpeaker, values: dict[str, float]) -> dict[str, float]:
    constants = dict(values)
    engine = Engine.load(fit_steps=int(constants.pop("fit_steps", FIT_STEPS)))
    with ExitStack() as patches:
        for constant, value in constants.items():
            patches.enter_context(patch.object(optimizer, constant, value))
        voice = engine.enrol(speaker.reference)
    engine.close()
    figures = bench.score(bench.speak_groups(voice, groups=2), speaker)
    return {name: figures[name] for name in FIGURES}


if __name__ == "__main__":
    main()
