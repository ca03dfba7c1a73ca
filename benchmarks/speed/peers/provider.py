"""A provider that answers at once with 50 KB of audio, in the dialects of OpenAI and of ElevenLabs.

    python -m benchmarks.speed.peers.provider PORT_FILE

What is not speech is answered by the double of ElevenLabs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import imageio_ffmpeg
import numpy as np
import uvicorn
from starlette.types import Receive, Scope, Send

from benchmarks.speed.peers.serving import serve
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.wav import wav_header
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES

KEY = "a-key-for-a-benchmark"
AUDIO_BYTES = 50_000


class FastProvider:
    def __init__(self) -> None:
        account = ElevenLabsAccount(keys={KEY: ALL_SCOPES}, concurrency=10_000, character_limit=10**12)
        self._rest = ElevenLabsDouble(account).app
        pcm = _tone(AUDIO_BYTES // 2)
        self._bodies = {"pcm": pcm, "mp3": _mp3(), "wav": wav_header(len(pcm) // 2) + pcm}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(("/v1/text-to-speech/", "/v1/audio/speech")):
            await self._rest(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        wanted = parse_qs(scope["query_string"]).get(b"output_format", [b"wav"])[0].partition(b"_")[0].decode()
        body = self._bodies[wanted]
        headers = [
            (b"content-type", b"audio/mpeg" if wanted == "mp3" else b"audio/" + wanted.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"maximum-concurrent-requests", b"10000"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _tone(samples: int) -> bytes:
    """Return s16le: a voice-like tone with some noise, at speech level."""
    time = np.arange(samples) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(samples)
    audio = 0.2 * np.sin(2 * np.pi * 180 * time) * (1 + np.sin(2 * np.pi * 4 * time)) + 0.01 * noise
    return bytes((np.clip(audio, -1, 1) * 32_767).astype("<i2").tobytes())


def _mp3() -> bytes:
    """Return AUDIO_BYTES of mp3, 128 kbit/s at 44.1 kHz."""
    options = ["-ar", "44100", "-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3", "pipe:1"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-i", "pipe:0"]
    pcm = _tone(SAMPLE_RATE * AUDIO_BYTES // 16_000)
    return subprocess.run([*command, *options], input=pcm, capture_output=True, check=True).stdout


def main() -> None:
    serve(uvicorn.Config(FastProvider(), log_level="warning", access_log=False), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
