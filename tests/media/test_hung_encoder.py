"""ffmpeg that hangs ends the stream that it encodes, and nothing else does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import psutil
import pytest

from voxport.media.feed import SAMPLE_RATE, EncoderStalled, Pcm
from voxport.media.live import live

SECOND = np.zeros(SAMPLE_RATE, np.int16)
Pieces = Generator[Pcm, None, None]


def encoders() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


@pytest.mark.parametrize("fmt", ["mp3", "ogg"])
@pytest.mark.parametrize("count", [4, 1_000], ids=["at its end", "in its middle"])
def test_an_encoder_that_hangs_is_killed_and_told(ffmpeg: Path, fmt: str, count: int) -> None:
    others, closed = encoders(), list[bool]()

    def pieces() -> Pieces:
        try:
            for number in range(count):
                if number == 2:
                    for pid in encoders() - others:
                        os.kill(pid, signal.SIGSTOP)
                yield SECOND
        finally:
            closed.append(True)

    with pytest.raises(EncoderStalled):
        for _ in live(pieces(), fmt, ffmpeg=ffmpeg, stall_seconds=1.0):
            pass
    assert closed == [True]
    assert encoders() <= others


def test_an_encoder_that_waits_for_samples_does_not_hang(ffmpeg: Path) -> None:
    def pieces() -> Pieces:
        yield SECOND
        time.sleep(2.5)  # a provider that is slower than the encoder may be
        yield SECOND

    assert len(b"".join(live(pieces(), "mp3", ffmpeg=ffmpeg, stall_seconds=1.0))) > 30_000


def test_an_encoder_whose_reader_is_slow_does_not_hang(ffmpeg: Path) -> None:
    full = threading.Event()

    def pieces() -> Pieces:
        for number in range(200):
            if number == 30:
                full.set()
            yield SECOND

    stream = live(pieces(), "mp3", ffmpeg=ffmpeg, stall_seconds=1.0)
    size = len(next(stream))
    full.wait(20)
    time.sleep(2.5)
    assert size + sum(map(len, stream)) > 3_000_000
