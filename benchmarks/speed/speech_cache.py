"""Measures a call that the speech cache answers beside one that is spoken, as `gateway.py` measures stacks.

    python -m benchmarks.speed.speech_cache [--runs 3] [--seconds 4] [--concurrency 1 16]

Three gateways on SQLite with the same provider, which answers at once: the cache is off; it is on and finds nothing,
since its files are too old at once; it is on and answers.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

from benchmarks.speed import gateway
from benchmarks.speed.gateway import Figures, Stack
from benchmarks.speed.peers.provider import KEY
from benchmarks.support import describe_machine

_CACHES = {
    "off": {},
    "miss": {"VOXPORT_SPEECH_CACHE": "true", "VOXPORT_SPEECH_CACHE_DAYS": "1e-9"},
    "hit": {"VOXPORT_SPEECH_CACHE": "true"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16])
    arguments = parser.parse_args()
    print(describe_machine(), flush=True)
    found: dict[tuple[str, int], Figures] = {}
    with contextlib.ExitStack() as opened, tempfile.TemporaryDirectory(prefix="voxport-cache-") as name:
        stacks = _open_stacks(opened, Path(name))
        for stack in stacks:
            gateway._measure(stack, concurrency=4, seconds=1.0, into=Figures())
        for _ in range(arguments.runs):
            for concurrency in arguments.concurrency:
                for stack in stacks:
                    figures = found.setdefault((stack.name, concurrency), Figures())
                    gateway._measure(stack, concurrency=concurrency, seconds=arguments.seconds, into=figures)
    gateway._print(gateway._rows(found))


def _open_stacks(opened: contextlib.ExitStack, folder: Path) -> list[Stack]:
    pid, port = opened.enter_context(gateway._server(folder, "provider", "benchmarks.speed.peers.provider"))
    stacks = [Stack("direct", [port], "/v1/audio/speech", {}, gateway._OPENAI, (pid,))]
    for name, cache in _CACHES.items():
        settings = {
            "VOXPORT_ELEVENLABS_API_KEY": KEY,
            "VOXPORT_ELEVENLABS_BASE_URL": f"http://127.0.0.1:{port}",
            **cache,
        }
        live = opened.enter_context(gateway._gateway(folder / name, settings))
        stacks += [
            stack for stack in gateway._voxport(live, name, (live.process.pid,), {}) if "stored mp3" in stack.name
        ]
    return stacks


if __name__ == "__main__":
    main()
