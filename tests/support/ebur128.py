"""Loudness as ffmpeg's `ebur128` filter measures it, independently of our own meter."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

import imageio_ffmpeg


@dataclass(frozen=True)
class Loudness:
    """`integrated` in LUFS, `true_peak` in dBTP, `short_term` (3 s window) in LUFS every 0.1 s."""

    integrated: float
    true_peak: float
    short_term: tuple[float, ...]


def measure(file: bytes, *options: str) -> Loudness:
    """Measures the loudness of a file. `options` are ffmpeg's input options, for data without a header."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", *options, "-i", "-"]
    command += ["-af", "ebur128=peak=true", "-f", "null", "-"]
    output = subprocess.run(command, input=file, capture_output=True, check=True).stderr.decode()
    (integrated,) = re.findall(r"^\s+I:\s+(-?[\d.]+) LUFS$", output, re.MULTILINE)
    (peak,) = re.findall(r"Peak:\s+(-?[\d.]+|-inf) dBFS", output)
    return Loudness(float(integrated), float(peak), tuple(map(float, re.findall(r" S: *(-?[\d.]+)", output))))
