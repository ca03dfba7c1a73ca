"""Formats the benchmark's result as a section of `docs/engine.md`."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

_DRAWS = 10_000
_JUDGE_NAMES = {"d_vector": "d-vector", "resemblyzer": "Resemblyzer", "campplus": "CAM++"}


def page(result: dict[str, Any]) -> str:
    """Return Markdown: the goals, each speaker, the rotation of judges, noisy recordings, the course of the fit, other
    engines, the machine."""
    parts = [_goals(result), _speakers(result["speakers"]), _rotation(result["rotation"]), _noisy(result)]
    return "\n\n".join([*parts, _curves(result["curves"]), _beside(result), _machine(result)])


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the median, by a bootstrap over the speakers."""
    drawn = np.random.default_rng(1).choice(values, (_DRAWS, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return round(float(low), 2), round(float(high), 2)


def _goals(result: dict[str, Any]) -> str:
    rows = result["speakers"]

    def of(voice: str, figure: str) -> list[float]:
        return [row[voice][figure] for row in rows]

    count = len(rows)
    pitches = [abs(value) for value in of("clone", "semitones")]
    rates, stock_rates = ([abs(value) for value in of(voice, "rate")] for voice in ("clone", "stock"))
    moved = [row["clone"]["dnsmos"] - row["stock"]["dnsmos"] for row in rows]
    noisy_moved = [row["dnsmos"] - row["stock_dnsmos"] for row in result["noisy"]]
    noisy = [row["d_vector_normalised"] for row in result["noisy"]]
    errors, stock_errors = of("clone", "word_errors"), of("stock", "word_errors")
    factors, memory, http = result["real_time_factor"], result["peak_memory_mb"], result["http"]
    nearest = [sum(rank == 1 for rank in of("clone", f"{judge}_rank")) for judge in _JUDGE_NAMES]
    lines = [
        ("likeness, d-vector judge, full fit", "≥ 0.85 (≥ 0.72)", "≥ 0.92 (≥ 0.82)",
         *_spread(of("clone", "d_vector_normalised"))),
        *((f"… by {_JUDGE_NAMES[judge]}, fitted without it", "≥ 0.7 (≥ 0.55)", "≥ 0.85 (≥ 0.7)",
           *_spread([row[f"{judge}_normalised"] for row in result["rotation"] if row["left_out"] == judge]))
          for judge in ("campplus", "resemblyzer")),
        ("… d-vector judge, 0 at the three nearest strangers", "≥ 0.75", "≥ 0.9",
         *_spread(of("clone", "d_vector_from_nearest"))),
        (f"nearest of 18, by {', '.join(_JUDGE_NAMES.values())}", f"{count} of {count}", "by all three",
         ", ".join(map(str, nearest)), ""),
        ("instant clone, d-vector judge", "≥ 0.75 (≥ 0.5)", "≥ 0.8 (≥ 0.65)",
         *_spread(of("instant", "d_vector_normalised"))),
        ("… by CAM++, which it uses", "", "", *_spread(of("instant", "campplus_normalised"))),
        ("nearest stock voice, d-vector judge", "", "", *_spread(of("stock", "d_vector_normalised"))),
        (f"likeness, sample with {result['noise']}", "≥ 0.65 (≥ 0.5)", "≥ 0.8", *_spread(noisy)),
        ("word errors, %, (stock voice)", "at most +1 point", "+0",
         f"{np.mean(errors):.1f} ({np.mean(stock_errors):.1f}), means", f"{max(errors):.1f} ({max(stock_errors):.1f})"),
        ("DNSMOS against the stock voice, clean", "≥ −0.1", "≥ 0", *_spread(moved)),
        (f"… sample with {result['noise']}", "≥ −0.2", "≥ −0.1", *_spread(noisy_moved)),
        ("pitch, semitones from the recording's", "≤ 0.4 (≤ 0.8)", "≤ 0.2", *_spread(pitches, low_is_bad=False)),
        ("rate of speech, % from the other recordings' (stock voice)", "", "",
         f"{median(rates):.0f} ({median(stock_rates):.0f})", f"{max(rates):.0f} ({max(stock_rates):.0f})"),
        ("enrolment, s", "≤ 25", "≤ 15", *_spread([row["seconds"] for row in rows], low_is_bad=False)),
        ("… beside one busy core, one speaker", "≤ 75", "≤ 45", f"{result['busy_seconds']}", ""),
        ("instant clone over HTTP, 60 characters, s", "≤ 4", "≤ 3", f"{http['instant_seconds']}", ""),
        ("real-time factor, two threads / one", "≤ 0.25 / 0.36", "≤ 0.2 / 0.3",
         f"{factors['2']['wall']} / {factors['1']['wall']}", ""),
        ("first audio of a stream over HTTP, s", "≤ 0.45", "≤ 0.35", f"{http['first_audio_seconds']}", ""),
        ("peak memory, MB, serving / enrolling", "", "", f"{memory['serving']} / {memory['enrolling']}", ""),
    ]  # fmt: skip
    head = [
        "| figure, median over speakers (worst) | must | aim | here: median (95 %) | worst |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *("| " + " | ".join(line) + " |" for line in lines)])


def _spread(values: list[float], *, low_is_bad: bool = True) -> tuple[str, str]:
    """Return (median with its interval, worst)."""
    worst = min(values) if low_is_bad else max(values)
    low, high = interval(values)
    return f"{median(values):.2f} ({low} to {high})", f"{worst:.2f}"


def _speakers(rows: list[dict[str, Any]]) -> str:
    head = (
        "| speaker | d-vector, raw | ceiling | clone | instant | stock | Resemblyzer: clone | instant | CAM++: clone "
        "| instant | stock | ranks | pitch | instant | rate | stock | word errors % | stock | DNSMOS | stock | s |"
    )
    lines = [head, "|" + " --- |" * (head.count("|") - 1)]
    for row in rows:
        clone, instant, stock = row["clone"], row["instant"], row["stock"]
        values = (
            clone["d_vector"], clone["d_vector_ceiling"],
            *(voice["d_vector_normalised"] for voice in (clone, instant, stock)),
            *(voice["resemblyzer_normalised"] for voice in (clone, instant)),
            *(voice["campplus_normalised"] for voice in (clone, instant, stock)),
            "/".join(str(clone[f"{judge}_rank"]) for judge in _JUDGE_NAMES),
            clone["semitones"], instant["semitones"], clone["rate"], stock["rate"],
            clone["word_errors"], stock["word_errors"], clone["dnsmos"], stock["dnsmos"], row["seconds"],
        )  # fmt: skip
        lines.append(f"| {row['speaker']} | " + " | ".join(map(_cell, values)) + " |")
    return "\n".join(lines)


def _rotation(rows: list[dict[str, Any]]) -> str:
    """The judges in turn: two fit, the third judges."""
    lines = [
        "| fitted by the others, judged by | likeness, median (95 %) | worst | 0 at the nearest three | first of 18 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for judge, name in _JUDGE_NAMES.items():
        of_judge = [row for row in rows if row["left_out"] == judge]
        figures, worst = _spread([row[f"{judge}_normalised"] for row in of_judge])
        from_nearest = median(row[f"{judge}_from_nearest"] for row in of_judge)
        first = sum(row["rank"] == 1 for row in of_judge)
        lines.append(f"| {name} | {figures} | {worst} | {from_nearest:.2f} | {first} of {len(of_judge)} |")
    return "\n".join(lines)


def _noisy(result: dict[str, Any]) -> str:
    head = f"| sample with {result['noise']} | d-vector | Resemblyzer | CAM++ | word errors % | DNSMOS | stock |"
    lines = [head, "|" + " --- |" * (head.count("|") - 1)]
    names = (*(f"{judge}_normalised" for judge in _JUDGE_NAMES), "word_errors", "dnsmos", "stock_dnsmos")
    lines += [f"| {row['speaker']} | " + " | ".join(_cell(row[name]) for name in names) + " |"
              for row in result["noisy"]]  # fmt: skip
    return "\n".join(lines)


def _curves(curves: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "| speaker | steps of the fit | d-vector | Resemblyzer | CAM++ | DNSMOS |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, points in curves.items():
        for point in points:
            values = (point["step"], *(point[f"{judge}_normalised"] for judge in _JUDGE_NAMES), point["dnsmos"])
            lines.append(f"| {name} | " + " | ".join(map(_cell, values)) + " |")
    return "\n".join(
        [
            *lines,
            "",
            "![likeness and DNSMOS over the steps of the fit](img/fit.png)",
            "![pitch of recording and clone](img/pitch.png)",
            "![spectra of recording, clone and nearest stock voice](img/spectra.png)",
        ]
    )


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


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
