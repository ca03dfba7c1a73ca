"""Measures how long a clone stays in `checking` beside a speech job of 5,000 characters, and a call beside a fit.

    python benchmarks/speed/check_under_load.py [SAMPLE] [--characters 5000] [--jobs 1]

Starts a gateway as a user does. Clones alone, then again while `--jobs` speech jobs of `--characters` run, and prints
the seconds in each stage. While a clone is fitted, a sentence is spoken repeatedly. SAMPLE should be a minute long,
because a check looks at windows of 1.6 s; by default it is the speaker of `support.find_sample`, repeated to a minute.
Exits with 1 if the clone was in `checking` for over 15 s.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imageio_ffmpeg

from benchmarks.raw_client import Client, Json
from benchmarks.support import describe_machine, find_sample
from voxport.testing.running_gateway import running_gateway

GOAL_SECONDS = 15.0
SENTENCE = "Passengers who wait for the late train are asked to keep their bags with them, behind the yellow line. "
SHORT = "The late train is on time."
VOICE = "af_heart"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample", type=Path, nargs="?", help="a recording to clone from")
    parser.add_argument("--characters", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    print(describe_machine())
    text = (SENTENCE * (arguments.characters // len(SENTENCE) + 1))[: arguments.characters]
    with tempfile.TemporaryDirectory(prefix="voxport-checking-") as name:
        folder = Path(name)
        sample = arguments.sample or _minute(find_sample(folder), folder / "minute.wav")
        with running_gateway(folder) as live, Client(live.url, live.key) as client:
            alone = _stages(client, client.clone(client.upload(sample)), [])
            print(f"alone:   {_shown(alone)}", flush=True)
            began = time.monotonic()
            jobs = [_speech_job(client, text) for _ in range(arguments.jobs)]
            for job_id in jobs:
                while client.call("GET", f"/v2/jobs/{job_id}")["progress"] <= 0:
                    time.sleep(0.05)
            calls: list[float] = []
            beside = _stages(client, client.clone(client.upload(sample)), calls)
            print(f"beside:  {_shown(beside)}", flush=True)
            for job_id in jobs:
                client.wait_for_job(job_id)
            print(f"speech:  {time.monotonic() - began:.1f} s for {arguments.jobs} x {arguments.characters} characters")
            if calls:
                print(f"a sentence beside the fit: {len(calls)} calls, the longest {max(calls):.1f} s")
    checking = beside.get("checking", 0.0)
    print(f"checking beside speech: {checking:.1f} s (goal {GOAL_SECONDS:g})")
    return 0 if checking <= GOAL_SECONDS else 1


def _minute(sample: Path, target: Path) -> Path:
    """Write `sample` to `target`, repeated to 60 s."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1", "-i", str(sample), "-t", "60"]
    subprocess.run([*command, "-ac", "1", str(target)], check=True)
    return target


def _speech_job(client: Client, text: str) -> str:
    body = {"text": text, "voice_id": VOICE}
    answer = client.http.post("/v1/proxy/core-tts", json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job"]["id"])


def _stages(client: Client, job_id: str, calls: list[float]) -> dict[str, float]:
    """Return the seconds in each stage. While the job is cloning, sentences are spoken; `calls` gets their seconds."""
    seconds: dict[str, float] = {}
    last = ("queued", time.monotonic())

    def watch(job: Json) -> None:
        nonlocal last
        now = time.monotonic()
        seconds[last[0]] = seconds.get(last[0], 0.0) + now - last[1]
        last = (job["stage"], now)
        if job["stage"] == "cloning" and len(calls) < 5:
            began = time.monotonic()
            client.speak(SHORT, VOICE)
            calls.append(time.monotonic() - began)

    job = client.wait_for_job(job_id, watch)
    assert job["status"] == "completed", job
    return seconds


def _shown(stages: dict[str, float]) -> str:
    return ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in stages.items())


if __name__ == "__main__":
    sys.exit(main())
