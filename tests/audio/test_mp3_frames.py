"""An mp3 stream is measured without a decoder."""

from __future__ import annotations

import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from voxport.audio.codec.mp3_frames import Mp3Meter, NotMp3

TONE = (0.3 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 24_000) * 32_767).astype("<i2").tobytes()
PLAIN = ("-write_xing", "0", "-id3v2_version", "0")


def encoded(ffmpeg: Path, pcm: bytes, *options: str) -> bytes:
    command = [str(ffmpeg), "-v", "error", "-f", "s16le", "-ar", "24000", "-ac", "1", "-i", "pipe:0", *options]
    return subprocess.run([*command, "-f", "mp3", "pipe:1"], input=pcm, capture_output=True, check=True).stdout


def measured(content: bytes, size: int) -> Mp3Meter:
    meter = Mp3Meter()
    for at in range(0, len(content), size):
        meter.feed(content[at : at + size])
    meter.end()
    return meter


@pytest.mark.parametrize("options", [(), PLAIN, (*PLAIN, "-q:a", "5"), (*PLAIN, "-metadata", "title=" + "x" * 900)])
@pytest.mark.parametrize("size", [1, 417, 5_000])
def test_its_seconds_are_those_of_its_frames_however_it_comes(
    ffmpeg: Path, options: tuple[str, ...], size: int
) -> None:
    for rate, channels in product((16_000, 22_050, 24_000, 44_100, 48_000), (1, 2)):
        content = encoded(ffmpeg, TONE, "-ar", str(rate), "-ac", str(channels), "-b:a", "64k", *options)
        meter = measured(content, size)
        # An encoder adds its delay, and fills its last frame.
        assert 2.0 <= meter.seconds <= 2.0 + 4 * 1152 / rate
        assert meter.is_sounding


def test_digital_silence_is_told_from_sound(ffmpeg: Path) -> None:
    assert not measured(encoded(ffmpeg, bytes(96_000)), 1_000).is_sounding


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>An error of a proxy</html>" * 20, bytes(5_000), TONE, b"ID3" + bytes(7), b"\xff\xfb\x90"],
    ids=["empty", "a page", "zeros", "PCM", "only a tag", "a cut header"],
)
def test_what_is_no_mp3_is_refused(content: bytes) -> None:
    with pytest.raises(NotMp3):
        measured(content, 100)


def test_a_stream_that_ends_inside_a_frame_is_refused(ffmpeg: Path) -> None:
    content = encoded(ffmpeg, TONE, *PLAIN)
    for cut in (1, 30, 63, 64, 65, 200):
        with pytest.raises(NotMp3):
            measured(content[:-cut], 100)
