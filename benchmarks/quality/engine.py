"""Measures how similar the local engine's clones are to their speakers, and the time and memory that they take.

    make bench-setup && .venv/bin/python benchmarks/quality/engine.py

For each of the eight speakers of `PAIRS.tsv`: clones from the reference, speaks twenty sentences that are in no
recording, and compares with the speaker's other recordings by three speaker encoders. Then fits with two of the
encoders and judges by the third, and measures clones from noisy recordings, the course of the fit over its steps, time
and memory, other engines, and a client's waiting times over HTTP. Prints the tables, writes
`benchmarks/results/engine.json` and the plots, and puts everything into `docs/engine.md`. Takes about 40 minutes on two
idle cores; `--speakers 2` is a quick run that writes nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine, peak_memory, real_time_factor
from benchmarks.quality.degradations import degradations
from benchmarks.quality.engine_page import page
from benchmarks.quality.engine_plots import plot_curve, plot_pitch, plot_spectra
from benchmarks.quality.rival_engines import compare_engines, write_wav
from benchmarks.quality.speaker_similarity import JUDGES, SimilarityBench
from benchmarks.recordings import cohort, speakers, speech_folder
from benchmarks.speed.http_latency import latencies
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import EngineProcess

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "img"
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"
NOISE = "five other voices 10 dB"
CURVES = 4  # speakers, those of the lowest likeness
STEPS = (0, 4, 10, 20)  # of a fit
LONG = (
    "When you have finished the letter, put it under the blue lamp and close the window. I will read it tonight, after "
    "the guests have gone home. The ferry leaves the island at seven in the morning. "
) * 4


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--speakers", type=int, default=None, help="only so many of the speakers; writes nothing")
    folder, wanted = speech_folder(), arguments.parse_args().speakers
    before = machine()
    print(before, flush=True)
    bench = SimilarityBench(speakers(folder), cohort(folder))
    chosen = bench.known[:wanted]
    rows = [bench.evaluate(speaker) for speaker in chosen]
    degrade = degradations(folder)[NOISE]
    rotation = [bench.evaluate_left_out(speaker, judge) for judge in JUDGES for speaker in chosen]
    noisy = [bench.evaluate_degraded(speaker, degrade(speaker.reference)) for speaker in chosen]
    worst = sorted(zip(rows, chosen, strict=True), key=lambda pair: float(pair[0]["clone"]["d_vector_normalised"]))
    curves = {speaker.name: bench.curve(speaker, STEPS) for _, speaker in worst[:CURVES]}
    if wanted is None:
        IMAGES.mkdir(exist_ok=True)
        plot_curve(curves, IMAGES / "fit.png")
        plot_pitch(bench, chosen, IMAGES / "pitch.png")
        plot_spectra(bench, chosen, IMAGES / "spectra.png")
    bench.engine.close()
    result = {
        "machine": before,
        "speakers": rows,
        "rotation": rotation,
        "noise": NOISE,
        "noisy": noisy,
        "curves": curves,
        "busy_seconds": _beside_a_busy_core(chosen[0].reference),
        "real_time_factor": {str(threads): real_time_factor(LONG, threads=threads) for threads in (1, 2)},
        "peak_memory_mb": peak_memory(LONG, chosen[0].reference),
        "beside": compare_engines(bench.dnsmos),
        "http": _waits(chosen[0].reference),
        "load_after": machine()["load_1min"],
    }
    print(json.dumps(result), flush=True)
    written = page(result)
    print(written)
    if wanted is None:
        _save(result, written)


def _beside_a_busy_core(reference: FloatArray) -> float:
    """Return the seconds of an enrolment while another process computes."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    process = EngineProcess()
    try:
        process.plan("Warm up.", "en-us")
        start = time.perf_counter()
        process.enrol(reference)
        return round(time.perf_counter() - start, 1)
    finally:
        process.close()
        busy.kill()
        busy.wait()


def _waits(reference: Any) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="voxport-sample-") as folder:
        sample = Path(folder) / "ten_seconds.wav"
        write_wav(sample, np.resize(reference, 10 * SAMPLE_RATE), SAMPLE_RATE)
        return latencies(sample)


def _save(result: dict[str, Any], written: str) -> None:
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "engine.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    page_file = ROOT / "docs" / "engine.md"
    before, _, rest = page_file.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page_file.write_text(f"{before}{BEGIN}\n{written}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
