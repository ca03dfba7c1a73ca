"""Runs ten clone jobs, and kills the worker with SIGKILL once during each, at ten different moments:

    python benchmarks/reliability/kill_worker.py SAMPLE

Prints for each job the moment and the stage of the kill and the job's result, then the charges, the voices, the
processes left behind and the state of the ledger. Exits with 1 if any of these is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.raw_client import Client
from benchmarks.support import describe_machine
from voxport.testing.running_gateway import running_command, running_gateway

JOBS = 10
CREDITS = "100"
PRICE = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sample", type=Path, help="a recording to clone from")
    sample = parser.parse_args().sample
    print(describe_machine())
    with tempfile.TemporaryDirectory(prefix="voxport-kill-") as name:
        folder = Path(name)
        with running_gateway(folder, "--no-worker") as live, Client(live.url, live.key) as client:
            audio_url = client.upload(sample)
            with worker(folder):
                began = time.monotonic()
                first = client.wait_for_job(client.clone(audio_url))
                duration = time.monotonic() - began
            print(f"a job without a kill: {first['status']} in {duration:.1f} s\n")
            voxport(folder, "credits", "add", profile_of(live.data_dir), CREDITS)
            engines = [kill_once(client, folder, audio_url, duration * (i + 0.5) / JOBS) for i in range(JOBS)]
            return report(client, folder, live.data_dir, engines)


@contextlib.contextmanager
def worker(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["worker", "--data-dir", str(folder / "data")]
    with running_command(command, folder, folder / "worker.out", folder / "worker.log") as process:
        yield process


def kill_once(client: Client, folder: Path, audio_url: str, moment: float) -> list[int]:
    """Queue a job, kill its worker `moment` seconds after the job started, start another worker, and wait for the job
    to end. Returns the pids of the processes that the killed worker had started."""
    with worker(folder) as process:
        job_id = client.clone(audio_url)
        client.wait_until_started(job_id)
        time.sleep(moment)
        stage = client.call("GET", f"/v2/jobs/{job_id}")["stage"]
        children = children_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with worker(folder):
        job = client.wait_for_job(job_id)
    print(f"killed at {moment:5.1f} s ({stage:11}): {job['status']}, {job['token_cost']} tokens")
    return children


def report(client: Client, folder: Path, data_dir: Path, children: list[list[int]]) -> int:
    jobs = client.call("GET", "/v2/jobs?limit=200")["data"]
    rows = client.call("GET", "/v2/billing/ledger?limit=200")["data"]
    voices = client.call("GET", "/v1/proxy/core-tts-voices?cloned=true")["data"]["voices"]
    captures = [row for row in rows if row["kind"] == "capture"]
    files = [path for path in (data_dir / "files").rglob("*") if path.is_file()]
    expected = JOBS + 1
    facts = {
        "jobs completed": (sum(job["status"] == "completed" for job in jobs), expected),
        f"charges of {PRICE}": (sum(row["tokens"] == -PRICE for row in captures), expected),
        "charges in all": (len(captures), expected),
        "different jobs charged": (len({row["job_id"] for row in captures}), expected),
        "voices": (len(voices), expected),
        "files of voices": (sum(path.suffix == ".voice" for path in files), expected),
        "files of samples": (sum(path.name == "sample.flac" for path in files), expected),
        "tokens held": (client.balance()["held"], 0.0),
        "processes left by killed workers": (sum(is_alive(pid) for pids in children for pid in pids), 0),
        "ledger": (voxport(folder, "ledger", "verify"), "ledger clean"),
    }
    print()
    for what, (found, wanted) in facts.items():
        print(f"{what:34} {found}   {'as it must be' if found == wanted else f'WRONG: {wanted} expected'}")
    return 0 if all(found == wanted for found, wanted in facts.values()) else 1


def voxport(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(folder / "data")]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def profile_of(data_dir: Path) -> str:
    with contextlib.closing(sqlite3.connect(data_dir / "voxport.db")) as connection:
        return str(connection.execute("SELECT id FROM profiles").fetchone()[0])


def children_of(pid: int) -> list[int]:
    """Return the pids of all descendants of the process."""
    direct = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return direct + [grandchild for child in direct for grandchild in children_of(child)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main())
