"""Streamed audio arrives as it is made, is playable, and ends when the listener leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest

from tests.support.raw_audio import RAW_FORMATS, decoded_raw
from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.decode import decode
from voxport.audio.codec.encode import STREAM_FORMATS
from voxport.audio.codec.encoder import FfmpegEncoder
from voxport.audio.codec.streaming import stream_encoded
from voxport.audio.codec.wav import to_pcm16

SECOND = to_pcm16((0.5 * np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 440 / SAMPLE_RATE)).astype(np.float32))
Pieces = Generator[Pcm, None, None]


def seconds(count: int, before: Callable[[int], None] = lambda _: None) -> Pieces:
    for number in range(count):
        before(number)
        yield SECOND


@pytest.mark.parametrize("fmt", STREAM_FORMATS)
def test_a_stream_that_was_read_to_its_end_is_the_whole_audio(tmp_path: Path, ffmpeg: Path, fmt: str) -> None:
    file = tmp_path / f"a.{fmt}"
    file.write_bytes(b"".join(stream_encoded(seconds(5), fmt, ffmpeg=ffmpeg)))
    is_raw = fmt in RAW_FORMATS
    audio = decoded_raw(file.read_bytes(), fmt, 8_000) if is_raw else decode(file, ffmpeg=ffmpeg)
    # A streamed mp3 has no header that gives its padding, which is under 0.1 s.
    assert 4.999 <= len(audio) / SAMPLE_RATE < 5.1
    middle = audio[SAMPLE_RATE : 4 * SAMPLE_RATE]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)  # LAME attenuates by 0.4 dB


@pytest.mark.parametrize("fmt", STREAM_FORMATS)
def test_the_first_piece_is_heard_before_the_second_is_made(ffmpeg: Path, fmt: str) -> None:
    seen = 0
    at_second = -1

    def before(number: int) -> None:
        nonlocal at_second
        if number == 1:
            deadline = time.monotonic() + 10
            while seen < least and time.monotonic() < deadline:
                time.sleep(0.01)
            at_second = seen

    least = {"mp3": 14_000, "ogg": 3_000, "wav": 48_044}.get(fmt, 1_000)  # nearly all of the first second
    for data in stream_encoded(seconds(2, before), fmt, ffmpeg=ffmpeg):
        seen += len(data)
    assert at_second >= least


def test_the_wav_header_says_that_its_length_is_unknown(ffmpeg: Path) -> None:
    stream = b"".join(stream_encoded(seconds(1), "wav", ffmpeg=ffmpeg))
    assert stream[:4] == b"RIFF"
    assert stream[4:8] == stream[40:44] == b"\xff\xff\xff\xff"
    assert stream[36:40] == b"data"
    assert stream[44:] == SECOND.tobytes()


@pytest.mark.parametrize("fmt", STREAM_FORMATS)
def test_no_more_is_made_when_nobody_listens_any_more(ffmpeg: Path, fmt: str) -> None:
    spoken_pieces: list[int] = []
    closed: list[bool] = []

    def pieces() -> Pieces:
        try:
            yield from seconds(10_000, spoken_pieces.append)
        finally:
            closed.append(True)

    stream = stream_encoded(pieces(), fmt, ffmpeg=ffmpeg)
    assert next(stream)
    assert isinstance(stream, Generator)
    stream.close()
    count = len(spoken_pieces)
    assert closed == [True]
    assert count < 60, "a slow reader holds the work up"
    time.sleep(0.1)
    assert len(spoken_pieces) == count


@pytest.mark.parametrize("fmt", STREAM_FORMATS)
def test_an_error_of_the_maker_comes_out(ffmpeg: Path, fmt: str) -> None:
    def break_down(number: int) -> None:
        if number == 2:
            raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(stream_encoded(seconds(5, break_down), fmt, ffmpeg=ffmpeg))


def test_an_encoder_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="could not encode"):
        list(stream_encoded(seconds(5), "ogg", ffmpeg=Path("/bin/false")))


def test_a_format_that_needs_its_end_first_cannot_be_streamed(ffmpeg: Path) -> None:
    with pytest.raises(KeyError):
        list(stream_encoded(seconds(1), "flac", ffmpeg=ffmpeg))


def test_the_encoder_ends_with_its_block(tmp_path: Path, ffmpeg: Path) -> None:
    with FfmpegEncoder(ffmpeg, ["-f", "mp3"], f"file:{tmp_path / 'a.mp3'}", to_pipe=False) as feed:
        feed.write(SECOND)
        pid = feed._child.pid
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
