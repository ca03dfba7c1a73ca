"""watermark/detect: finds the mark at the speech, even after a long silence or on a second audio track."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support.client import GatewayClient
from tests.test_recordings import SPEECH
from voxport.audio.codec.decode import decode
from voxport.audio.codec.encode import encode_file
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.codec.wav import to_pcm16
from voxport.engine.watermark import add_watermark

pytestmark = pytest.mark.skipif(not SPEECH.is_dir(), reason="needs the recordings")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 s of watermarked speech, as FLAC."""
    path = tmp_path_factory.mktemp("marked") / "spoken.flac"
    speech = decode(SPEECH / "media" / "long_over_60s_libri_3080.mp3", ffmpeg=find_ffmpeg(), max_seconds=15)
    encode_file([to_pcm16(add_watermark(speech))], "flac", path, ffmpeg=find_ffmpeg())
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["-filter_complex", "[0]atrim=duration=75[a];[a][1]concat=n=2:v=0:a=1", "-f", "flac"],
        ["-map", "0", "-map", "1", "-t", "15", "-c:a", "libopus", "-f", "matroska"],
    ],
    ids=["behind a long silence", "on the second track"],
)
def test_the_mark_is_found_where_the_speech_is(
    client: GatewayClient, spoken: Path, tmp_path: Path, arguments: list[str]
) -> None:
    out = tmp_path / "recording"
    silence = ["-f", "lavfi", "-t", "80", "-i", "anullsrc=r=24000:cl=mono"]
    command = [str(find_ffmpeg()), "-y", "-nostdin", "-v", "error", *silence, "-i", str(spoken), *arguments, str(out)]
    subprocess.run(command, check=True, capture_output=True)
    url = client.upload(out.read_bytes())["public_url"]
    data = client.post("/v1/watermark/detect", {"audioUrl": url}).json()["data"]
    assert data["watermarked"] is True


def test_a_long_recording_without_speech_has_no_mark(client: GatewayClient, tmp_path: Path) -> None:
    path = tmp_path / "silence.flac"
    encode_file([to_pcm16(np.zeros(70 * 24_000, np.float32))], "flac", path, ffmpeg=find_ffmpeg())
    url = client.upload(path.read_bytes())["public_url"]
    answer = client.post("/v1/watermark/detect", {"audioUrl": url})
    assert answer.json()["data"] == {"watermarked": False, "confidence": 0.0}
