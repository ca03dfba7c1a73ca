"""The benchmark's result as a page."""

from __future__ import annotations

from statistics import median
from typing import Any

_COLUMNS = (
    "| speaker | clone | instant | stock | ceiling | clone, normalised | instant | stock | pitch, semitones "
    "| instant | word errors % | stock | seconds | instant |"
)


def table(result: dict[str, Any]) -> str:
    """Markdown: one line per speaker, the medians, then time and memory."""
    rows = result["speakers"]
    lines = [_COLUMNS, "|" + " --- |" * (_COLUMNS.count("|") - 1)]
    lines += [_line(row["speaker"], _values(row)) for row in rows]
    columns = [list(column) for column in zip(*(_values(row) for row in rows), strict=True)]
    lines.append(_line("**median**", [median(_sizes(i, column)) for i, column in enumerate(columns)]))
    lines.append(_line("worst", [_worst(i, _sizes(i, column)) for i, column in enumerate(columns)]))
    machine, factors, memory = result["machine"], result["real_time_factor"], result["peak_memory_mb"]
    lines += [
        "",
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['instructions']}, Python "
        f"{machine['python']}; load {machine['load_1min']} before and {result['load_after']} after (a load above 1 "
        "before means that other work slowed it).",
        f"Real-time factor by the clock: {factors['1']['wall']} on one thread, {factors['2']['wall']} on two; "
        f"processor time per second of audio: {factors['1']['processor']} s and {factors['2']['processor']} s.",
        f"Peak memory of the engine's process with its phonemizer: {memory['serving']} MB serving, "
        f"{memory['enrolling']} MB enrolling.",
    ]
    return "\n".join(lines)


_PITCH = (7, 8)
_LOWER_IS_BETTER = (7, 8, 9, 10, 11, 12)


def _values(row: dict[str, Any]) -> list[float]:
    clone, instant, stock = row["clone"], row["instant"], row["stock"]
    return [
        clone["unseen"], instant["unseen"], stock["unseen"], row["ceiling"],
        clone["normalised"], instant["normalised"], stock["normalised"],
        clone["semitones"], instant["semitones"],
        clone["word_errors"], stock["word_errors"],
        row["seconds"], row["instant_seconds"],
    ]  # fmt: skip


def _sizes(index: int, column: list[float]) -> list[float]:
    return [abs(value) for value in column] if index in _PITCH else column


def _worst(index: int, column: list[float]) -> float:
    return max(column) if index in _LOWER_IS_BETTER else min(column)


def _line(name: str, values: list[float]) -> str:
    return f"| {name} | " + " | ".join(f"{value:.3g}" for value in values) + " |"
