"""Draws the plots for the engine's page: similarity over the fit, pitch, and spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.speaker_similarity import KnownSpeaker, SimilarityBench
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import log_f0


def plot_curve(curves: dict[str, list[dict[str, Any]]], target: Path) -> None:
    """Plot likeness by the three judges, and naturalness, over the steps of the fit."""
    pyplot = _pyplot()
    figure, places = _grid(pyplot, len(curves))
    for axes, (name, points) in zip(places, curves.items(), strict=False):
        steps = [point["step"] for point in points]
        for judge, style in (("d_vector", "o-"), ("resemblyzer", "s:"), ("campplus", "v:")):
            axes.plot(steps, [point[f"{judge}_normalised"] for point in points], style, label=judge)
        axes.set(title=name, xlabel="step", ylabel="likeness (0 to 1)", ylim=(0, 1.1))
        right = axes.twinx()
        right.plot(steps, [point["dnsmos"] for point in points], "^--", color="grey", label="DNSMOS")
        right.set(ylabel="DNSMOS overall", ylim=(2, 4))
        lines = [*axes.get_lines(), *right.get_lines()]
        axes.legend(lines, [line.get_label() for line in lines], loc="lower right", fontsize=8)
    figure.savefig(target, dpi=110)


def plot_pitch(bench: SimilarityBench, speakers: list[KnownSpeaker], target: Path) -> None:
    """Plot the distribution of the pitch in recording and clone."""
    pyplot = _pyplot()
    figure, places = _grid(pyplot, len(speakers))
    edges = np.linspace(np.log(60), np.log(400), 50)
    for axes, speaker in zip(places, speakers, strict=False):
        for name, audio in (("recording", speaker.reference), ("clone", _clone(bench, speaker))):
            axes.hist(log_f0(audio, SAMPLE_RATE), bins=edges, density=True, histtype="step", label=name)
        ticks = [80, 120, 180, 270]
        axes.set(title=speaker.name, xticks=np.log(ticks), xticklabels=ticks, xlabel="Hz", yticks=[])
    places[0].legend(fontsize=8)
    figure.savefig(target, dpi=100)


def plot_spectra(bench: SimilarityBench, speakers: list[KnownSpeaker], target: Path) -> None:
    """Plot the long-term spectra of recording, clone and nearest stock voice."""
    pyplot = _pyplot()
    figure, places = _grid(pyplot, len(speakers))
    for axes, speaker in zip(places, speakers, strict=False):
        for name, audio in (
            ("recording", speaker.reference),
            ("clone", _clone(bench, speaker)),
            ("nearest stock voice", bench.stock_audio(speaker)),
        ):
            axes.plot(*_long_term(audio), label=name, linewidth=1)
        axes.set(title=speaker.name, xscale="log", xlim=(80, 12_000), ylim=(-60, 0), xlabel="Hz", ylabel="dB")
    places[0].legend(fontsize=8)
    figure.savefig(target, dpi=100)


def _clone(bench: SimilarityBench, speaker: KnownSpeaker) -> FloatArray:
    return np.concatenate(bench.speak_groups(bench.clones[speaker.name], groups=1))


def _long_term(audio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (Hz, dB): power in bands of a sixth of an octave, the strongest at 0 dB."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 1024)[::256] * np.hanning(1024)
    power = np.mean(np.abs(np.fft.rfft(frames, axis=1)) ** 2, axis=0)
    hz = np.fft.rfftfreq(1024, 1 / SAMPLE_RATE)
    centres = 80 * 2 ** (np.arange(44) / 6)
    bands = [power[(hz >= c * 2 ** (-1 / 8)) & (hz < c * 2 ** (1 / 8))] for c in centres]
    kept = [(c, float(band.mean())) for c, band in zip(centres, bands, strict=True) if band.size]
    levels = 10 * np.log10([level + 1e-12 for _, level in kept])
    return np.array([c for c, _ in kept]), np.asarray(levels - levels.max())


def _grid(pyplot: Any, count: int) -> tuple[Any, list[Any]]:
    figure, places = pyplot.subplots(2, (count + 1) // 2, figsize=(12, 5.5), layout="constrained")
    return figure, list(np.atleast_1d(places).ravel())


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot
