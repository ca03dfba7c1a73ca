"""ffmpeg's own meter, as the judge of loudness."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

import imageio_ffmpeg


@dataclass(frozen=True)
class Loudness:
    """`integrated` in LUFS, `true_peak` in dBTP, `short_term` (3 s) in LUFS for each tenth of a second."""

    integrated: float
    true_peak: float
    short_term: tuple[float, ...]


def measure(file: bytes, *options: str) -> Loudness:
    """The loudness of a file; `options` say what it is where it has no header."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", *options, "-i", "-"]
    command += ["-af", "ebur128=peak=true", "-f", "null", "-"]
    output = subprocess.run(command, input=file, capture_output=True, check=True).stderr.decode()
    (integrated,) = re.findall(r"^\s+I:\s+(-?[\d.]+) LUFS$", output, re.MULTILINE)
    (peak,) = re.findall(r"Peak:\s+(-?[\d.]+|-inf) dBFS", output)
    return Loudness(float(integrated), float(peak), tuple(map(float, re.findall(r" S: *(-?[\d.]+)", output))))
