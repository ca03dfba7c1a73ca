"""Measures a clone alone, beside one and beside two busy processes of normal priority, and HTTP latency meanwhile.

    python benchmarks/speed/priority.py [SAMPLE] [--spinners 0 1 2] [--rounds 1] [--flat]

Starts a gateway as a user does. Each spinner is a process in its own session that computes without pause. Prints for
each number of spinners the clone's time, the processor time of the gateway and its children, the ratio to the time
alone, and the 50th and 99th percentile of `GET /healthz`, requested 20 times a second. Other work on the machine acts
as another spinner: the load is printed. Exits with 1 if a goal is missed: 2.5 and 4 times the time alone, 50 ms.

SAMPLE is a recording; by default the first of VOXPORT_SPEECH_DIR's PAIRS.tsv, else a synthetic speaker.

Where the kernel groups by session (autogroup), each session gets an equal share, and nice values have no effect between
sessions. `--flat` puts all processes into one control group, where nice values count, as in a container (needs root and
the cpu controller of version 1 or 2 mounted).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.raw_client import Client
from benchmarks.reliability.kill_worker import children_of
from benchmarks.support import describe_machine, find_sample, percentile
from voxport.testing.running_gateway import LiveGateway, running_gateway

GOALS = {0: 1.0, 1: 2.5, 2: 4.0}
"""Limits by number of spinners, as multiples of the time alone."""
GOAL_P99_MS = 50.0
HEALTH_INTERVAL_SECONDS = 0.05
SPINNER = "while True: pass"


@dataclass(frozen=True)
class Clone:
    seconds: float
    cpu_seconds: float
    checking_seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample", type=Path, nargs="?", help="a recording to clone from")
    parser.add_argument("--spinners", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=1, help="the best of so many of each; they alternate")
    parser.add_argument("--flat", action="store_true", help="in one control group, where nice values count")
    arguments = parser.parse_args()
    print(describe_machine() + _scheduler())
    if arguments.flat:
        _join_group()
    with tempfile.TemporaryDirectory(prefix="voxport-priority-") as name:
        folder = Path(name)
        sample = arguments.sample or find_sample(folder)
        with running_gateway(folder) as live, Client(live.url, live.key) as client:
            best: dict[int, Clone] = {}
            p99s: dict[int, float] = {}
            for _ in range(arguments.rounds):
                for count in arguments.spinners:
                    with spinning(count), probe_health(live.url) as latencies:
                        clone = _clone(live, client, client.upload(sample))
                    print(f"{count} beside: {clone.seconds:6.1f} s, {clone.cpu_seconds:6.1f} s of processor, ", end="")
                    p50, p99 = (percentile(latencies, share) * 1000 for share in (50, 99))
                    print(f"checking {clone.checking_seconds:4.1f} s; /healthz p50 {p50:4.1f} ms, p99 {p99:5.1f} ms")
                    if count not in best or clone.seconds < best[count].seconds:
                        best[count] = clone
                    p99s[count] = min(p99, p99s.get(count, p99))
    return _report(best, p99s)


@contextlib.contextmanager
def spinning(count: int) -> Iterator[None]:
    """Run `count` busy processes during the block, each in its own session, at this process's priority."""
    processes = [subprocess.Popen([sys.executable, "-c", SPINNER], start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def probe_health(url: str) -> Iterator[list[float]]:
    """Record the seconds of each `GET /healthz` during the block, requested 20 times a second by a separate process: it
    does nothing else, so that it waits for a core no longer than a real client on another machine."""
    latencies: list[float] = []
    command = [sys.executable, "-c", _PROBE, url + "/healthz", str(HEALTH_INTERVAL_SECONDS)]
    probe = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert probe.stdout is not None
    reader = threading.Thread(target=lambda: latencies.extend(float(line) for line in probe.stdout or ()))
    reader.start()
    try:
        yield latencies
    finally:
        probe.terminate()
        probe.wait()
        reader.join()


_PROBE = """
import http.client, sys, time, urllib.parse
url, interval = urllib.parse.urlsplit(sys.argv[1]), float(sys.argv[2])
connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
while True:
    began = time.perf_counter()
    connection.request("GET", url.path)
    connection.getresponse().read()
    seconds = time.perf_counter() - began
    print(seconds, flush=True)
    time.sleep(max(0.0, interval - seconds))
"""


def _clone(live: LiveGateway, client: Client, audio_url: str) -> Clone:
    used, began = _cpu_seconds(live), time.monotonic()
    entered: dict[str, float] = {}
    peak = used

    def watch(job: dict[str, object]) -> None:
        nonlocal peak
        entered.setdefault(str(job["stage"]), time.monotonic())
        peak = max(peak, _cpu_seconds(live))  # the time of the fit's process is no longer counted when it has ended

    job = client.wait_for_job(client.clone(audio_url), watch)
    assert job["status"] == "completed", job
    checking = entered.get("cloning", began) - entered.get("checking", entered.get("cloning", began))
    return Clone(time.monotonic() - began, peak - used, checking)


def _cpu_seconds(live: LiveGateway) -> float:
    """Return the processor time of the gateway and of all its children that are alive."""
    total = 0.0
    for pid in (live.process.pid, *_living_children(live.process.pid)):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _living_children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return children_of(pid)
    return []


def _scheduler() -> str:
    setting = Path("/proc/sys/kernel/sched_autogroup_enabled")
    grouped = setting.is_file() and setting.read_text().strip() == "1"
    return f"kernel {os.uname().release}; sessions are {'' if grouped else 'not '}grouped by the scheduler\n"


def _join_group() -> None:
    """Move this process and its future children into a control group, in which sessions are not grouped."""
    root = Path("/sys/fs/cgroup")
    group = (root / "cpu" if (root / "cpu").is_dir() else root) / f"voxport-priority-{os.getpid()}"
    group.mkdir()
    (group / "cgroup.procs").write_text(str(os.getpid()))
    print(f"all in {group}; remove it afterwards with rmdir\n")


def _report(best: dict[int, Clone], p99s: dict[int, float]) -> int:
    missed = 0
    print()
    for count, clone in best.items():
        if 0 in best and count > 0:
            ratio, goal = clone.seconds / best[0].seconds, GOALS.get(count)
            is_missed = goal is not None and ratio > goal
            missed += is_missed
            print(f"beside {count}: {ratio:.2f} times the time alone (goal {goal}){', MISSED' if is_missed else ''}")
        is_slow = p99s[count] > GOAL_P99_MS
        missed += is_slow
        verdict = ", MISSED" if is_slow else ""
        print(f"/healthz p99 beside {count}: {p99s[count]:.1f} ms (goal {GOAL_P99_MS:g}){verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
