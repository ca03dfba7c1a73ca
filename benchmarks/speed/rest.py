"""Measures how little an idle gateway does, how much memory it holds, and how soon it then starts a job.

    python benchmarks/speed/rest.py [--seconds 120] [--jobs 200] [--postgres]
    python benchmarks/speed/rest.py --memory

With `--memory` it prints only the memory of all processes of an idle gateway: with the key of a hosted provider and no
engine, after the engine spoke a long text, and of one whose main provider is the engine.

Otherwise it starts a gateway as a user does, waits until it is ready and quiet, and measures the processor time of all
its processes while nobody calls. Then it sends clone jobs one after another, each to an idle worker, and computes the
time from the row's creation to the start of the work. The sample is not a recording, so that a job ends soon.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks.support import describe_machine, percentile
from voxport.testing.running_gateway import running_gateway

_QUIET_SECONDS = 10.0
_LONG_TEXT = "The old boat drifted slowly along the quiet river while the children were laughing behind the wall. " * 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="how long to watch the idle gateway")
    parser.add_argument("--jobs", type=int, default=200, help="how many jobs to start")
    parser.add_argument("--postgres", action="store_true", help="a Postgres server in place of SQLite")
    parser.add_argument("--memory", action="store_true", help="print the memory of idle gateways, and nothing else")
    options = parser.parse_args()
    print(describe_machine())
    if options.memory:
        print("| idle gateway | process | resident, MiB | proportional, MiB |\n|---|---|---|---|")
        for row in memory_rows():
            print(row, flush=True)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        _database(options.postgres) as settings,
        running_gateway(Path(folder), ready=True, **settings) as live,
        live.client() as http,
    ):
        time.sleep(_QUIET_SECONDS)
        before = _processor_seconds(live.process.pid)
        time.sleep(options.seconds)
        after = _processor_seconds(live.process.pid)
        waits = sorted(_seconds_to_start(http) for _ in range(options.jobs))
    print("| | |\n|---|---|")
    print(f"| database | {'Postgres' if options.postgres else 'SQLite'} |")
    for name, used in after.items():
        print(f"| {name}: processor seconds | {used - before.get(name, 0.0):.2f} |")
    total = sum(after.values()) - sum(before.values())
    print(f"| all processes: processor seconds in {options.seconds:g} s | {total:.2f} |")
    print(f"| share of one core | {total / options.seconds:.2%} |")
    for share in (50, 99):
        print(f"| job, from its row to its start, p{share} | {percentile(waits, share) * 1000:.0f} ms |")


def memory_rows() -> Iterator[str]:
    """Yield the resident and the proportional memory (shared pages divided between their processes) of each process."""
    hosted = {"VOXPORT_ELEVENLABS_API_KEY": "a-key", "VOXPORT_ELEVENLABS_BASE_URL": "http://127.0.0.1:9"}
    with tempfile.TemporaryDirectory() as folder, running_gateway(Path(folder), ready=True, **hosted) as live:
        time.sleep(_QUIET_SECONDS)
        yield from _memory("hosted providers only", live.process.pid)
        with live.client(timeout=900) as http:
            for text in ("A short one.", _LONG_TEXT):
                body = {"text": text, "voice_id": "af_heart", "provider": "local"}
                http.post("/v1/proxy/core-tts", json=body).raise_for_status()
        time.sleep(2 * _QUIET_SECONDS)
        yield from _memory("after a long text of `local`", live.process.pid)
    with tempfile.TemporaryDirectory() as folder, running_gateway(Path(folder), ready=True) as live:
        time.sleep(_QUIET_SECONDS)
        yield from _memory("`local` is the main provider", live.process.pid)


def _memory(what: str, pid: int) -> Iterator[str]:
    root = psutil.Process(pid)
    sums = [0.0, 0.0]
    for process in [root, *root.children(recursive=True)]:
        memory = process.memory_full_info()
        sizes = memory.rss / 2**20, memory.pss / 2**20
        sums = [one + size for one, size in zip(sums, sizes, strict=True)]
        yield f"| {what} | {_program(process)} | {sizes[0]:.0f} | {sizes[1]:.0f} |"
    yield f"| {what} | all | {sums[0]:.0f} | {sums[1]:.0f} |"


def _program(process: psutil.Process) -> str:
    words = process.cmdline()
    known = (word for word in words if word in ("serve", "worker") or word.startswith("voxport."))
    return next(known, Path(words[-1]).name)


def _processor_seconds(pid: int) -> dict[str, float]:
    """Return the user and system time of a process and its descendants, by the program that they run."""
    used: dict[str, float] = {}
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        name = _program(process)
        times = process.cpu_times()
        used[name] = used.get(name, 0.0) + times.user + times.system
    return used


def _seconds_to_start(http: httpx2.Client) -> float:
    body = {"media_type": "audio", "filename": "no.wav", "content_type": "audio/wav"}
    upload = http.post("/v1/proxy/upload-media", json=body).raise_for_status().json()["data"]
    httpx2.put(upload["upload_url"], content=b"no recording", headers={"Content-Type": "audio/wav"}).raise_for_status()
    body = {"audioUrl": upload["public_url"], "provider": "local"}
    job = http.post("/v1/proxy/core-voice-clone", json=body).raise_for_status().json()["job"]
    row: dict[str, Any] = {}
    while row.get("status") not in ("failed", "completed"):
        time.sleep(0.1)
        row = http.get(f"/v2/jobs/{job['id']}").json()
    # Wait until the worker is idle: for two seconds after a job it polls more often.
    time.sleep(2.5)
    return (datetime.fromisoformat(row["started_at"]) - datetime.fromisoformat(row["created_at"])).total_seconds()


@contextlib.contextmanager
def _database(postgres: bool) -> Iterator[dict[str, str]]:
    if not postgres:
        yield {}
        return
    from tests.support.postgres import running_postgres

    with running_postgres() as server:
        yield {"VOXPORT_DATABASE_URL": server.new_database()}


if __name__ == "__main__":
    main()
