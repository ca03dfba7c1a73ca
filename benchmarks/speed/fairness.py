"""Makes 64 calls of core-tts by 4 profiles at once, at a provider that serves 4 at a time and answers in 200 ms:

    python benchmarks/speed/fairness.py [--runs 3]

The gateway is the real command in its own processes; the provider is a double. Prints the total time beside the ideal
one (64 calls, 4 at a time), the throughput of each profile, and the same for a run in which one profile sends most of
the calls. Exits with 1 if a call fails with 5xx, a profile gets more than 1.5 times another's throughput, or the time
is over 1.2 times the ideal.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks.support import describe_machine
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, running_gateway

KEY = "a-key-for-a-benchmark"
AT_ONCE = 4
LATENCY = 0.2  # seconds
CALLS = 64
IDEAL = CALLS / AT_ONCE * LATENCY
VOICE = "21m00Tcm4TlvDq8ikWAM"
TEXT = "The ferry leaves the island at seven in the morning."


@dataclass(frozen=True)
class Run:
    """`ended` has, for each profile, the seconds from the start until each of its calls was answered."""

    seconds: float
    statuses: Counter[int]
    ended: list[list[float]]
    refused_upstream: int

    @property
    def throughputs(self) -> list[float]:
        return [len(times) / max(times) for times in self.ended]

    @property
    def unfairness(self) -> float:
        return max(self.throughputs) / min(self.throughputs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(describe_machine())
    synthesize(TEXT, 0)  # cached before the time is measured
    account = ElevenLabsAccount(
        keys={KEY: ALL_SCOPES}, concurrency=AT_ONCE, latency=LATENCY, sends_concurrency=True, character_limit=10**9
    )
    double = ElevenLabsDouble(account)
    with (
        tempfile.TemporaryDirectory(prefix="voxport-fairness-") as name,
        serve_app(double.app) as url,
        running_gateway(Path(name), VOXPORT_ELEVENLABS_API_KEY=KEY, VOXPORT_ELEVENLABS_BASE_URL=url) as live,
    ):
        keys = [live.key, *(_new_key(live, number) for number in range(3))]
        _measure(live, double, keys, [2, 2, 2, 2])
        even = [_measure(live, double, keys, [CALLS // 4] * 4) for _ in range(runs)]
        uneven = _measure(live, double, keys, [49, 5, 5, 5])
    is_good = True
    print(f"{CALLS} calls, 4 profiles with 16 each; ideal {IDEAL:.2f} s")
    for run in even:
        good = run.statuses == {200: CALLS} and run.unfairness <= 1.5 and run.seconds <= 1.2 * IDEAL
        is_good &= good
        print(
            f"  {run.seconds:5.2f} s = {run.seconds / IDEAL:.2f} x the ideal, answers {dict(run.statuses)}, "
            f"max/min throughput {run.unfairness:.2f}, refused by the provider on the way {run.refused_upstream}"
            f"{'' if good else '   NOT REACHED'}"
        )
    print(f"one profile with 49 calls, three with 5: {uneven.seconds:.2f} s, answers {dict(uneven.statuses)}")
    print("  last answer of each profile after", ", ".join(f"{max(times):.2f}" for times in uneven.ended), "s")
    return 0 if is_good else 1


def _measure(live: LiveGateway, double: ElevenLabsDouble, keys: list[str], shares: list[int]) -> Run:
    """Send all calls at once, those of the first profile before those of the second."""
    double.requests.clear()
    double.spoken.clear()
    clients = [
        httpx2.Client(base_url=live.url, headers={"Authorization": f"Bearer {key}"}, timeout=120) for key in keys
    ]
    ended: list[list[float]] = [[] for _ in keys]
    statuses: Counter[int] = Counter()
    body = {"text": TEXT, "voice_id": VOICE, "provider": "elevenlabs"}
    start = time.perf_counter()

    def call(number: int) -> None:
        answer = clients[number].post("/v1/proxy/core-tts", json=body)
        ended[number].append(time.perf_counter() - start)
        statuses[answer.status_code] += 1

    with ThreadPoolExecutor(CALLS) as threads:
        for future in [threads.submit(call, number) for number, share in enumerate(shares) for _ in range(share)]:
            future.result()
    seconds = time.perf_counter() - start
    for client in clients:
        client.close()
    request_count = sum(path.startswith("/v1/text-to-speech") for _, path in double.requests)
    return Run(seconds, statuses, ended, request_count - len(double.spoken))


def _new_key(live: LiveGateway, number: int) -> str:
    """Create another profile with credits. Returns its key."""

    def voxport(*arguments: str) -> str:
        command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(live.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    profile = voxport("profiles", "create", f"profile {number}").split()[0]
    voxport("credits", "add", profile, "100")
    return next(word for word in voxport("keys", "create", profile).split() if word.startswith("vxp_"))


if __name__ == "__main__":
    sys.exit(main())
