"""Measures long speech: 100,000 characters as a job that is killed once, and 5,000 characters in one call.

    make bench-setup && .venv/bin/python benchmarks/quality/long_text.py SAMPLE

A gateway started for this on 127.0.0.1 clones SAMPLE and speaks prose whose words are known. Prints the length of the
file, the word errors by Whisper base, the loudness of each minute, and the steepest step where sound begins or ends.
Draws `docs/img/longtext.png`. Takes about 50 minutes on two idle cores; `--characters 10000` is a quick run that draws
nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from benchmarks.quality.metrics import Transcriber
from benchmarks.quality.prose import prose
from benchmarks.raw_client import Client
from benchmarks.recordings import load
from benchmarks.reliability.kill_worker import profile_of, voxport, worker
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.loudness import gated_blocks, lufs
from voxport.testing.running_gateway import running_gateway

IMAGE = Path(__file__).parents[2] / "docs" / "img" / "longtext.png"
WHOLE, CALL = 100_000, 5_000
KILLED_AT = 0.3
SILENT = 1e-3  # relative to full scale: −60 dB
_PAUSE = 0.05  # seconds
_EDGE = round(0.002 * SAMPLE_RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sample", type=Path, help="a recording to clone from")
    parser.add_argument("--characters", type=int, default=WHOLE)
    arguments = parser.parse_args()
    print(machine(), flush=True)
    transcriber = Transcriber()
    with tempfile.TemporaryDirectory(prefix="voxport-long-") as name:
        folder = Path(name)
        with running_gateway(folder, "--no-worker") as live, Client(live.url, live.key) as client:
            voxport(folder, "credits", "add", profile_of(live.data_dir), "2000")
            with worker(folder):
                cloned = client.wait_for_job(client.clone(client.upload(arguments.sample)))
            voice_id = cloned["result_data"]["voice_id"]
            text = prose(min(CALL, arguments.characters))
            start = time.perf_counter()
            answer = client.speak(text, voice_id, output_format="wav", provider="local")
            elapsed = time.perf_counter() - start
            call = _download(client, answer["data"]["url"], folder / "call.wav")
            _summary("in one call", text, call, elapsed, transcriber)
            text = prose(arguments.characters)
            job, elapsed = _as_job(client, folder, text, voice_id)
            print({key: job[key] for key in ("status", "units_consumed", "token_cost")}, client.balance())
            audio = _download(client, job["result_data"]["url"], folder / "job.flac")
            _summary("as a job", text, audio, elapsed, transcriber)
            if arguments.characters == WHOLE:
                _draw(audio)


def _as_job(client: Client, folder: Path, text: str, voice_id: str) -> tuple[dict[str, Any], float]:
    """Speak the text as a job, and kill its worker once. Returns the ended job, and the seconds that it took."""
    body = {"text": text, "voice_id": voice_id, "provider": "local", "output_format": "flac"}
    start = time.perf_counter()
    accepted = client.http.post("/v1/proxy/core-tts", json=body, headers={"Prefer": "respond-async"})
    accepted.raise_for_status()
    job_id = accepted.json()["job"]["id"]
    with worker(folder) as process:
        while (job := client.call("GET", f"/v2/jobs/{job_id}"))["progress"] < KILLED_AT:
            time.sleep(1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    print(f"its worker was killed at {job['progress']:.0%}, after {time.perf_counter() - start:.0f} s", flush=True)
    with worker(folder):
        job = client.wait_for_job(job_id)
    return job, time.perf_counter() - start


def _summary(how: str, text: str, audio: FloatArray, elapsed: float, transcriber: Transcriber) -> None:
    characters, seconds = len(text), audio.size / SAMPLE_RATE
    print(f"{characters:,} characters {how}: {elapsed:.0f} s for {seconds / 60:.1f} minutes of sound", flush=True)
    steepest = max(_step(audio, edge) for piece in _between_pauses(audio, _PAUSE) for edge in piece)
    print(f"  steepest step in the 2 ms around where sound begins or ends: {steepest:.4f} of full scale")
    levels = _levels(audio)
    print(f"  loudness by minute: {min(levels):.1f} to {max(levels):.1f} LUFS, {_level(audio):.1f} in all", flush=True)
    wrong, words = transcriber.errors(audio, text)
    print(f"  word errors, a lost word among them: {100 * wrong / words:.2f} % of {words:,}", flush=True)


def _between_pauses(audio: FloatArray, pause: float) -> list[tuple[int, int]]:
    """Return (first sample, one past the last) of each stretch of sound, split at `pause` seconds of silence."""
    loud = np.flatnonzero(np.abs(audio) > SILENT)
    gaps = np.flatnonzero(np.diff(loud) > pause * SAMPLE_RATE)
    begins, ends = loud[[0, *(gaps + 1)]], loud[[*gaps, -1]] + 1
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _step(audio: FloatArray, edge: int) -> float:
    around = audio[max(0, edge - _EDGE) : edge + _EDGE]
    return float(np.abs(np.diff(around)).max(initial=0.0))


def _levels(audio: FloatArray) -> list[float]:
    """Return the LUFS of each whole minute, or of all the audio if it is shorter."""
    minute = 60 * SAMPLE_RATE
    count = max(1, audio.size // minute)
    return [_level(part) for part in (audio[i * minute : (i + 1) * minute] for i in range(count))]


def _level(audio: FloatArray) -> float:
    return lufs(float(gated_blocks(audio).mean()))


def _download(client: Client, url: str, path: Path) -> FloatArray:
    path.write_bytes(client.download(url))
    return load(path)


def _draw(audio: FloatArray) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 2.6), layout="constrained")
    levels = _levels(audio)
    axes.plot(np.arange(len(levels)) + 0.5, levels, ".-")
    axes.axhspan(-19, -17, alpha=0.15)
    axes.set(xlabel="minutes", ylabel="LUFS of a minute", ylim=(-22, -14), title="100,000 characters as one job")
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE, dpi=110)


if __name__ == "__main__":
    main()
