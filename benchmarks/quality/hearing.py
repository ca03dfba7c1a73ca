"""Measures what the quality gate hears: how often a good line counts as misheard, and which faults it finds.

    make bench-setup && VOXPORT_SPEECH_DIR=… .venv/bin/python benchmarks/quality/hearing.py --lines /tmp/lines

Lines of each language (`spoken_lines.py`) are transcribed by Whisper base through the gateway's recogniser. Compares
them with their text, with the text of another line of the same language, and, cut in half, with their text.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks import reports
from benchmarks.quality.metrics import write_whisper
from benchmarks.quality.spoken_lines import SpokenLine, spoken_lines
from voxport.scripts.hearing import compare_heard
from voxport.scripts.recogniser import Recogniser, open_recogniser
from voxport.text.phonemizer import Phonemizer

_MIN_HALVED_CHARACTERS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=Path, required=True, help="where spoken lines are kept")
    parser.add_argument("--count", type=int, default=8, help="lines of each language")
    arguments = parser.parse_args()
    by_language: dict[str, list[SpokenLine]] = defaultdict(list)
    for line in spoken_lines(arguments.lines):
        by_language[line.line.language].append(line)
    phonemizer = Phonemizer()
    with tempfile.TemporaryDirectory() as folder:
        write_whisper(Path(folder))
        recogniser = open_recogniser("faster-whisper", model=Path(folder))
        assert recogniser is not None
        rows = []
        for language, lines in by_language.items():
            rows.append(_row(language, _spread(lines, arguments.count), recogniser, phonemizer))
            print(*rows[-1], sep=" | ", flush=True)
    phonemizer.close()
    reports.write("6_hearing", _report(rows), page="speech_control")


def _spread(lines: list[SpokenLine], count: int) -> list[SpokenLine]:
    """Return `count` lines from all over the list: its dialogue and its sentences."""
    return lines[:: max(1, len(lines) // count)][:count]


def _row(
    language: str, lines: list[SpokenLine], recogniser: Recogniser, phonemizer: Phonemizer
) -> list[str | int | float]:
    def sounds(texts: list[str]) -> list[str]:
        return phonemizer.symbols(texts, language)

    takes, others, halves, plain = [], [], [], []
    for number, line in enumerate(lines):
        heard = recogniser.transcribe(line.samples, language)
        takes.append(compare_heard(line.line.text, heard, language, sounds=sounds))
        plain.append(compare_heard(line.line.text, heard, language))
        others.append(compare_heard(lines[number - 1].line.text, heard, language, sounds=sounds))
        if takes[-1].is_bad:
            print(language, line.line.voice, line.line.text, "->", heard, round(takes[-1].error_rate, 2), flush=True)
        if len(line.line.text) >= _MIN_HALVED_CHARACTERS or (language in ("ja", "zh") and len(line.line.text) >= 10):
            half = recogniser.transcribe(line.samples[: line.samples.size // 2], language)
            halves.append(compare_heard(line.line.text, half, language, sounds=sounds))
    return [
        language,
        len(lines),
        sum(take.is_bad for take in takes),
        sum(take.is_bad for take in plain),
        f"{np.mean([take.error_rate for take in takes]):.0%}",
        f"{np.mean([take.error_rate for take in plain]):.0%}",
        f"{sum(take.is_bad for take in others)} of {len(others)}",
        f"{sum(take.is_bad for take in halves)} of {len(halves)}",
    ]


def _report(rows: list[list[str | int | float]]) -> reports.Report:
    alarms, count = sum(int(row[2]) for row in rows), sum(int(row[1]) for row in rows)
    return reports.Report(
        "What a recogniser hears",
        "python benchmarks/quality/hearing.py --lines FOLDER",
        passed=alarms <= 0.03 * count,
        summary=[
            f"{count} lines, transcribed by Whisper base (int8): {alarms} good ones count as misheard, with their "
            "sounds compared as well as their letters.",
            "Four letters and a quarter of the rest may be wrong, so an invented name in a short line is forgiven; a "
            "line that misses less than that is not found by hearing, but by its length and its end.",
        ],
        columns=[
            "language", "lines", "misheard", "by letters alone", "wrong", "wrong letters", "another text found",
            "missing half found",
        ],
        rows=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
