"""Encoding: lengths, headers, and output without metadata."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import tempfile
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.raw_audio import decoded_raw
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import decode
from voxport.audio.codec.encode import FORMATS, encode_file
from voxport.audio.codec.wav import to_pcm16, wav_bytes
from voxport.errors import Unavailable

BEGINS = {"aac": b"\xff\xf1", "mp3": b"\xff\xf3", "wav": b"RIFF", "ogg": b"OggS", "flac": b"fLaC"}


def encode(pcm: npt.NDArray[np.int16], fmt: str, *, ffmpeg: Path) -> bytes:
    """Encodes samples that arrive in pieces of different sizes, one of them a single sample."""
    pieces = np.split(pcm, [len(pcm) // 3, len(pcm) // 3 + 1, len(pcm) // 2])
    with tempfile.NamedTemporaryFile() as file:
        assert encode_file(iter(pieces), fmt, Path(file.name), ffmpeg=ffmpeg) == len(pcm)
        return Path(file.name).read_bytes()


def tone(samples: int) -> npt.NDArray[np.int16]:
    return to_pcm16((0.5 * np.sin(np.arange(samples) * 2 * np.pi * 440 / SAMPLE_RATE)).astype(np.float32))


@pytest.mark.parametrize("samples", [480, 24_000, 71_113])
@pytest.mark.parametrize("name", ["mp3", "wav", "ogg", "flac"])
def test_there_and_back_keeps_the_length(tmp_path: Path, ffmpeg: Path, name: str, samples: int) -> None:
    pcm = tone(samples)
    file = tmp_path / ("a" + FORMATS[name].extension)
    file.write_bytes(encode(pcm, name, ffmpeg=ffmpeg))
    assert file.read_bytes().startswith(BEGINS[name])
    back = decode(file, ffmpeg=ffmpeg)
    assert len(back) == samples
    if name in ("wav", "flac"):
        np.testing.assert_array_equal(np.rint(back * 32_768).astype(np.int16), pcm)
    elif samples > 480:
        assert float(np.corrcoef(back, pcm)[0, 1]) > 0.99


def test_pcm_is_the_samples(ffmpeg: Path) -> None:
    assert encode(np.array([1, -2] * 240, np.int16), "pcm", ffmpeg=ffmpeg) == b"\x01\x00\xfe\xff" * 240


def test_wav_header() -> None:
    pcm = tone(1_234)
    whole = wav_bytes(pcm)
    assert len(whole) == 44 + 2 * 1_234
    with wave.open(io.BytesIO(whole)) as reader:
        assert reader.getparams()[:4] == (1, 2, SAMPLE_RATE, 1_234)
        assert reader.readframes(2_000) == pcm.tobytes()


def test_flac_and_mp3_tell_their_length(ffmpeg: Path) -> None:
    flac = encode(tone(71_113), "flac", ffmpeg=ffmpeg)
    assert int.from_bytes(flac[21:26], "big") & 0xFFFFFFFFF == 71_113  # STREAMINFO's total samples
    mp3 = encode(tone(71_113), "mp3", ffmpeg=ffmpeg)
    assert b"Info" in mp3[:200]  # the header of a constant bit rate, which gives the padding to remove
    assert 0.9 < len(mp3) / (71_113 / SAMPLE_RATE * 128_000 / 8) < 1.1


@pytest.mark.parametrize("name", ["mp3", "ogg", "flac", "aac", "ulaw", "alaw"])
def test_no_traces_and_the_same_bytes_again(ffmpeg: Path, name: str) -> None:
    one = encode(tone(24_000), name, ffmpeg=ffmpeg)
    assert encode(tone(24_000), name, ffmpeg=ffmpeg) == one
    for trace in (b"/tmp", b"voxport", b"Lavf6", b"Lavf5", b"Lavc6", b"LAME3"):
        assert trace not in one


def test_16_bits_are_rounded_and_never_wrap() -> None:
    audio = np.array([0, 1, -1, 1.5, -7, 0.5 / 32_767, 1.6 / 32_767], np.float32)
    assert to_pcm16(audio).tolist() == [0, 32_767, -32_767, 32_767, -32_767, 0, 2]


def test_formats_as_the_catalogue_names_them() -> None:
    assert {each.name: (each.extension, each.content_type) for each in FORMATS.values()} == {
        "mp3": (".mp3", "audio/mpeg"),
        "wav": (".wav", "audio/wav"),
        "ogg": (".ogg", "audio/ogg"),
        "flac": (".flac", "audio/flac"),
        "pcm": (".pcm", "audio/L16;rate=24000;channels=1"),
        "aac": (".aac", "audio/aac"),
        "ulaw": (".ulaw", "audio/basic"),
        "alaw": (".alaw", "audio/PCMA;rate=8000;channels=1"),
    }


def test_what_can_not_be_encoded(ffmpeg: Path) -> None:
    with pytest.raises(KeyError):
        encode(tone(480), "aiff", ffmpeg=ffmpeg)
    with pytest.raises(ValueError, match="too few"):
        encode(tone(100), "mp3", ffmpeg=ffmpeg)
    with pytest.raises(RuntimeError, match="could not encode"):
        encode(tone(480), "flac", ffmpeg=Path("/bin/false"))


def test_a_server_with_more_than_a_thousand_open_files_encodes(ffmpeg: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with contextlib.ExitStack() as files:
        for _ in range(1100):
            files.enter_context(Path(os.devnull).open("rb"))
        assert encode(tone(24_000), "ogg", ffmpeg=ffmpeg).startswith(b"OggS")


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo 'x: No space left on device' >&2; exit 228\n", OSError),
        ("echo 'x: Read-only file system' >&2; exit 226\n", OSError),
        ("kill -9 $$\n", Unavailable),
        ("echo 'no such codec' >&2; exit 1\n", RuntimeError),
    ],
    ids=["disk full", "disk read-only", "killed", "a mistake of ours"],
)
def test_an_encoder_that_fails_tells_trouble_that_passes_from_a_mistake(
    tmp_path: Path, script: str, error: type[Exception]
) -> None:
    stand_in = tmp_path / "stand-in"
    stand_in.write_text(f"#!/bin/sh\nexec 0<&-\n{script}")
    stand_in.chmod(0o755)
    with pytest.raises(error):
        encode_file([np.zeros(SAMPLE_RATE, np.int16)] * 50, "ogg", tmp_path / "a.ogg", ffmpeg=stand_in)


@pytest.mark.parametrize("name", ["ulaw", "alaw"])
def test_telephone_formats_are_one_byte_a_sample_and_sound_the_same(ffmpeg: Path, name: str) -> None:
    pcm = tone(24_000)
    content = encode(pcm, name, ffmpeg=ffmpeg)
    assert len(content) == pytest.approx(8_000, abs=16)
    back = decoded_raw(content, name, 8_000)[:24_000]
    assert float(np.corrcoef(back, pcm[: len(back)])[0, 1]) > 0.99


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_another_sample_rate_sounds_the_same(ffmpeg: Path, tmp_path: Path, sample_rate: int) -> None:
    pcm = tone(48_000)
    for name in ("wav", "flac", "mp3"):
        path = tmp_path / f"a.{name}"
        assert encode_file(iter([pcm]), name, path, ffmpeg=ffmpeg, sample_rate=sample_rate) == 48_000
        back = decode(path, ffmpeg=ffmpeg)
        assert len(back) == pytest.approx(48_000, abs=2_000 if name == "mp3" else 32)
        spectrum = np.abs(np.fft.rfft(back[12_000:36_000]))
        assert np.argmax(spectrum) == pytest.approx(440, abs=1)
        assert np.sqrt(np.mean(back[12_000:36_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)
