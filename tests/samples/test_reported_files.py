"""Recordings as people send them: several tracks, long silences, wrong headers. Made by ffmpeg from a real speaker."""

from __future__ import annotations

import struct
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import count_tracks, decode
from voxport.audio.codec.riff import has_wrong_length
from voxport.errors import SampleUnusable
from voxport.samples.check import check
from voxport.samples.selection import decode_speech, densest_window

Make = Callable[..., Path]
SILENCE = ("-f", "lavfi", "-t", "{seconds}", "-i", "anullsrc=r=24000:cl=mono")
_HEAD = b"RIFF\0\0\0\0WAVE"
TONE = ("-f", "lavfi", "-t", "{seconds}", "-i", "sine=frequency=440:sample_rate=24000")


@pytest.fixture(scope="module")
def speaker(speech: Path, ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s of one speaker, as WAV."""
    path = tmp_path_factory.mktemp("speaker") / "speaker.wav"
    source = speech / "media" / "long_over_60s_libri_3080.mp3"
    run(ffmpeg, "-i", str(source), "-t", "20", "-ac", "1", "-ar", "24000", str(path))
    return path


def run(ffmpeg: Path, *arguments: str) -> None:
    subprocess.run([str(ffmpeg), "-y", "-nostdin", "-v", "error", *arguments], check=True, capture_output=True)


def lasting(source: tuple[str, ...], seconds: int) -> list[str]:
    return [part.format(seconds=seconds) for part in source]


def use(path: Path, ffmpeg: Path) -> float:
    """Seconds of speech in the part of a file that is used."""
    audio = decode_speech(path, ffmpeg=ffmpeg, max_seconds=60, min_speech_seconds=3)
    assert len(audio) <= 60 * SAMPLE_RATE
    return check(audio).speech_seconds


@pytest.mark.parametrize(
    ("first", "ending"),
    [
        (SILENCE, "mp4"),
        (TONE, "m4a"),
        (SILENCE, "mov"),
        (TONE, "mkv"),
        (SILENCE, "webm"),
        (SILENCE, "3gp"),
        (TONE, "ogg"),
    ],
)
def test_of_several_tracks_the_one_with_speech_is_used(
    speaker: Path, ffmpeg: Path, tmp_path: Path, first: tuple[str, ...], ending: str
) -> None:
    path = tmp_path / f"two.{ending}"
    codec = "libopus" if ending in ("webm", "ogg") else "aac"
    run(ffmpeg, *lasting(first, 20), "-i", str(speaker), "-map", "0:a", "-map", "1:a", "-c:a", codec, str(path))
    assert count_tracks(path, ffmpeg=ffmpeg) == 2
    assert use(path, ffmpeg) > 10


def test_a_third_track_beside_a_picture_is_found(speaker: Path, ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "obs.mkv"
    picture = ("-f", "lavfi", "-t", "20", "-i", "color=s=32x32:r=2")
    maps = ("-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:a")
    run(ffmpeg, *picture, *lasting(SILENCE, 20), *lasting(TONE, 20), "-i", str(speaker), *maps, "-shortest", str(path))
    assert use(path, ffmpeg) > 10


def test_tracks_without_speech_are_told_by_their_number(ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "none.mp4"
    run(ffmpeg, *lasting(SILENCE, 5), *lasting(TONE, 5), "-map", "0:a", "-map", "1:a", "-c:a", "aac", str(path))
    with pytest.raises(SampleUnusable) as caught:
        use(path, ffmpeg)
    assert (caught.value.details["reason"], caught.value.details["tracks"]) == ("no_speech", 2)
    assert "none of its 2 audio tracks" in caught.value.message


@pytest.mark.parametrize(("before", "ending"), [(SILENCE, "wav"), (TONE, "mp3"), (SILENCE, "ogg"), (TONE, "webm")])
def test_speech_behind_the_first_minute_is_found(
    speaker: Path, ffmpeg: Path, tmp_path: Path, before: tuple[str, ...], ending: str
) -> None:
    path = tmp_path / f"late.{ending}"
    joined = ("-filter_complex", "[0:a][1:a]concat=n=2:v=0:a=1")
    # As a browser's recorder writes to a pipe: without a duration and without a seek index.
    kind = {"webm": ("-c:a", "libopus", "-f", "webm", "-live", "1")}.get(ending, ())
    run(ffmpeg, *lasting(before, 70), "-i", str(speaker), *joined, *kind, str(path))
    assert use(path, ffmpeg) > 10


def test_the_first_minute_is_used_where_it_has_enough_speech(speech: Path, ffmpeg: Path) -> None:
    path = speech / "media" / "long_over_60s_libri_3080.mp3"
    chosen = decode_speech(path, ffmpeg=ffmpeg, max_seconds=60, min_speech_seconds=3)
    assert np.array_equal(chosen, decode(path, ffmpeg=ffmpeg, max_seconds=60))


@pytest.mark.parametrize(("source", "reason"), [(SILENCE, "silent"), (TONE, "no_speech")])
def test_a_long_recording_without_speech_says_how_far_it_was_looked_at(
    ffmpeg: Path, tmp_path: Path, source: tuple[str, ...], reason: str
) -> None:
    path = tmp_path / "none.flac"
    run(ffmpeg, *lasting(source, 75), str(path))
    with pytest.raises(SampleUnusable) as caught:
        use(path, ffmpeg)
    assert (caught.value.details["reason"], caught.value.details["duration_seconds"]) == (reason, 75.0)
    assert "75 seconds" in caught.value.message


def test_hours_of_silence_are_looked_at_for_ten_minutes(ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "hours.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8_000, 0, "NONE", ""))
        file.writeframes(b"\x80" * 8_000 * 3_600)
    with pytest.raises(SampleUnusable) as caught:
        use(path, ffmpeg)
    assert "first 10 minutes" in caught.value.message


def test_the_densest_stretch_is_the_first_of_those_that_are_as_good() -> None:
    assert densest_window([], 60) == (0, 0)
    assert densest_window([(70, 100)], 60) == (70, 30)
    assert densest_window([(0, 5), (100, 120), (130, 150)], 60) == (100, 40)
    assert densest_window([(0, 10), (100, 110)], 60) == (0, 10)
    assert densest_window([(10, 200)], 60) == (10, 60)


# Headers


@pytest.mark.parametrize("told", [1_000, 1_001, 8, 0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_is_read_to_its_end_whatever_length_its_header_tells(
    speaker: Path, ffmpeg: Path, told: int, tmp_path: Path
) -> None:
    data = bytearray(speaker.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", told)
    path = tmp_path / "told.wav"
    path.write_bytes(data)
    assert len(decode(path, ffmpeg=ffmpeg)) == pytest.approx(20 * SAMPLE_RATE, rel=0.01)


def test_chunks_behind_the_sound_are_no_sound(ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "tags.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(2_000))
    whole = path.read_bytes()
    for name in (b"LIST", b"id3 ", b"bext", b"PAD "):
        path.write_bytes(whole + name + struct.pack("<I", 300_000) + b"\x55" * 300_000)
        with path.open("rb") as source:
            assert not has_wrong_length(source)
        assert len(decode(path, ffmpeg=ffmpeg)) == 1_000


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata", b"RIFF\0\0\0\0WAVE" + b"a" * 600]
)
def test_what_is_no_whole_wav_has_no_wrong_length(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(data)
    with path.open("rb") as source:
        assert not has_wrong_length(source)
        assert source.tell() == 0
