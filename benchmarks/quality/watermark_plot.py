"""Plots the table of the watermark: its strength after codecs and noise, and the threshold of chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NEEDED_Z = 6.8
"""The z that a clip of a few seconds needs, approximately; the exact value depends on how many places are searched."""


def plot(result: dict[str, Any], target: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    rows = {row["after"]: row for row in result["found"]}
    figure, (codecs, noise, chance) = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for name, unit in (("Opus", "o-"), ("mp3", "s-")):
        points = sorted(_number(after, 1) for after in rows if after.startswith(name))
        values = [rows[f"{name} {point} kbit/s"] for point in points]
        _curve(codecs, points, values, unit, name)
    codecs.set(xlabel="kbit/s", xscale="log", xticks=[12, 24, 48, 128], xticklabels=[12, 24, 48, 128])
    codecs.minorticks_off()
    levels = sorted(_number(after, 3) for after in rows if after.startswith("white noise"))
    _curve(noise, levels, [rows[f"white noise, SNR {level} dB"] for level in levels], "o-", "white noise")
    noise.set(xlabel="SNR, dB")
    for axes in (codecs, noise):
        axes.axhline(NEEDED_Z, color="grey", linestyle="--", linewidth=1)
        axes.set(ylabel="z: median, least to most", ylim=(0, None))
        axes.legend()
    pieces = [z for row in result["false_alarms"].values() for z in row["z"]]
    chance.hist(pieces, bins=40, density=True, alpha=0.7, label=f"no mark ({len(pieces)})")
    chance.hist(rows["cut to 3 s"]["z"], bins=12, density=True, alpha=0.7, label="marked, 3 s")
    chance.axvline(NEEDED_Z, color="grey", linestyle="--", linewidth=1)
    chance.set(xlabel="z", ylabel="density", xlim=(0, None))
    chance.legend()
    figure.savefig(target, dpi=110)


def _number(after: str, word: int) -> int:
    return int(after.split()[word])


def _curve(axes: Any, points: list[int], rows: list[dict[str, Any]], style: str, name: str) -> None:
    axes.plot(points, [row["median_z"] for row in rows], style, label=name)
    axes.fill_between(points, [row["least_z"] for row in rows], [row["most_z"] for row in rows], alpha=0.2)
