"""Formats the benchmark's result as a section of `docs/engine.md`."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

_DRAWS = 10_000


def page(result: dict[str, Any]) -> str:
    """Return Markdown: the goals, each speaker, noisy recordings, the course of the fit, other engines, the machine."""
    parts = [_goals(result), _speakers(result["speakers"]), _noisy(result), _curves(result["curves"])]
    return "\n\n".join([*parts, _beside(result), _machine(result)])


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the median, by a bootstrap over the speakers."""
    drawn = np.random.default_rng(1).choice(values, (_DRAWS, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return round(float(low), 2), round(float(high), 2)


def _goals(result: dict[str, Any]) -> str:
    rows = result["speakers"]

    def of(voice: str, figure: str) -> list[float]:
        return [row[voice][figure] for row in rows]

    def spread(values: list[float], *, low_is_bad: bool = True) -> tuple[str, str]:
        worst = min(values) if low_is_bad else max(values)
        low, high = interval(values)
        return f"{median(values):.2f} ({low} to {high})", f"{worst:.2f}"

    count = len(rows)
    above = sum(row["clone"]["unseen"] > row["stock"]["unseen"] for row in rows)
    quick_above = sum(row["instant"]["unseen"] > row["stock"]["unseen"] for row in rows)
    pitches = [abs(value) for value in of("clone", "semitones")]
    rates, stock_rates = ([abs(value) for value in of(voice, "rate")] for voice in ("clone", "stock"))
    moved = [row["clone"]["dnsmos"] - row["stock"]["dnsmos"] for row in rows]
    noisy = [row["dnsmos"] - row["stock_dnsmos"] for row in result["noisy"]]
    errors, stock_errors = of("clone", "word_errors"), of("stock", "word_errors")
    factors, memory, http = result["real_time_factor"], result["peak_memory_mb"], result["http"]
    seconds = [row["seconds"] for row in rows]
    lines = [
        ("similarity, unseen encoder", "≥ 0.75", "≥ 0.9", *spread(of("clone", "unseen_normalised"))),
        ("… above the nearest stock voice", "8 of 8", "", f"{above} of {count}", ""),
        ("… with 0 at the three nearest strangers", "", "", *spread(of("clone", "unseen_from_nearest"))),
        ("similarity, the fit's own encoder", "≥ 0.75", "≥ 0.9", *spread(of("clone", "own_normalised"))),
        ("nearest of the speaker and 17 others", "7 of 8", "8 of 8",
         f"{sum(rank == 1 for rank in of('clone', 'rank'))} of {count}", f"rank {max(of('clone', 'rank'))}"),
        ("first guess alone, unseen encoder", "≥ 0.4", "≥ 0.7", *spread(of("instant", "unseen_normalised"))),
        ("… above the nearest stock voice", "8 of 8", "", f"{quick_above} of {count}", ""),
        ("nearest stock voice, unseen encoder", "", "", *spread(of("stock", "unseen_normalised"))),
        ("median pitch, semitones from the recording's", "≤ 0.7", "≤ 0.2", *spread(pitches, low_is_bad=False)),
        ("rate of speech, % from the other recordings' (stock voice)", "", "",
         f"{median(rates):.0f} ({median(stock_rates):.0f})", f"{max(rates):.0f} ({max(stock_rates):.0f})"),
        ("word errors, %, (stock voice)", "≤ 4", "≤ 2",
         f"{np.mean(errors):.1f} ({np.mean(stock_errors):.1f}), means", f"{max(errors):.1f} ({max(stock_errors):.1f})"),
        ("DNSMOS against the stock voice, clean", "≥ −0.2", "≥ −0.05", *spread(moved)),
        (f"… sample with {result['noise']}", "≥ −0.4", "≥ −0.15", *spread(noisy)),
        ("enrolment, s", "≤ 60", "≤ 20", *spread(seconds, low_is_bad=False)),
        ("instant clone over HTTP, s", "≤ 10", "≤ 5", f"{http['instant_seconds']}", ""),
        ("real-time factor, two threads / one", "≤ 0.4 / 0.6", "≤ 0.25 / 0.4",
         f"{factors['2']['wall']} / {factors['1']['wall']}", ""),
        ("first audio of a stream over HTTP, s", "≤ 1", "≤ 0.4", f"{http['first_audio_seconds']}", ""),
        ("peak memory, MB, serving / enrolling", "≤ 900 / 3000", "≤ 600 / 1500",
         f"{memory['serving']} / {memory['enrolling']}", ""),
    ]  # fmt: skip
    head = ["| figure | must | aim | here: median (95 %) | worst |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *("| " + " | ".join(line) + " |" for line in lines)])


def _speakers(rows: list[dict[str, Any]]) -> str:
    head = (
        "| speaker | clone, raw | ceiling | clone | instant | stock | clone, own encoder | rank | pitch | instant "
        "| rate | stock | word errors % | stock | DNSMOS | stock | seconds |"
    )
    lines = [head, "|" + " --- |" * (head.count("|") - 1)]
    for row in rows:
        clone, instant, stock = row["clone"], row["instant"], row["stock"]
        values = (
            clone["unseen"], clone["unseen_ceiling"], clone["unseen_normalised"], instant["unseen_normalised"],
            stock["unseen_normalised"], clone["own_normalised"], clone["rank"], clone["semitones"],
            instant["semitones"], clone["rate"], stock["rate"],
            clone["word_errors"], stock["word_errors"], clone["dnsmos"], stock["dnsmos"],
            row["seconds"],
        )  # fmt: skip
        lines.append(f"| {row['speaker']} | " + " | ".join(f"{value:.3g}" for value in values) + " |")
    return "\n".join(lines)


def _noisy(result: dict[str, Any]) -> str:
    head = f"| sample with {result['noise']} | clone | own encoder | word errors % | DNSMOS | stock |"
    lines = [head, "|" + " --- |" * (head.count("|") - 1)]
    names = ("unseen_normalised", "own_normalised", "word_errors", "dnsmos", "stock_dnsmos")
    lines += [
        f"| {row['speaker']} | " + " | ".join(f"{row[name]:.3g}" for name in names) + " |" for row in result["noisy"]
    ]
    return "\n".join(lines)


def _curves(curves: dict[str, list[dict[str, Any]]]) -> str:
    lines = ["| speaker | step | unseen encoder | own encoder | DNSMOS |", "| --- | --- | --- | --- | --- |"]
    for name, points in curves.items():
        for point in points:
            values = (point["step"], point["unseen_normalised"], point["own_normalised"], point["dnsmos"])
            lines.append(f"| {name} | " + " | ".join(f"{value:.3g}" for value in values) + " |")
    return "\n".join(
        [
            *lines,
            "",
            "![similarity and DNSMOS over the steps of the fit](img/fit.png)",
            "![pitch of recording and clone](img/pitch.png)",
            "![spectra of recording, clone and nearest stock voice](img/spectra.png)",
        ]
    )


def _beside(result: dict[str, Any]) -> str:
    lines = [
        "| the same 300 characters, two threads | real-time factor | first audio, s | peak MB | DNSMOS |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in result["beside"].items():
        values = (row["real_time_factor"], row["first_audio_seconds"], row["peak_mb"], row["dnsmos"])
        lines.append(f"| {name} | " + " | ".join(f"{value:g}" for value in values) + " |")
    return "\n".join(lines)


def _machine(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['instructions']}, Python "
        f"{machine['python']}; load {machine['load_1min']} before (above 1 means that other work slowed it). "
        "Each speech has the mark in it."
    )
