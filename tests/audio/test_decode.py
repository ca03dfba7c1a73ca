"""Decoding real containers, which the tests create, and files that exceed the limits."""

from __future__ import annotations

import shutil
import subprocess
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import voxport.audio.codec.decode as decode_module
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import decode
from voxport.audio.codec.ffmpeg import FfmpegLimits, find_ffmpeg, run_ffmpeg
from voxport.audio.codec.wav import wav_bytes
from voxport.errors import SampleUnusable, Unavailable
from voxport.samples.selection import decode_speech

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, ffmpeg: Path) -> Make:
    """Creates a file of a 2-second tone with ffmpeg. The name's suffix and the options determine its format."""

    def make_file(name: str, *options: str, video: bool = False, seconds: float = 2) -> Path:
        path = tmp_path / name
        sources = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=44100:duration={seconds}"]
        if video:
            sources += ["-f", "lavfi", "-i", f"color=size=32x32:rate=5:duration={seconds}"]
        command = [str(ffmpeg), "-loglevel", "error", "-y", *sources, *options, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return path

    return make_file


def program(tmp_path: Path, script: str) -> Path:
    """Writes a shell script to use in place of ffmpeg."""
    path = tmp_path / "stand-in"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return path


def reason_of(path: Path, ffmpeg: Path) -> str:
    with pytest.raises(SampleUnusable) as caught:
        decode(path, ffmpeg=ffmpeg)
    assert str(path) not in caught.value.message
    assert "ffmpeg" not in caught.value.message.lower()
    reason: str = caught.value.details["reason"]
    return reason


@pytest.mark.parametrize(
    ("name", "options", "video"),
    [
        ("a.wav", [], False),
        ("a.wav", ["-ac", "2", "-c:a", "pcm_s24le"], False),
        ("a.wav", ["-c:a", "pcm_f32le"], False),
        ("a.wav", ["-ar", "8000", "-c:a", "pcm_mulaw"], False),
        ("a.mp3", [], False),
        ("a.flac", [], False),
        ("a.ogg", ["-c:a", "libvorbis"], False),
        ("a.opus", ["-c:a", "libopus"], False),
        ("a.m4a", ["-c:a", "aac"], False),
        ("a.aac", ["-c:a", "aac"], False),
        ("a.aiff", [], False),
        ("a.webm", ["-c:a", "libopus"], False),
        ("a.webm", ["-c:a", "libopus", "-c:v", "libvpx"], True),
        ("a.mp4", ["-c:a", "aac", "-c:v", "mpeg4"], True),
        ("a.mov", ["-c:a", "aac", "-c:v", "mpeg4"], True),
        ("a.mkv", ["-c:a", "libvorbis", "-c:v", "mpeg4"], True),
    ],
)
def test_containers(make: Make, ffmpeg: Path, name: str, options: list[str], video: bool) -> None:
    audio = decode(make(name, *options, video=video), ffmpeg=ffmpeg)
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    # aac and mp3 are padded; aac without a container does not say by how much
    assert abs(len(audio) / SAMPLE_RATE - 2) < 0.07
    middle = audio[SAMPLE_RATE : SAMPLE_RATE + 4_800] * np.hanning(4_800)
    assert int(np.argmax(np.abs(np.fft.rfft(middle)))) * 5 == 440


def test_the_index_of_an_m4a_may_be_at_the_end_and_must_be_there(make: Make, ffmpeg: Path) -> None:
    path = make("a.m4a", "-c:a", "aac")
    whole = path.read_bytes()
    assert whole.index(b"mdat") < whole.index(b"moov")
    assert len(decode(path, ffmpeg=ffmpeg)) > 0
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    assert reason_of(path, ffmpeg) == "damaged"


def test_the_name_says_nothing(make: Make, ffmpeg: Path, tmp_path: Path) -> None:
    odd = tmp_path / "-i concat:x|y\n%d.m3u8"
    shutil.copy(make("a.mp3"), odd)
    assert len(decode(odd, ffmpeg=ffmpeg)) > 0


def test_no_more_than_was_asked_for(make: Make, ffmpeg: Path) -> None:
    assert len(decode(make("a.flac", seconds=5), ffmpeg=ffmpeg, max_seconds=1.5)) == 1.5 * SAMPLE_RATE


def test_half_an_hour_of_silence_is_cut_at_once(make: Make, ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as writer:
        writer.setparams((1, 1, 8_000, 0, "NONE", ""))
        writer.writeframes(bytes([128]) * (1_800 * 8_000))
    started = time.monotonic()
    assert len(decode(path, ffmpeg=ffmpeg)) == 60 * SAMPLE_RATE
    assert time.monotonic() - started < 60


def test_first_of_two_audio_tracks(make: Make, ffmpeg: Path) -> None:
    two = ["-filter_complex", "[0:a]volume=0[silent]", "-map", "[silent]", "-map", "0:a", "-c:a", "flac"]
    assert float(np.abs(decode(make("two.mkv", *two), ffmpeg=ffmpeg)).max()) == 0.0


def test_floats_are_tamed(ffmpeg: Path, tmp_path: Path, make: Make) -> None:
    path = make("a.wav", "-c:a", "pcm_f32le")
    whole = bytearray(path.read_bytes())
    start = whole.index(b"data") + 8
    for index, value in enumerate([np.nan, np.inf, -np.inf, 1e30, -5.0]):
        at = start + 40_000 + index * 4_000
        whole[at : at + 4] = np.float32(value).tobytes()
    path.write_bytes(whole)
    audio = decode(path, ffmpeg=ffmpeg)
    assert np.isfinite(audio).all()
    assert float(np.abs(audio).max()) <= 1.0


def test_empty_text_and_random_bytes(ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"")
    assert reason_of(path, ffmpeg) == "empty_file"
    path.write_bytes(b"This is a text and no sound at all.\n" * 50)
    assert reason_of(path, ffmpeg) == "not_media"
    path.write_bytes(np.random.default_rng(1).bytes(50_000))
    assert reason_of(path, ffmpeg) in {"not_media", "damaged"}
    path.write_bytes(wav_bytes(np.zeros(0, np.int16)))
    assert reason_of(path, ffmpeg) in {"not_media", "damaged"}


def test_a_video_without_sound(make: Make, ffmpeg: Path) -> None:
    silent = make("a.mp4", "-map", "1:v", "-c:v", "mpeg4", video=True)
    assert reason_of(silent, ffmpeg) == "no_audio_track"


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:{inner}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{inner}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
        'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{inner}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>",
    ],
    ids=["hls", "concat", "sdp", "dash"],
)
def test_files_that_point_elsewhere_are_refused(make: Make, ffmpeg: Path, tmp_path: Path, content: str) -> None:
    inner = make("inner.wav")
    for name in ("playlist.m3u8", "playlist.wav"):
        outer = tmp_path / name
        outer.write_text(content.format(inner=inner))
        assert reason_of(outer, ffmpeg) == "not_media"


