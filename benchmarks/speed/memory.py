"""Measures how much memory speech of a hosted provider takes, and whether it is freed:

    python benchmarks/speed/memory.py
    python benchmarks/speed/memory.py --only "16 calls" --rounds 5

The gateway is the real command on SQLite; the provider is a double of ElevenLabs over HTTP, in the clients' process.
Prints for the process that serves HTTP: resident memory before, at its peak during the calls (sampled every 20 ms) and
ten seconds after them, and the open files before and after. Each row has its own gateway; with `--rounds` its calls are
repeated, with a line for each round: the remaining memory must not grow with the rounds.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks.raw_client import Client
from benchmarks.reliability.kills import KEY, STOCK
from benchmarks.support import describe_machine, write_speaker_wav
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, Fault, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, running_gateway

_MIB = 2**20
_SETTLING_SECONDS = 10.0
_SENTENCE = "This is one of many sentences of a long text, and it goes on and on. "
_LONG = (_SENTENCE * 100)[:4_500]
_SHORT = "The ferry leaves the island at seven in the morning, and the whole village comes down to wave it off."
_SPEECH = "/v1/text-to-speech"
_BYTES_A_SECOND = 48_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="rows whose name holds this")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--files", action="store_true", help="list what the open files are, after the last round")
    arguments = parser.parse_args()
    print(describe_machine())
    synthesize(_SHORT, 0)
    print(f"{'calls':<38}{'before':>8}{'peak':>8}{'more':>8}{'after':>8}{'files':>12}{'seconds':>9}  answers")
    for name, calls, body, fault in _rows():
        if arguments.only is None or arguments.only in name:
            for row in measure(calls, body, fault, rounds=arguments.rounds, with_files=arguments.files):
                print(f"{name:<38}{row}", flush=True)


def _rows() -> list[tuple[str, int, dict[str, Any], Callable[[], Fault] | None]]:
    long, short = {"text": _LONG}, {"text": _SHORT}
    stream = {**short, "stream": True}

    def noise(size: int) -> Callable[[], Fault]:
        return lambda: Fault(_SPEECH, noise=size * 1_000_000 / _BYTES_A_SECOND)

    return [
        ("one call of 4,500 characters", 1, long, None),
        ("16 calls of 4,500 characters", 16, long, None),
        ("16 streams of 4,500 characters", 16, {**long, "stream": True}, None),
        ("16 instant clones of 4,500 characters", 16, {**long, "instant": True}, None),
        ("98 characters, 10 MB of noise", 1, short, noise(10)),
        ("98 characters, 40 MB of noise", 1, short, noise(40)),
        ("98 characters, 100 MB of noise", 1, short, noise(100)),
        ("98 characters, 40 MB, as a stream", 1, stream, noise(40)),
        ("98 characters, a gzip of 1 GB of zeros", 1, short, lambda: Fault(_SPEECH, gzip_bomb_bytes=10**9)),
    ]


def measure(
    calls: int, body: dict[str, Any], fault: Callable[[], Fault] | None, *, rounds: int, with_files: bool
) -> Iterator[str]:
    account = ElevenLabsAccount(
        keys={KEY: ALL_SCOPES}, character_limit=10**9, concurrency=calls, sends_concurrency=True
    )
    double = ElevenLabsDouble(account)
    with tempfile.TemporaryDirectory(prefix="voxport-memory-") as name, serve_app(double.app) as url:
        folder = Path(name)
        with running_gateway(
            folder, "--no-worker", VOXPORT_ELEVENLABS_API_KEY=KEY, VOXPORT_ELEVENLABS_BASE_URL=url
        ) as live:
            _top_up(live)
            write_speaker_wav(folder / "speaker.wav")
            _speak(live, {"text": "Hello."})  # the first call also allocates what later calls reuse
            time.sleep(1.0)
            for _ in range(rounds):
                watch = _MemoryWatcher(live.process.pid)
                if fault is not None:
                    double.faults.add(fault())
                began = time.monotonic()
                with watch, ThreadPoolExecutor(calls) as pool:
                    answers = Counter(pool.map(lambda _: _speak(live, body), range(calls)))
                took = time.monotonic() - began
                time.sleep(_SETTLING_SECONDS)
                yield watch.row(took) + "  " + ", ".join(f"{count} x {answer}" for answer, count in answers.items())
            if with_files:
                yield from _files(live.process.pid)


def _files(pid: int) -> list[str]:
    """Return the targets of a process's open files, with the count of each."""
    targets = (re.sub(r"\d+|/tmp/\S*?/", "*", str(path.readlink())) for path in Path(f"/proc/{pid}/fd").iterdir())
    return [f"{count:>4} {target}" for target, count in Counter(targets).most_common()]


def _top_up(live: LiveGateway) -> None:
    def voxport(*arguments: str) -> str:
        command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(live.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    voxport("credits", "add", voxport("profiles", "list").splitlines()[1].split()[0], "10000")


def _speak(live: LiveGateway, body: dict[str, Any]) -> str:
    path, request = "/v1/proxy/core-tts", {"voice_id": STOCK["elevenlabs"], "provider": "elevenlabs", **body}
    try:
        with live.client(timeout=900) as client:
            if request.pop("instant", False):
                del request["voice_id"]
                path, request["audioUrl"] = "/v1/proxy/core-instant-clone-tts", _upload(live)
            with client.stream("POST", path, json=request) as answer:
                for _ in answer.iter_raw():
                    pass
                return str(answer.status_code)
    except httpx2.TransportError:
        return "broken off"


def _upload(live: LiveGateway) -> str:
    """Upload a recording. Returns its URL."""
    sample = live.data_dir.parent / "speaker.wav"
    with Client(live.url, live.key) as client:
        return client.upload(sample)


class _MemoryWatcher:
    """Records the peak memory of a process during the block."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._process.memory_info().rss
        self._files = self._process.num_fds()
        self._peak = self._before
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> _MemoryWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def row(self, seconds: float) -> str:
        after, files = self._process.memory_info().rss, self._process.num_fds()
        values = (self._before, self._peak, self._peak - self._before, after)
        sizes = "".join(f"{round(value / _MIB):>8}" for value in values)
        return f"{sizes}{f'{self._files} -> {files}':>12}{seconds:>9.1f}"

    def _sample(self) -> None:
        while not self._ended.wait(0.02):
            self._peak = max(self._peak, self._process.memory_info().rss)


if __name__ == "__main__":
    main()
