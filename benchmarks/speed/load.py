"""Measures the latency of /healthz and the balance during 50 core-tts calls, 8 at a time, and a clone.

    python benchmarks/speed/load.py SAMPLE

Each probe sends its requests one after the other, 20 times a second. Prints p50, p99 and the maximum, idle and under
load.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from benchmarks.raw_client import Client
from benchmarks.support import describe_machine, percentile
from voxport.testing.running_gateway import LiveGateway, running_gateway

CALLS = 50
AT_ONCE = 8
IDLE_SECONDS = 10.0
PROBE_SECONDS = 0.05
VOICE = "af_heart"
TEXT = "Announcement number {}: the next train to the harbour leaves from platform four in twelve minutes."
PATHS = ("/healthz", "/v2/billing/balance")


class Probe:
    """Requests one path repeatedly in its own thread, and records how long each answer took (milliseconds)."""

    def __init__(self, live: LiveGateway, path: str) -> None:
        self.path = path
        self.took: list[float] = []
        self.errors = 0
        self._live = live
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._live.key}"}
        with httpx2.Client(base_url=self._live.url, headers=headers, timeout=60) as client:
            while not self._stop.wait(PROBE_SECONDS):
                began = time.perf_counter()
                self.errors += client.get(self.path).status_code != 200
                self.took.append((time.perf_counter() - began) * 1000)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sample", type=Path, help="a recording to clone from meanwhile")
    sample = parser.parse_args().sample
    print(describe_machine())
    with (
        tempfile.TemporaryDirectory(prefix="voxport-load-") as folder,
        running_gateway(Path(folder)) as live,
        Client(live.url, live.key) as client,
    ):
        audio_url = client.upload(sample)
        client.speak("Warm up.", VOICE)
        idle = [Probe(live, path) for path in PATHS]
        time.sleep(IDLE_SECONDS)
        for probe in idle:
            probe.stop()

        probes = [Probe(live, path) for path in PATHS]
        began = time.perf_counter()
        job_id = client.clone(audio_url)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda number: client.speak(TEXT.format(number), VOICE), range(CALLS)))
        spoken_in = time.perf_counter() - began
        job = client.wait_for_job(job_id)
        for probe in probes:
            probe.stop()

    audio = sum(answer["data"]["duration_seconds"] for answer in answers)
    print(
        f"{len(answers)} of {CALLS} calls answered, {audio:.0f} s of audio in {spoken_in:.0f} s; clone {job['status']}"
    )
    print(f"\n{'':22} {'answers':>8} {'errors':>7} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for label, group in (("idle", idle), ("load", probes)):
        for probe in group:
            print(
                f"{label:4} {probe.path:17.17} {len(probe.took):8} {probe.errors:7} {percentile(probe.took, 50):8.1f} "
                f"{percentile(probe.took, 99):8.1f} {max(probe.took):8.1f}"
            )
    failed = sum(probe.errors for probe in probes) + (job["status"] != "completed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
