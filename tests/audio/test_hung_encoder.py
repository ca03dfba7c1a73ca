"""An ffmpeg that hangs ends the stream that it encodes; slow providers and readers do not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import psutil
import pytest

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.encoder import EncoderStalled
from voxport.audio.codec.streaming import stream_encoded

SECOND = np.zeros(SAMPLE_RATE, np.int16)
Pieces = Generator[Pcm, None, None]


def encoders() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


@pytest.mark.parametrize("count", [4, 1_000], ids=["at its end", "in its middle"])
def test_an_encoder_that_hangs_is_killed_and_told(ffmpeg: Path, count: int) -> None:
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
        for _ in stream_encoded(pieces(), "ogg", ffmpeg=ffmpeg, stall_timeout=0.5):
            pass
    assert closed == [True]
    assert encoders() <= others


def test_an_encoder_that_waits_for_samples_does_not_hang(ffmpeg: Path) -> None:
    def pieces() -> Pieces:
        yield SECOND
        time.sleep(0.8)  # a slow provider may take longer than the encoder's stall timeout
        yield SECOND

    assert len(b"".join(stream_encoded(pieces(), "ogg", ffmpeg=ffmpeg, stall_timeout=0.5))) > 500


def test_an_encoder_whose_reader_is_slow_does_not_hang(ffmpeg: Path) -> None:
    spoken_pieces: list[int] = []
    noise = np.random.default_rng(0).integers(-9_000, 9_000, SAMPLE_RATE, np.int16)  # silence would fill no pipe

    def pieces() -> Pieces:
        for number in range(200):
            spoken_pieces.append(number)
            yield noise

    stream = stream_encoded(pieces(), "ogg", ffmpeg=ffmpeg, stall_timeout=0.5)
    size = len(next(stream))
    before, seen = -1, len(spoken_pieces)
    while seen != before or not spoken_pieces:  # until the pipes are full, and for longer than the stall timeout
        time.sleep(0.8)
        before, seen = seen, len(spoken_pieces)
    assert seen < 200
    assert size + sum(map(len, stream)) > 500_000
