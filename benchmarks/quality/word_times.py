"""Measures the times of words that the local engine tells, against a forced aligner that knows nothing of it.

    VOXPORT_SPEECH_DIR=… .venv/bin/python benchmarks/quality/word_times.py --lines /tmp/lines

50 lines in each language (`spoken_lines.py`) are aligned by pocketsphinx with the symbols that each word was spoken by.
The reference's own error shows where a pause stands before a word: there the energy tells the start to 10 ms.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import reports
from benchmarks.quality.forced_alignment import ForcedAligner, energy_onset
from benchmarks.quality.spoken_lines import SpokenLine, spoken_lines
from voxport.engine.kokoro.planner import plan
from voxport.text.phonemes import vocabulary
from voxport.text.phonemizer import Phonemizer

MAX_MEDIAN_MS = 60.0
_MIN_PAUSE_SECONDS = 0.1


@dataclass
class Errors:
    """Milliseconds by which our times are later than the reference's, and both than the energy's."""

    lines: int = 0
    unaligned: int = 0
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    ours_at_pauses: list[float] = field(default_factory=list)
    reference_at_pauses: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=Path, required=True, help="where spoken lines are kept")
    aligner, phonemizer = ForcedAligner(), Phonemizer()
    found: dict[str, Errors] = defaultdict(Errors)
    for line in spoken_lines(parser.parse_args().lines):
        add_errors(line, aligner, phonemizer, found[line.line.language])
    phonemizer.close()
    report = _report(found)
    print(*report.summary, *report.rows, sep="\n")
    reports.write("5_word_times", report, page="speech_control")


def add_errors(line: SpokenLine, aligner: ForcedAligner, phonemizer: Phonemizer, errors: Errors) -> None:
    """Align a line and add what is found."""
    errors.lines += 1
    symbols = word_symbols(line.line.text, line.line.language, phonemizer)
    aligned = aligner.align(line.samples, symbols) if len(symbols) == len(line.words) else None
    if aligned is None:
        errors.unaligned += 1
        return
    before = 0.0
    for word, (start, end) in zip(line.words, aligned, strict=True):
        errors.starts.append((word.start - start) * 1000)
        errors.ends.append((word.end - end) * 1000)
        has_pause = before > 0 and word.start - before >= _MIN_PAUSE_SECONDS
        onset = energy_onset(line.samples, word.start) if has_pause else None
        before = word.end
        if onset is not None:
            errors.ours_at_pauses.append((word.start - onset) * 1000)
            errors.reference_at_pauses.append((start - onset) * 1000)


def word_symbols(text: str, language: str, phonemizer: Phonemizer) -> list[str]:
    """Return the symbols by which each word is spoken."""
    symbols = {token: symbol for symbol, token in vocabulary().items()}
    return [
        "".join(symbols[token] for token in chunk.tokens[word.start : word.end])
        for chunk in plan(text, language, phonemizer, with_words=True)
        for word in chunk.words
    ]


def _report(found: dict[str, Errors]) -> reports.Report:
    rows: list[list[str | int | float]] = []
    for language, errors in found.items():
        starts, ends = np.array(errors.starts), np.array(errors.ends)
        rows.append(
            [
                language,
                errors.lines - errors.unaligned,
                len(starts),
                _rounded(np.median(np.abs(starts))),
                _rounded(np.median(np.abs(ends))),
                _rounded(np.percentile(np.abs(starts), 90)),
                _rounded(np.median(starts)),
                len(errors.ours_at_pauses),
                _spread(errors.ours_at_pauses),
                _spread(errors.reference_at_pauses),
            ]
        )
    worst = max(max(float(row[3]), float(row[4])) for row in rows)
    return reports.Report(
        "Times of words",
        "python benchmarks/quality/word_times.py --lines FOLDER",
        passed=worst <= MAX_MEDIAN_MS,
        summary=[
            f"The median absolute error of a word's start and of its end is at most {worst:g} ms in every language.",
            "The reference is pocketsphinx (hidden Markov models of American English, frames of 10 ms), given the "
            "symbols of each word as their nearest English sounds. The last two columns judge it: where a pause stands "
            "before a word, the energy tells its start to 10 ms, for our times and for the reference (median, and "
            "median of the absolute error). A stop's closure before its burst is silent: there both are early rightly.",
        ],
        columns=[
            "language", "lines", "words", "start, ms", "end, ms", "start, 90 %", "start, signed", "pauses",
            "ours by energy", "reference by energy",
        ],
        rows=rows,
    )  # fmt: skip


def _rounded(value: np.floating[Any]) -> int:
    return round(float(value))


def _spread(values: list[float]) -> str:
    return f"{np.median(values):+.0f} (±{np.median(np.abs(values)):.0f})" if values else ""


if __name__ == "__main__":
    main()
