"""Measures what the watermark withstands, how often it is falsely detected, and how it affects the speech.

    make bench-setup && .venv/bin/python benchmarks/quality/watermark.py

Tests twenty marked clips of synthesis; then all real recordings and the same clips unmarked. Prints a table, writes
`benchmarks/results/watermark.json` and `docs/img/watermark.png`, and puts the table into `docs/engine.md`.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import machine
from benchmarks.quality.inaudibility import inaudibility
from benchmarks.quality.watermark_attacks import attacks
from benchmarks.quality.watermark_plot import plot
from benchmarks.recordings import load, speech_folder
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.trim import trim_silence
from voxport.engine import Detection, detect
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.weights import load_split_model
from voxport.engine.watermark import add_watermark
from voxport.text.phonemizer import Phonemizer

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- watermark -->", "<!-- /watermark -->"
VOICES = ("af_heart", "am_adam", "bf_emma", "bm_george", "af_bella", "am_michael", "am_fenrir", "bf_isabella")
TEXTS = (
    "The ferry leaves the island at seven in the morning, and the whole village comes down to wave goodbye.",
    "When you have finished the letter, put it under the blue lamp and close the window.",
    "I will read it tonight, after the guests have gone home.",
    "It was a long winter, and nobody had expected the snow to stay until the first week of April, "
    "when the road to the harbour was closed for the second time.",
    "Please wait for the signal before you open the door, and mind the step.",
)
CLIPS = 20


def main() -> None:
    before, unmarked = machine(), clips()
    print(before, flush=True)
    marked = [add_watermark(clip) for clip in unmarked]
    rows = []
    for name, attack in attacks():
        rows.append({"after": name, **_summary([detect(attack(clip), SAMPLE_RATE) for clip in marked])})
        print(json.dumps(rows[-1]), flush=True)
    recordings = _recordings(speech_folder())
    result = {
        "machine": before,
        "clips": len(marked),
        "seconds": [round(clip.size / SAMPLE_RATE, 1) for clip in marked],
        "found": rows,
        "false_alarms": {
            "real recordings, whole": _summary([detect(audio, SAMPLE_RATE) for audio in recordings]),
            "real recordings, in pieces of 3 s": _summary([detect(p, SAMPLE_RATE) for p in _pieces(recordings)]),
            "unmarked synthesis, whole": _summary([detect(audio, SAMPLE_RATE) for audio in unmarked]),
            "unmarked synthesis, in pieces of 3 s": _summary([detect(p, SAMPLE_RATE) for p in _pieces(unmarked)]),
        },
        "inaudibility": inaudibility(unmarked, marked),
        "processor_seconds_per_second": _cost(np.concatenate(unmarked)[: 60 * SAMPLE_RATE]),
    }
    written = table(result)
    print(written)
    _save(result, written)


def clips() -> list[FloatArray]:
    """Return twenty clips of 3 to 10 s in eight voices, spoken by the engine without the mark."""
    synthesizer, phonemizer, packs = Synthesizer(load_split_model(), threads=1), Phonemizer(), stock_packs()
    clips_made = []
    for number in range(CLIPS):
        (chunk,) = plan(TEXTS[number % len(TEXTS)], "en-us", phonemizer)
        style = packs.voice(packs.ids.index(VOICES[number % len(VOICES)])).style(len(chunk.tokens))
        clips_made.append(trim_silence(synthesizer.decode(synthesizer.predict(chunk.tokens, style, 1.0), style)))
        print(f"clip {number + 1}: {clips_made[-1].size / SAMPLE_RATE:.1f} s", flush=True)
    phonemizer.close()
    return clips_made


def table(result: dict[str, Any]) -> str:
    lines = ["| after | found | z, median | z, least | confidence, least |", "| --- | --- | --- | --- | --- |"]
    for row in result["found"]:
        lines.append(
            f"| {row['after']} | {row['found']} of {row['of']} | {row['median_z']} | {row['least_z']} "
            f"| {row['least_confidence']:.3g} |"
        )
    lines += [
        "",
        "| where there is no mark | taken for marked | z, most | confidence, most |",
        "| --- | --- | --- | --- |",
    ]
    for name, row in result["false_alarms"].items():
        lines.append(f"| {name} | {row['found']} of {row['of']} | {row['most_z']} | {row['most_confidence']:.1g} |")
    heard, cost, machine_ = result["inaudibility"], result["processor_seconds_per_second"], result["machine"]
    moved = heard["dnsmos_change"]
    lines += [
        "",
        f"The mark lies {heard['level_db']} dB under the speech (segmental SNR {heard['segmental_snr_db']} dB, "
        f"{heard['worst_segmental_snr_db']} dB in the worst clip). "
        + (
            f"DNSMOS overall: {heard['dnsmos']} without the mark, {moved['mean']:+} with it on average, "
            f"{moved['worst']:+} at worst."
            if moved
            else "DNSMOS was not measured."
        ),
        f"Marking takes {cost['mark']} s of processor time per second of audio, detecting {cost['detect']} s "
        f"({machine_['processor']}, one thread, load {machine_['load_1min']}).",
        "",
        "![z after codecs and noise, and where there is no mark](img/watermark.png)",
    ]
    return "\n".join(lines)


def _summary(found: list[Detection]) -> dict[str, Any]:
    strengths, confidences = [one.strength for one in found], [one.confidence for one in found]
    return {
        "of": len(found),
        "found": sum(one.watermarked for one in found),
        "median_z": round(median(strengths), 1),
        "least_z": round(min(strengths), 1),
        "most_z": round(max(strengths), 1),
        "least_confidence": min(confidences),
        "most_confidence": max(confidences),
        "z": strengths,
    }


def _recordings(folder: Path) -> list[FloatArray]:
    """Load all recordings that can be decoded, each cut to the first minute as the gateway does."""
    loaded = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".tsv", ".md")):
        try:
            loaded.append(load(path)[: 60 * SAMPLE_RATE])
        except subprocess.CalledProcessError:
            print(f"not decoded: {path.name}")
    return loaded


def _pieces(recordings: list[FloatArray]) -> list[FloatArray]:
    size = 3 * SAMPLE_RATE
    return [audio[first : first + size] for audio in recordings for first in range(0, audio.size - size + 1, size)]


def _cost(audio: FloatArray) -> dict[str, float]:
    """Return the processor seconds per second of audio, the best of three."""
    spent: dict[str, float] = {}
    for name, call in (("mark", lambda: add_watermark(audio)), ("detect", lambda: detect(audio, SAMPLE_RATE))):
        runs = []
        for _ in range(3):
            start = time.process_time()
            call()
            runs.append((time.process_time() - start) / (audio.size / SAMPLE_RATE))
        spent[name] = round(min(runs), 4)
    return spent


def _save(result: dict[str, Any], written: str) -> None:
    (ROOT / "docs" / "img").mkdir(exist_ok=True)
    plot(result, ROOT / "docs" / "img" / "watermark.png")
    kept = json.dumps(result, indent=1) + "\n"
    (ROOT / "benchmarks" / "results" / "watermark.json").write_text(kept, encoding="utf-8")
    page = ROOT / "docs" / "engine.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{written}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
