"""Measures what each part of the fit contributes, with strangers of the cohort and one part left out at a time.

    make bench-setup && .venv/bin/python benchmarks/quality/ablation.py

Prints the table and puts it into `docs/engine.md`. The speakers and the judges are those of `engine.py`; nothing was
chosen by this table. Takes about ten minutes on two idle cores; `--speakers 1` is a quick run that writes nothing.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from unittest.mock import patch

from benchmarks.machine import machine
from benchmarks.quality.speaker_similarity import KnownSpeaker, SimilarityBench
from benchmarks.recordings import cohort, speakers, speech_folder
from voxport.engine.engine import Engine
from voxport.engine.fit import FIT_STEPS, optimizer, speaker_distance
from voxport.engine.fit.fitting import MakeDistances
from voxport.engine.fit.speaker_distance import CampplusDistance, ResemblyzerDistance


@dataclass(frozen=True)
class Variant:
    """What differs from the fit: constants of optimizer.py, the steps, the weight of CAM++'s frames, the distances."""

    constants: dict[str, float] = field(default_factory=dict)
    fit_steps: int = FIT_STEPS
    frame_weight: float | None = None
    make_distances: MakeDistances | None = None


PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
BEGIN, END = "<!-- ablation -->", "<!-- /ablation -->"
SPEAKERS = 3
NO_EARLY_STOP = {"_MIN_VOICED_RATIO": 0.0, "_MAX_WORSE_VALIDATIONS": 1_000}
"""The best voice by the unfitted sentence is still the one that is kept."""
VARIANTS: dict[str, Variant] = {
    "the fit": Variant(),
    "without CAM++": Variant(make_distances=lambda _, embedding: [ResemblyzerDistance(embedding)]),
    "without Resemblyzer": Variant(make_distances=lambda audio, _: [CampplusDistance(audio)]),
    "without CAM++'s frames": Variant(frame_weight=0.0),
    "without the norms' offsets": Variant({"_ADAIN_RATE": 0.0}),
    "without the style": Variant({"_STYLE_RATE": 0.0}),
    "without the spectra": Variant({"_SPECTRUM_WEIGHT": 0.0}),
    "without the distance from the start": Variant({"_STYLE_WEIGHT": 0.0, "_ADAIN_WEIGHT": 0.0}),
    "without the stop, 40 steps": Variant(NO_EARLY_STOP, fit_steps=40),
}
FIGURES = ("d_vector_normalised", "resemblyzer_normalised", "campplus_normalised", "dnsmos", "word_errors")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--speakers", type=int, default=SPEAKERS)
    folder, count = speech_folder(), arguments.parse_args().speakers
    print(machine(), flush=True)
    bench = SimilarityBench(speakers(folder), cohort(folder))
    asked = [bench.cohort_speaker(2 * index) for index in range(count)]
    lines = [
        f"Means of {count} strangers of the cohort, eight sentences each.\n",
        "| what is fitted | likeness, d-vector | Resemblyzer | CAM++ | DNSMOS | word errors, % |",
        "|---|---|---|---|---|---|",
    ]
    for name, variant in VARIANTS.items():
        rows = [_row(bench, speaker, variant) for speaker in asked]
        print(name, json.dumps(rows), flush=True)
        cells = [f"{mean(row[figure] for row in rows):.2f}" for figure in FIGURES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    bench.engine.close()
    written = "\n".join(lines)
    print(written)
    if count == SPEAKERS:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{written}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _row(bench: SimilarityBench, speaker: KnownSpeaker, variant: Variant) -> dict[str, float]:
    engine = Engine.load(fit_steps=variant.fit_steps, make_distances=variant.make_distances)
    with ExitStack() as patches:
        for constant, value in variant.constants.items():
            patches.enter_context(patch.object(optimizer, constant, value))
        if variant.frame_weight is not None:
            patches.enter_context(patch.object(speaker_distance, "_FRAME_WEIGHT", variant.frame_weight))
        voice = engine.enrol(speaker.reference)
    engine.close()
    figures = bench.score(bench.speak_groups(voice, groups=2), speaker)
    return {name: figures[name] for name in FIGURES}


if __name__ == "__main__":
    main()
