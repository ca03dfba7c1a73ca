"""Measures the quality of samples, and how much cleaning improves degraded ones.

    make bench-setup && .venv/bin/python benchmarks/quality/samples.py

The reference of each speaker of `PAIRS.tsv` is degraded in known ways (`degradations.py`) and prepared for enrolment;
two speaker encoders measure its similarity to the clean one before and after. Then the `quality` of each file of
`media/` and `negatives/` is determined. Prints the tables, writes `benchmarks/results/samples.json`, and puts the
tables into `docs/engine.md`. Takes about three minutes on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from benchmarks.quality.degradations import Degradation, degradations, rms
from benchmarks.quality.metrics import UnseenEncoder
from benchmarks.recordings import load, speakers, speech_folder
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.codec.decode import decode
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.engine.enrolment.cleaning import clean_recording, denoiser
from voxport.errors import SampleUnusable
from voxport.samples.check import check
from voxport.samples.quality import quality

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- samples -->", "<!-- /samples -->"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--speakers", type=int, default=None, help="only so many of the speakers, for a quick look")
    folder, wanted = speech_folder(), arguments.parse_args().speakers
    before = machine()
    denoiser()  # loaded here, so that no recording's time includes the loading
    encoder, unseen = SpeakerEncoder(threads=1), UnseenEncoder()
    references = [load(speaker.reference) for speaker in speakers(folder)[:wanted]]
    rows = []
    for name, degrade in degradations(folder).items():
        rows.append({"spoilt by": name, **_compared(references, degrade, encoder, unseen)})
        print(rows[-1], flush=True)
    files = sorted([*(folder / "media").iterdir(), *(folder / "negatives").iterdir()])
    found = [{"file": f"{path.parent.name}/{path.name}", **_quality(path, encoder)} for path in files]
    result = {"machine": before, "load_after": machine()["load_1min"], "cleaning": rows, "quality": found}
    written = _page(result)
    print(written)
    if wanted is None:
        _save(result, written)


def _save(result: dict[str, Any], written: str) -> None:
    (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
    (ROOT / "benchmarks" / "results" / "samples.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    page = ROOT / "docs" / "engine.md"
    head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(f"{head}{BEGIN}\n{written}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _compared(
    references: list[FloatArray], degrade: Degradation, encoder: SpeakerEncoder, unseen: UnseenEncoder
) -> dict[str, float]:
    """Return cosines with the clean recording, means and minima over the speakers; time per second of sound."""
    own: list[tuple[float, float]] = []
    other: list[tuple[float, float]] = []
    seconds, audible = 0.0, 0
    for clean in references:
        degraded = degrade(clean)
        start = time.thread_time()
        prepared = clean_recording(degraded, encoder).audio
        seconds += time.thread_time() - start
        audible += len(degraded)
        pair = (degraded, prepared)
        own.append(tuple(float(encoder.embed(one) @ encoder.embed(clean)) for one in pair))  # type: ignore[arg-type]
        # The unseen encoder depends on loudness, which cleaning need not restore: the levels are made equal.
        target = unseen.embed(clean)
        other.append(tuple(float(unseen.embed(one * (rms(clean) / rms(one))) @ target) for one in pair))  # type: ignore[arg-type]
    means, least = np.mean(own, axis=0), np.min(own, axis=0)
    means_other, least_other = np.mean(other, axis=0), np.min(other, axis=0)
    figures = {
        "own before": means[0], "own after": means[1], "own least after": least[1],
        "unseen before": means_other[0], "unseen after": means_other[1], "unseen least after": least_other[1],
        "processor s per s": seconds / (audible / SAMPLE_RATE),
    }  # fmt: skip
    return {name: round(float(value), 3) for name, value in figures.items()}


def _quality(path: Path, encoder: SpeakerEncoder) -> dict[str, Any]:
    try:
        audio = decode(path, ffmpeg=find_ffmpeg())
        return quality(check(audio, embed=encoder.embed_each)).model_dump()
    except SampleUnusable as refusal:
        return {"verdict": "refused", "summary": refusal.message}


def _page(result: dict[str, Any]) -> str:
    cleaning, found, about = result["cleaning"], result["quality"], result["machine"]
    names = ("speech_seconds", "snr_db", "bandwidth_hz", "clipped_share", "speakers", "reverberation", "verdict")
    lines = [_line(cleaning[0]), _line(["---"] * len(cleaning[0]))]
    lines += [_line(row.values()) for row in cleaning]
    lines += ["", _line(["file", *names, "summary"]), _line(["---"] * (len(names) + 2))]
    lines += [_line([row["file"], *(row.get(name, "") for name in names), row["summary"]]) for row in found]
    lines += ["", f"Machine: {about['processor']}, {about['cores']} cores; load {about['load_1min']} before."]
    return "\n".join(lines)


def _line(values: Any) -> str:
    return "| " + " | ".join("–" if value is None else str(value) for value in values) + " |"


if __name__ == "__main__":
    main()
