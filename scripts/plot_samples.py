"""Draws the pictures of docs/samples.md: good and bad recordings, and what the check says of each.

    python scripts/plot_samples.py

The speaker is the demo's synthetic one. Each recording is spoiled in a known way (benchmarks/quality/degradations.py).
A picture shows the wave above and the spectrum below, up to 12 kHz. Each is an SVG whose colours follow the reader's
light or dark. The verdicts are printed, for the page's text.
"""

from __future__ import annotations

import base64
import struct
import tempfile
import wave
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.quality.degradations import in_room, mixed, rms, telephone
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.cli.synthetic import write_speaker
from voxport.engine import Engine
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.errors import SampleUnusable
from voxport.samples.check import check
from voxport.samples.quality import quality

TARGET = Path(__file__).resolve().parent.parent / "docs" / "img" / "samples"
WIDTH, WAVE_HEIGHT, SPECTRUM_HEIGHT, GAP = 420, 90, 96, 6
SHOWN_SECONDS = 20
RANGE_DB = 70.0
OTHER_TEXT = "I have lived in this town for thirty years, and I would not want to be anywhere else in the world."
STYLE = (
    "svg{--wave:#0b6e5f;--line:#8a8c95;--limit:#a5271c}"
    "@media (prefers-color-scheme:dark){svg{--wave:#5cc9b3;--line:#757a88;--limit:#ff9a8d}}"
    ".w{fill:var(--wave)}.a{stroke:var(--line);stroke-width:1;opacity:.5}"
    ".l{stroke:var(--limit);stroke-width:1;stroke-dasharray:4 3}"
)
TINT = (23, 150, 130)
"""Of the spectrum: it is readable on light and on dark, so that the picture is one."""


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    engine = Engine.load()
    try:
        recordings = spoiled(engine)
        for name, audio in recordings.items():
            (TARGET / f"{name}.svg").write_text(picture(audio), "utf-8")
            try:
                found = quality(check(audio, embed=lambda clips: np.stack([engine.embed(clip) for clip in clips])))
                print(f"{name}: {found.summary} {' '.join(found.advice)}")
            except SampleUnusable as error:
                print(f"{name}: {error.message}")
    finally:
        engine.close()


def spoiled(engine: Engine) -> dict[str, FloatArray]:
    """Return recordings by name: float32, mono, 24 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speaker.wav"
        write_speaker(path)
        with wave.open(str(path)) as file:
            spoken = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
    hiss = np.random.default_rng(1).standard_normal(60 * SAMPLE_RATE)
    good = mixed(np.asarray(spoken * (0.12 / rms(spoken)), np.float32), hiss, 50)  # a quiet room, not silence
    packs = stock_packs()
    other = np.concatenate(
        [engine.speak(chunk, packs.voice(packs.ids.index("af_heart"))) for chunk in engine.plan(OTHER_TEXT, "en-us")]
    )
    half = len(good) // 2
    return {
        "good": good,
        "quiet": mixed(good * (0.005 / rms(good)), hiss, 25),
        "clipped": np.clip(good * 7, -1, 1).astype(np.float32),
        "noise": mixed(good, hiss, 8),
        "room": in_room(good, 0.8),
        "telephone": telephone(good),
        "two-people": np.concatenate([good[:half], other * np.float32(rms(good) / rms(other)), good[half:]]),
        "short": good[: round(2.4 * SAMPLE_RATE)],
    }


def picture(audio: FloatArray) -> str:
    """Return the SVG of a recording's first seconds; a shorter one takes less of the width."""
    audio = audio[: SHOWN_SECONDS * SAMPLE_RATE]
    width = round(WIDTH * len(audio) / (SHOWN_SECONDS * SAMPLE_RATE))
    middle, top = WAVE_HEIGHT / 2, WAVE_HEIGHT + GAP
    columns = np.array_split(audio, width)
    points = [(x, middle * (1 - column.max())) for x, column in enumerate(columns)]
    points += [(x, middle * (1 - column.min())) for x, column in reversed([*enumerate(columns)])]
    shape = " ".join(f"{x},{y:.1f}" for x, y in points)
    image = base64.b64encode(png(spectrum(audio, width))).decode()
    height = top + SPECTRUM_HEIGHT
    limits = "".join(f'<path class="l" d="M0 {y}H{WIDTH}"/>' for y in (0.5, WAVE_HEIGHT - 0.5))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f'<style>{STYLE}</style><path class="a" d="M0 {middle}H{WIDTH}"/>{limits}<polygon class="w" points="{shape}"/>'
        f'<image y="{top}" width="{width}" height="{SPECTRUM_HEIGHT}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{image}"/><path class="a" d="M0 {height - 0.5}H{WIDTH}"/></svg>\n'
    )


def spectrum(audio: FloatArray, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Return the opacity of each point, [SPECTRUM_HEIGHT, width]: 0 is RANGE_DB below the loudest point."""
    size = 1024
    starts = np.linspace(0, max(len(audio) - size, 0), width).astype(int)
    frames = np.stack([np.resize(audio[start : start + size], size) for start in starts]) * np.hanning(size)
    power = np.abs(np.fft.rfft(frames)[:, : size // 2]) ** 2
    edges = np.linspace(0, size // 2, SPECTRUM_HEIGHT + 1).astype(int)
    bands = [power[:, begin:end].mean(axis=1) for begin, end in pairwise(edges)]
    level = 10 * np.log10(np.stack(bands, axis=1) + 1e-12)
    level -= level.max()
    return np.asarray(np.clip(1 + level.T[::-1] / RANGE_DB, 0, 1) ** 1.3 * 255, np.uint8)


def png(opacity: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> bytes:
    """Return a PNG of one colour: a palette of sixteen opacities, four bits for each point."""
    height, width = opacity.shape
    levels = opacity >> 4
    padded = np.pad(levels, ((0, 0), (0, width % 2)))
    packed = (padded[:, ::2] << 4 | padded[:, 1::2]).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)),
        (b"PLTE", bytes(TINT) * 16),
        (b"tRNS", bytes(level * 17 for level in range(16))),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(kind + data))]
    return b"".join(parts)


if __name__ == "__main__":
    main()
