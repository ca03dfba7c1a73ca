"""Measures the quality gate of spoken lines: how often it is wrong about good lines, and which faults it finds.

    VOXPORT_SPEECH_DIR=… .venv/bin/python benchmarks/quality/line_check.py --lines /tmp/lines

Speaks 450 lines in nine languages by stock voices and instant clones (`spoken_lines.py`; kept in the folder), checks
them as they are, and again with each fault: with the words' times and, as for a provider that tells none, without.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import reports
from benchmarks.quality.spoken_lines import SpokenLine, spoken_lines
from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.catalog import load_catalog
from voxport.scripts.hearing import Take
from voxport.scripts.line_check import Finding, check_line
from voxport.speech.durations import estimated_seconds

Fault = Callable[[SpokenLine], Pcm]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=Path, required=True, help="where spoken lines are kept")
    result = measure(list(spoken_lines(parser.parse_args().lines)))
    print(json.dumps(result, indent=1, ensure_ascii=False))
    reports.write("3_line_check", _report(result), page="speech_control")


def measure(lines: list[SpokenLine]) -> dict[str, Any]:
    """Return the share of good lines that are found bad, and of each fault that is found, with and without words."""
    result: dict[str, Any] = {
        "lines": len(lines),
        "minutes": round(sum(line.samples.size for line in lines) / SAMPLE_RATE / 60, 1),
        "voices": len({line.line.voice for line in lines}),
        "languages": len({line.line.language for line in lines}),
    }
    for name, has_words in (("with_words", True), ("without_words", False)):
        alarms = [(line, check(line, line.samples, has_words=has_words)) for line in lines]
        result[name] = {
            "false_alarms": sum(Take(found).is_bad for _, found in alarms),
            "false_notes": sum(bool(found) and not Take(found).is_bad for _, found in alarms),
            "alarms": [[line.line.language, line.line.voice, line.line.text, _codes(f)] for line, f in alarms if f],
            "faults": [_fault(name, fault, lines, has_words) for name, fault in FAULTS.items()],
        }
    return result


def check(line: SpokenLine, samples: Pcm, *, has_words: bool = True) -> tuple[Finding, ...]:
    expected = float(estimated_seconds(line.line.text, 1.0, load_catalog().limits))
    words = line.words if has_words else ()
    return check_line(samples, line.line.text, expected_seconds=expected, words=words)


def _fault(name: str, fault: Fault, lines: list[SpokenLine], has_words: bool) -> dict[str, Any]:
    found = [check(line, fault(line), has_words=has_words) for line in lines]
    codes = Counter(one.code for each in found for one in each if one.is_bad)
    missed = [line.line.text for line, each in zip(lines, found, strict=True) if not Take(each).is_bad]
    return {"fault": name, "found": len(lines) - len(missed), "as": dict(codes), "missed": missed[:5]}


def _cut(milliseconds: int) -> Fault:
    def fault(line: SpokenLine) -> Pcm:
        cut: Pcm = line.samples[: -milliseconds * SAMPLE_RATE // 1000]
        return cut

    return fault


def _gain(decibels: float, *, then: float = 0.0) -> Fault:
    """Raise the level, clip at full scale, and change it by `then`."""

    def fault(line: SpokenLine) -> Pcm:
        louder = np.clip(line.samples * 10 ** (decibels / 20), -32_768, 32_767)
        samples: Pcm = np.round(louder * 10 ** (then / 20)).astype(np.int16)
        return samples

    return fault


def _gap(seconds: float) -> Fault:
    """Insert a silence between the two words in the middle, or in the middle of the only word."""

    def fault(line: SpokenLine) -> Pcm:
        pauses = [(one.end + other.start) / 2 for one, other in pairwise(line.words)]
        at = pauses[len(pauses) // 2] * SAMPLE_RATE if pauses else line.samples.size / 2
        silence = np.zeros(round(seconds * SAMPLE_RATE), np.int16)
        return np.insert(line.samples, round(at), silence)

    return fault


def _faded_half(line: SpokenLine) -> Pcm:
    """The first half, ended as the engine ends speech: it fades out, and 60 ms of silence follow."""
    half = line.samples[: line.samples.size // 2].astype(np.float64)
    fade = min(half.size, SAMPLE_RATE // 50)
    half[half.size - fade :] *= np.linspace(1, 0, fade)
    return np.concatenate([np.round(half), np.zeros(SAMPLE_RATE * 6 // 100)]).astype(np.int16)


FAULTS: dict[str, Fault] = {
    "end cut by 100 ms": _cut(100),
    "end cut by 200 ms": _cut(200),
    "end cut by 300 ms": _cut(300),
    "end cut by 400 ms": _cut(400),
    "6 dB louder": _gain(6),
    "6 dB quieter": _gain(-6),
    "clipped: 12 dB too loud": _gain(12),
    "clipped, and reduced to its level": _gain(18, then=-18),
    "1.3 s of silence inside": _gap(1.3),
    "second half missing": lambda line: line.samples[: line.samples.size // 2],
    "second half missing, faded out": _faded_half,
    "spoken twice": lambda line: np.concatenate([line.samples, line.samples]),
    "silent": lambda line: np.zeros_like(line.samples),
}


def _report(result: dict[str, Any]) -> reports.Report:
    told, untold, lines = result["with_words"], result["without_words"], result["lines"]
    return reports.Report(
        "The look at each line of a script",
        "python benchmarks/quality/line_check.py --lines FOLDER",
        passed=told["false_alarms"] <= 0.005 * lines and all(one["found"] >= 0.97 * lines for one in told["faults"]),
        summary=[
            f"{lines} lines in {result['languages']} languages by {result['voices']} voices, stock ones and instant "
            f"clones of recordings: {result['minutes']} minutes.",
            f"Good lines found bad: {told['false_alarms']} ({untold['false_alarms']} without the words' times); lines "
            f"with a note: {told['false_notes']} ({untold['false_notes']}).",
            "A cut that removes only the silence and the fading breath behind the last word (the engine leaves 60 ms) "
            "is not found, and not heard.",
        ],
        columns=["fault", "found", "without the words' times", "as"],
        rows=[
            [one["fault"], f"{one['found']} of {lines}", f"{other['found']} of {lines}", ", ".join(one["as"])]
            for one, other in zip(told["faults"], untold["faults"], strict=True)
        ],
    )


def _codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


if __name__ == "__main__":
    main()
