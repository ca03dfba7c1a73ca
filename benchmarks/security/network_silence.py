"""Traces with whom a gateway communicates over the network, through start, clone, speech and two idle minutes.

    python benchmarks/security/network_silence.py [SAMPLE] [--idle 120]

Needs strace. Prints for each part how many name lookups the gateway and all its children made, and how many connections
or datagrams to other machines; then each such destination. Exits with 1 if there is any.

SAMPLE is a recording; by default the first of VOXPORT_SPEECH_DIR's PAIRS.tsv, else a synthetic speaker.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.raw_client import Client
from benchmarks.support import describe_machine, find_sample
from voxport.testing.network_trace import Destination, destinations, tracer, why_not_traceable
from voxport.testing.running_gateway import running_gateway

TEXT = "The gateway speaks to nobody but to whoever calls it."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample", type=Path, nargs="?", help="a recording to clone from")
    parser.add_argument("--idle", type=float, default=120.0, help="seconds without a call")
    arguments = parser.parse_args()
    reason = why_not_traceable()
    if reason is not None:
        sys.exit(reason)
    print(describe_machine())
    with tempfile.TemporaryDirectory(prefix="voxport-silence-") as name:
        folder = Path(name)
        sample, output = arguments.sample or find_sample(folder), folder / "trace"
        seen: list[Destination] = []

        def report(part: str, seconds: float) -> None:
            new = destinations(output)[len(seen) :]
            seen.extend(new)
            lookups, foreign = sum(one.is_lookup for one in new), sum(not one.is_local for one in new)
            print(f"{part:14} {seconds:6.1f} s  look-ups {lookups:3}  to other machines {foreign:3}", flush=True)

        def timed(part: str, work: Callable[[], object]) -> None:
            began = time.monotonic()
            work()
            report(part, time.monotonic() - began)

        began = time.monotonic()
        with running_gateway(folder, wrapper=tracer(output)) as live, Client(live.url, live.key) as client:
            report("start", time.monotonic() - began)
            audio_url = client.upload(sample)
            timed("clone", lambda: client.wait_for_job(client.clone(audio_url)))
            timed("instant clone", lambda: client.instant_clone(audio_url, TEXT))
            timed("speech", lambda: client.speak(TEXT, "af_heart"))
            timed("idle", lambda: time.sleep(arguments.idle))
        report("stop", 0.0)
        traced = len(output.read_text(errors="replace").splitlines())
    print(f"{traced} calls of connect, sendto, sendmsg and sendmmsg were traced")
    destinations_left = Counter(one for one in seen if one.is_lookup or not one.is_local)
    for one, count in destinations_left.most_common():
        print(f"  {count} x {one.address} port {one.port}")
    local = Counter(one for one in seen if one.is_local and not one.is_lookup)
    print(
        f"on this machine: {', '.join(f'{one.address}:{one.port} x {count}' for one, count in local.items()) or 'none'}"
    )
    return 1 if destinations_left else 0


if __name__ == "__main__":
    sys.exit(main())
