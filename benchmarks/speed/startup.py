"""Measures how soon the command answers, and how soon a gateway is ready.

    python benchmarks/speed/startup.py [--runs 5]

Prints the median of each: `voxport --help`; and `voxport serve` to the first 200 of `/readyz`, on a new data folder, on
the same folder after a kill -9 of all its processes while they worked, and after a normal stop.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.support import describe_machine
from voxport.testing.running_gateway import LiveGateway, running_gateway


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the median is printed")
    runs = parser.parse_args().runs
    print(describe_machine())
    rows: dict[str, list[float]] = {name: [] for name in ("voxport --help", "new folder", "killed", "existing folder")}
    for _ in range(runs):
        rows["voxport --help"].append(_help_seconds())
        with tempfile.TemporaryDirectory() as folder:
            rows["new folder"].append(_ready_seconds(Path(folder), kill=True))
            rows["killed"].append(_ready_seconds(Path(folder)))
            rows["existing folder"].append(_ready_seconds(Path(folder)))
    print("| | seconds, median | worst |\n|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |")


def _help_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "voxport", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _ready_seconds(folder: Path, *, kill: bool = False) -> float:
    began = time.perf_counter()
    with running_gateway(folder) as live:
        seconds = time.perf_counter() - began
        if kill:
            _work_and_kill(live)
    return seconds


def _work_and_kill(live: LiveGateway) -> None:
    body = {"text": "A call that nobody will hear to its end. " * 50, "voice_id": "af_heart", "provider": "local"}
    with live.client() as http:
        http.post("/v1/proxy/core-tts", json=body, headers={"Prefer": "respond-async"}).raise_for_status()
    time.sleep(0.5)
    root = psutil.Process(live.process.pid)
    for process in [*root.children(recursive=True), root]:
        process.kill()


if __name__ == "__main__":
    main()