@pytest.mark.slow
def test_damaged_files_end_soon_and_plainly(make: Make, ffmpeg: Path) -> None:
    random = np.random.default_rng(7)
    for name, options in (("a.mp3", []), ("a.m4a", ["-c:a", "aac"]), ("a.ogg", []), ("a.flac", [])):
        path = make(name, *options)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(10):
            mutated = whole.copy()
            mutated[random.integers(0, len(whole), 60)] = random.integers(0, 256, 60)
            path.write_bytes(mutated.tobytes()[: int(random.integers(len(whole) // 2, len(whole)))])
            started = time.monotonic()
            try:
                assert np.isfinite(decode(path, ffmpeg=ffmpeg)).all()
            except SampleUnusable as exc:
                assert exc.details["reason"] in {"damaged", "not_media", "no_audio_track"}
            assert time.monotonic() - started < 60


def test_the_child_sees_nothing_of_ours(tmp_path: Path) -> None:
    script = "echo $(env | grep -vc '^PWD=\\|^SHLVL=\\|^_='); pwd; ls -A | wc -l\n"  # without the shell's own
    script += "ulimit -f; ulimit -c; ulimit -n; ulimit -t\n"
    with Path("/dev/null").open("rb") as nothing:
        finished = run_ffmpeg(program(tmp_path, script), [], stdin=nothing, limits=FfmpegLimits(7, 10, 10_000))
    variables, folder, files, *limits = finished.stdout.decode().split("\n")[:7]
    assert (variables, files.strip()) == ("0", "0")
    assert not Path(folder).exists()
    assert limits == ["0", "0", "32", "7"]


@pytest.mark.parametrize(
    ("script", "timed_out"),
    [
        ("sleep 100 >/dev/null 2>&1 & exec sleep 100\n", True),
        ("exec 1>&- 2>&-; exec sleep 100\n", True),
        ("exec cat /dev/zero\n", False),
        ("exec cat /dev/zero 1>&2\n", True),
    ],
    ids=["hangs", "closes its pipes and hangs", "floods stdout", "floods stderr"],
)
def test_a_child_that_goes_wild_is_ended(tmp_path: Path, script: str, timed_out: bool) -> None:
    started = time.monotonic()
    with Path("/dev/null").open("rb") as nothing:
        seconds = 0.7 if timed_out else 60.0
        finished = run_ffmpeg(program(tmp_path, script), [], stdin=nothing, limits=FfmpegLimits(5, seconds, 100_000))
    assert time.monotonic() - started < 50
    assert finished.timed_out == timed_out
    assert finished.exit_code < 0
    assert len(finished.stdout) < 1_000_000
    assert len(finished.stderr) < 1_000_000


def test_a_file_that_takes_too_long_says_so(tmp_path: Path, make: Make) -> None:
    with Path("/dev/null").open("rb") as nothing:
        burning = run_ffmpeg(
            program(tmp_path, "while :; do :; done\n"), [], stdin=nothing, limits=FfmpegLimits(1, 100, 100_000)
        )
    assert burning.exit_code < 0  # ended by the limit on processor time, long before that on wall-clock time


WAITS = ("kill -STOP $$\n", "sleep 100\n")


@pytest.mark.parametrize(
    ("script", "blamed"),
    [
        ("kill -9 $$\n", False),
        ("kill -TERM $$\n", False),
        ("kill -STOP $$\n", False),
        ("sleep 100\n", False),
        ("kill -SEGV $$\n", True),
        ("kill -ABRT $$\n", True),
        ("while :; do :; done\n", True),
        ("exec cat /dev/zero\n", True),
    ],
    ids=["killed", "terminated", "stopped", "hangs", "crashes", "gives up", "never ends", "floods"],
)
def test_a_file_is_blamed_for_what_it_did_and_not_for_what_the_machine_did(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, script: str, blamed: bool
) -> None:
    monkeypatch.setattr(decode_module, "_WALL_SECONDS", 1.0 if script in WAITS else 100.0)
    monkeypatch.setattr(decode_module, "_CPU_SECONDS", 2)
    started = time.monotonic()
    with pytest.raises(SampleUnusable if blamed else Unavailable) as caught:
        decode(make("a.wav"), ffmpeg=program(tmp_path, script))
    assert time.monotonic() - started < 50
    if blamed:
        expected = "too_slow" if "while" in script else "damaged"
        assert caught.value.details["reason"] in {expected, "not_media"}
    else:
        assert "right now" in caught.value.message


@pytest.mark.parametrize("script", WAITS, ids=["stopped", "hangs"])
def test_whoever_waits_for_a_decoder_that_hangs_waits_for_one(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(decode_module, "_WALL_SECONDS", 1.0)
    ffmpeg = program(tmp_path, f": > {tmp_path}/started-$$\n{script}")  # the limits do not let it write into the file
    with pytest.raises(Unavailable):
        decode_speech(make("a.wav"), ffmpeg=ffmpeg, max_seconds=60, min_speech_seconds=3)
    assert len(list(tmp_path.glob("started-*"))) == 1


def test_a_program_that_is_none_is_our_fault(tmp_path: Path, make: Make) -> None:
    with pytest.raises(RuntimeError, match="can't be started"):
        decode(make("a.wav"), ffmpeg=tmp_path / "missing")


def test_where_ffmpeg_is_found(tmp_path: Path) -> None:
    own = program(tmp_path, "")
    assert find_ffmpeg(own) == own
    with pytest.raises(ValueError, match="names"):
        find_ffmpeg(tmp_path / "missing")
    with pytest.raises(ValueError, match="names"):
        find_ffmpeg(tmp_path)
    own.rename(tmp_path / "ffmpeg")
    assert find_ffmpeg(search_path=str(tmp_path)) == tmp_path / "ffmpeg"
    assert "imageio" in str(find_ffmpeg(search_path="/nowhere"))
