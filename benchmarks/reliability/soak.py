"""Runs twenty minutes of mixed load, at the highest rate that the machine sustains:

    python benchmarks/reliability/soak.py [--minutes 20]

The gateway is the real command with its worker, on SQLite. The provider is a double of ElevenLabs in the clients'
process, on the same cores. The calls are drawn at random: speech as a file, a stream and a job, instant clones, clones
and the deletion of their voices, uploads, downloads, and reads of balance, ledger, jobs and voices. The rate is raised
in steps of 20 seconds as long as the 99th percentile of the short calls stays under a second and nothing fails; the
last rate that held is then kept. Exits with 1 if a call fails, or if memory or open files grow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks import reports
from benchmarks.raw_client import Client
from benchmarks.reliability.kills import KEY, STOCK, TEXT
from benchmarks.support import describe_machine, percentile, write_speaker_wav
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, running_gateway

RATES = (4, 6, 8, 10, 12, 15, 18, 22, 26, 30, 36, 42, 50)
STEP_SECONDS = 20.0
_MAX_SECONDS = 1.0  # limit for the 99th percentile of short calls
_GROWTH = 1.10
_SETTLING_SECONDS = 90.0  # from the start of the load to the first snapshot of memory
_WEIGHTS = {
    "balance": 20,
    "jobs": 12,
    "voices": 8,
    "ledger": 8,
    "speech": 22,
    "stream": 8,
    "download": 6,
    "upload": 6,
    "speech job": 5,
    "instant": 3,
    "clone": 2,
}
_SHORT = ("balance", "jobs", "ledger")


@dataclass
class MixedLoad:
    """Makes the calls, and records the seconds by kind of call and the failures. `files` sends no key, which a storage
    of its own refuses."""

    client: httpx2.AsyncClient
    files: httpx2.AsyncClient
    audio_url: str
    sample: bytes
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[str] = field(default_factory=Counter)
    urls: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(values) for values in self.seconds.values())

    async def call(self, kind: str) -> None:
        began = time.perf_counter()
        try:
            await getattr(self, kind.replace(" ", "_"))()
        except (httpx2.HTTPError, _Wrong) as error:
            self.failures[f"{kind}: {error or type(error).__name__}"[:120]] += 1
        self.seconds[kind].append(time.perf_counter() - began)

    async def balance(self) -> None:
        await self._json("GET", "/v2/billing/balance")

    async def jobs(self) -> None:
        await self._json("GET", "/v2/jobs?limit=20")

    async def voices(self) -> None:
        await self._json("GET", "/v1/proxy/core-tts-voices?cloned=true")

    async def ledger(self) -> None:
        await self._json("GET", "/v2/billing/ledger?limit=20")

    async def speech(self) -> None:
        self.urls.append((await self._json("POST", "/v1/proxy/core-tts", _speech()))["data"]["url"])
        del self.urls[:-50]

    async def stream(self) -> None:
        await self._bytes("POST", "/v1/proxy/core-tts", {**_speech(), "stream": True})

    async def download(self) -> None:
        if self.urls:
            _checked(await self.files.get(random.choice(self.urls)))

    async def upload(self) -> None:
        body = {"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"}
        slot = (await self._json("POST", "/v1/proxy/upload-media", body))["data"]
        put = await self.files.put(slot["upload_url"], content=self.sample, headers={"Content-Type": "audio/wav"})
        _checked(put)

    async def speech_job(self) -> None:
        await self._json("POST", "/v1/proxy/core-tts", _speech(), {"Prefer": "respond-async"})

    async def instant(self) -> None:
        body = {"audioUrl": self.audio_url, "text": TEXT, "provider": "elevenlabs"}
        await self._bytes("POST", "/v1/proxy/core-instant-clone-tts", body)

    async def clone(self) -> None:
        """Clone a voice, wait for the job to end, and delete the voice."""
        body = {"audioUrl": self.audio_url, "provider": "elevenlabs"}
        job_id = (await self._json("POST", "/v1/proxy/core-voice-clone", body))["job"]["id"]
        while (job := await self._json("GET", f"/v2/jobs/{job_id}"))["status"] in ("queued", "processing"):
            await asyncio.sleep(2)
        if job["status"] != "completed":
            raise _Wrong(f"{job['status']} {job.get('error')}")
        await self._json("DELETE", f"/v1/voices/{job['result_data']['voice_id']}")

    async def _json(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        return _checked(await self.client.request(method, path, json=body, headers=headers)).json()

    async def _bytes(self, method: str, path: str, body: Any = None) -> bytes:
        return _checked(await self.client.request(method, path, json=body)).content


class _Wrong(Exception):
    pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, help="calls a second, in place of the highest that holds")
    arguments = parser.parse_args()
    print(describe_machine())
    report = run(arguments.minutes, arguments.rate, log=lambda line: print(line, flush=True))
    print("\n".join(report.summary))
    reports.write("soak", report)
    return 0 if report.passed else 1


def run(minutes: float, rate: float | None, *, log: Callable[[str], None]) -> reports.Report:
    synthesize(TEXT, 0)
    double = ElevenLabsDouble(ElevenLabsAccount(keys={KEY: ALL_SCOPES}, character_limit=10**12, voice_limit=1000))
    with tempfile.TemporaryDirectory(prefix="voxport-soak-") as name, serve_app(double.app) as url:
        settings = {"VOXPORT_ELEVENLABS_API_KEY": KEY, "VOXPORT_ELEVENLABS_BASE_URL": url}
        sample = Path(name) / "speaker.wav"
        write_speaker_wav(sample)
        with running_gateway(Path(name), ready=True, **settings) as live, Client(live.url, live.key) as client:
            _top_up(live)
            audio_url = client.upload(sample)
            return asyncio.run(_soak(live, audio_url, sample.read_bytes(), minutes, rate, log))


async def _soak(
    live: LiveGateway, audio_url: str, sample: bytes, minutes: float, rate: float | None, log: Callable[[str], None]
) -> reports.Report:
    headers = {"Authorization": f"Bearer {live.key}"}
    limits = httpx2.Limits(max_connections=400, max_keepalive_connections=50)
    async with (
        httpx2.AsyncClient(base_url=live.url, headers=headers, timeout=120, limits=limits) as client,
        httpx2.AsyncClient(timeout=120, limits=limits) as files,
    ):
        if rate is None:
            rate = await _highest(lambda: MixedLoad(client, files, audio_url, sample), log)
        load = MixedLoad(client, files, audio_url, sample)
        snapshots: list[tuple[float, dict[str, tuple[float, int]]]] = []
        began = time.monotonic()

        async def take_snapshots() -> None:
            await asyncio.sleep(min(_SETTLING_SECONDS, minutes * 15))
            while True:
                snapshots.append((time.monotonic() - began, _processes(live.process.pid)))
                await asyncio.sleep(min(60.0, minutes * 10))

        watcher = asyncio.create_task(take_snapshots())
        await _drive(load, rate, minutes * 60)
        snapshots.append((time.monotonic() - began, _processes(live.process.pid)))
        watcher.cancel()
        jobs = [row["status"] for row in (await load._json("GET", "/v2/jobs?limit=100"))["data"]]
        balance = (await load._json("GET", "/v2/billing/balance"))["data"]
    return _report(load, rate, minutes, snapshots, jobs, balance)


async def _highest(new: Callable[[], MixedLoad], log: Callable[[str], None]) -> float:
    """Return the highest rate that held, in calls a second."""
    held = float(RATES[0])
    for rate in RATES:
        load = new()
        took = await _drive(load, rate, STEP_SECONDS)
        short = [second for kind in _SHORT for second in load.seconds[kind]]
        p99 = percentile(short, 99) if short else 0.0
        log(f"{rate} a second: p99 of short calls {p99:.3f} s, {sum(load.failures.values())} failed, took {took:.1f} s")
        if p99 > _MAX_SECONDS or load.failures or took > STEP_SECONDS * 1.3:
            break
        held = float(rate)
    return held


async def _drive(load: MixedLoad, rate: float, seconds: float) -> float:
    """Make `rate` calls a second at random moments, whether or not earlier calls have been answered: first one of each
    kind, then weighted at random. Returns the seconds until the last call was answered."""
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    first = random.sample(kinds, len(kinds))
    began = time.monotonic()
    at = 0.0
    running: set[asyncio.Task[None]] = set()
    while at < seconds:
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        kind = first.pop() if first else random.choices(kinds, weights)[0]
        task: asyncio.Task[None] = asyncio.create_task(_await_call(load.call(kind)))
        running.add(task)
        task.add_done_callback(running.discard)
        at += random.expovariate(rate)
    await asyncio.gather(*running)
    return time.monotonic() - began


async def _await_call(call: Awaitable[None]) -> None:
    await call


def _processes(pid: int) -> dict[str, tuple[float, int]]:
    """Return memory (unique set size, MiB) and the number of open files of the server and its descendants."""
    top = psutil.Process(pid)
    found: dict[str, tuple[float, int]] = {}
    for process in [top, *top.children(recursive=True)]:
        try:
            command = " ".join(process.cmdline())
            kind = "server" if process.pid == pid else "worker" if " worker" in command else "engine"
            memory, files = found.get(kind, (0.0, 0))
            found[kind] = (memory + process.memory_full_info().uss / 2**20, files + process.num_fds())
        except psutil.Error:
            continue
    return found


def _report(
    load: MixedLoad,
    rate: float,
    minutes: float,
    snapshots: list[tuple[float, dict[str, tuple[float, int]]]],
    jobs: list[str],
    balance: dict[str, float],
) -> reports.Report:
    first, last = (
        _medians(snapshots[: max(1, len(snapshots) // 4)]),
        _medians(snapshots[-max(1, len(snapshots) // 4) :]),
    )
    grown = [
        kind
        for kind in ("server", "worker")
        if kind in first and (last[kind][0] > first[kind][0] * _GROWTH + 5 or last[kind][1] > first[kind][1] + 10)
    ]
    short = [second for kind in _SHORT for second in load.seconds[kind]]
    failed = sum(load.failures.values())
    summary = [
        f"{load.count} calls in {minutes:g} minutes, {rate:g} a second; failed: {failed} ({failed / load.count:.2%})"
        + "".join(f"; {what}: {count}" for what, count in load.failures.most_common(5)),
        f"p99 of reading calls {percentile(short, 99) * 1000:.0f} ms, of core-tts "
        f"{percentile(load.seconds['speech'], 99) * 1000:.0f} ms",
        *(
            f"{kind}: {first[kind][0]:.0f} MiB and {first[kind][1]:.0f} open files in the first quarter, "
            f"{last[kind][0]:.0f} MiB and {last[kind][1]:.0f} in the last"
            for kind in first
        ),
        *(f"MiB of the {kind}, two minutes apart: {_memory_course(snapshots, kind)}" for kind in ("server", "worker")),
        f"of the last {len(jobs)} jobs {dict(Counter(jobs))}; held at the end {balance['held']}",
    ]
    rows: list[list[str | int | float]] = [
        [kind, len(values), *(f"{percentile(values, share) * 1000:.0f}" for share in (50, 95, 99, 100))]
        for kind, values in sorted(load.seconds.items())
    ]
    return reports.Report(
        "Soak",
        "python benchmarks/reliability/soak.py",
        passed=not failed and not grown,
        summary=summary,
        columns=("call", "count", "p50 ms", "p95 ms", "p99 ms", "longest ms"),
        rows=rows,
    )


def _memory_course(snapshots: list[tuple[float, dict[str, tuple[float, int]]]], kind: str) -> str:
    return ", ".join(f"{seen[kind][0]:.0f}" for _, seen in snapshots[::2] if kind in seen)


def _medians(snapshots: list[tuple[float, dict[str, tuple[float, int]]]]) -> dict[str, tuple[float, float]]:
    """Return the medians of memory and open files of each process."""

    def median(values: list[float]) -> float:
        return sorted(values)[len(values) // 2]

    kinds = snapshots[0][1]
    return {
        kind: (
            median([seen[kind][0] for _, seen in snapshots if kind in seen]),
            median([float(seen[kind][1]) for _, seen in snapshots if kind in seen]),
        )
        for kind in kinds
    }


def _speech() -> dict[str, Any]:
    return {"text": TEXT, "voice_id": STOCK["elevenlabs"], "provider": "elevenlabs"}


def _checked(answer: httpx2.Response) -> httpx2.Response:
    if answer.is_error:
        raise _Wrong(f"{answer.status_code} {answer.text[:80]}")
    return answer


def _top_up(live: LiveGateway) -> None:
    def voxport(*arguments: str) -> str:
        command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(live.data_dir)]
        environment = {**os.environ, **live.settings}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    voxport("credits", "add", voxport("profiles", "list").splitlines()[1].split()[0], "100000")


if __name__ == "__main__":
    sys.exit(main())
