"""Sends one call a hundred times with one Idempotency-Key, from clients that retry, while server and worker are killed:

    python benchmarks/reliability/duplicates.py [--sends 100] [--kills 15]

Covers core-instant-clone-tts, core-tts, its stream and its job, and core-voice-clone, with a double of ElevenLabs that
delays each response. Exits with 1 unless each call was charged once, every client got the same bytes in the end, and
the provider was called at most once more than kills interrupted the paid call itself.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import text

from benchmarks import reports
from benchmarks.raw_client import Client
from benchmarks.reliability import backend
from benchmarks.reliability.crash_harness import WORKER, CrashableGateway
from benchmarks.reliability.kills import KEY, STOCK, TEXT
from benchmarks.reliability.leftovers import leftovers
from benchmarks.support import describe_machine, write_speaker_wav
from voxport.billing.verify import verify
from voxport.db.session import Database
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize

SERVICES = ("instant", "speech", "stream", "speech job", "clone")
_LATENCY = 0.25  # seconds per request at the provider
_CLIENTS = 10
_SECONDS = 240.0
_RETRIED = (409, 429, 502, 503, 504)


@dataclass(frozen=True)
class DuplicatesOutcome:
    """`bodies` counts the different bodies that clients got in the end; `interrupted` the paid calls that a kill cut
    off."""

    service: str
    sends: int
    answered: int
    replayed: int
    attempts: int
    bodies: int
    kills: int
    interrupted: int
    charges: int
    paid_calls: int
    problems: list[str]

    @property
    def is_right(self) -> bool:
        right = self.answered == self.sends and self.bodies == 1 and self.charges == (0 if self.is_given_up else 1)
        return right and self.paid_calls <= 1 + self.interrupted and not self.problems

    @property
    def is_given_up(self) -> bool:
        """Whether the job failed because a kill hit a paid part: it may have been billed, so it is not repeated."""
        return self.service == "speech job" and self.interrupted > 0 and self.charges == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sends", type=int, default=100)
    parser.add_argument("--kills", type=int, default=15)
    backend.add_options(parser)
    arguments = parser.parse_args()
    print(describe_machine())
    with backend.placed(arguments.backend):
        processes, options = arguments.http_processes, backend.in_words(arguments)
        report = run(arguments.sends, arguments.kills, SERVICES, http_processes=processes, options=options, log=print)
    print("\n".join(report.summary))
    reports.write(backend.report_name("duplicates", arguments), report)
    return 0 if report.passed else 1


def run(
    sends: int,
    kills: int,
    services: tuple[str, ...],
    *,
    http_processes: int = 1,
    options: str = "",
    log: Callable[[str], None],
) -> reports.Report:
    synthesize(TEXT, 0)
    outcomes = []
    for service in services:
        with tempfile.TemporaryDirectory(prefix="voxport-duplicates-") as name:
            outcomes.append(_send_repeatedly(Path(name), service, sends, kills, http_processes))
            log(str(outcomes[-1]))
    columns = ("call", "sent", "attempts", "replayed", "kills", "of the paid call", "charges", "bodies", "paid calls")
    rows = [
        (
            one.service,
            one.sends,
            one.attempts,
            one.replayed,
            one.kills,
            one.interrupted,
            one.charges,
            one.bodies,
            one.paid_calls,
        )
        for one in outcomes
    ]
    return reports.Report(
        "One call sent a hundred times" + (" on Postgres and S3" if options else ""),
        f"python benchmarks/reliability/duplicates.py{options}",
        passed=all(one.is_right for one in outcomes),
        summary=[
            f"{len(outcomes)} calls sent {sends} times each, {sum(one.kills for one in outcomes)} kills: "
            f"{sum(one.charges for one in outcomes)} charges, every client ended with the same bytes: "
            f"{'yes' if all(one.bodies == 1 for one in outcomes) else 'NO'}",
            *(
                "The job's paid call was hit by a kill: it may have been billed, so it was not made again. The job "
                "failed for every client, and cost nothing."
                for one in outcomes
                if one.is_given_up
            ),
        ],
        columns=columns,
        rows=rows,
    )


def _send_repeatedly(folder: Path, service: str, sends: int, kills: int, http_processes: int) -> DuplicatesOutcome:
    account = ElevenLabsAccount(keys={KEY: ALL_SCOPES}, character_limit=10**9, latency=_LATENCY)
    double = ElevenLabsDouble(account)
    random.seed(7)
    with serve_app(double.app) as url:
        settings = {"elevenlabs_api_key": KEY, "elevenlabs_base_url": url, "unknown_outcome_minutes": 0.01}
        settings["job_poll_seconds"] = 0.05
        gateway = CrashableGateway(folder, settings, http_processes=http_processes)
        gateway.create()
        sample = folder / "speaker.wav"
        write_speaker_wav(sample)
        try:
            with gateway.running(None, kills_both=False):
                with Client(gateway.url, gateway.key) as client:
                    audio_url = client.upload(sample)
                call = _Call(gateway, service, audio_url)
                killer = threading.Thread(target=_kill, args=(gateway, kills, call.done))
                killer.start()
                with ThreadPoolExecutor(_CLIENTS) as threads:
                    bodies = list(threads.map(lambda _: call.send(), range(sends)))
                call.done.set()
                killer.join()
                _wait_until_settled(gateway)
            return _outcome(gateway, service, call, bodies, double)
        finally:
            gateway.close()


class _Call:
    """The call that many clients send."""

    def __init__(self, gateway: CrashableGateway, service: str, audio_url: str) -> None:
        self._gateway = gateway
        self._service = service
        self._headers = {"Authorization": f"Bearer {gateway.key}", "Idempotency-Key": "the-call"}
        body: dict[str, Any] = {"provider": "elevenlabs", "text": TEXT}
        self._path = "/v1/proxy/core-tts"
        if service == "clone":
            self._path, body = "/v1/proxy/core-voice-clone", {"provider": "elevenlabs", "audioUrl": audio_url}
        elif service == "instant":
            self._path, body = "/v1/proxy/core-instant-clone-tts", {**body, "audioUrl": audio_url}
        else:
            body = {**body, "voice_id": STOCK["elevenlabs"]}
        if service == "stream":
            body["stream"] = True
        if service == "speech job":
            self._headers["Prefer"] = "respond-async"
        self._body = body
        self.done = threading.Event()
        self.attempts = self.replayed = 0
        self._lock = threading.Lock()

    def send(self) -> str | None:
        """Repeat the call until it is answered. Returns a hash of the result, or None if the client gave up."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            with self._lock:
                self.attempts += 1
            with contextlib.suppress(httpx2.HTTPError):
                answer = httpx2.post(self._gateway.url + self._path, json=self._body, headers=self._headers, timeout=30)
                if answer.status_code in (200, 202):
                    with self._lock:
                        self.replayed += "Idempotent-Replayed" in answer.headers
                    return hashlib.sha256(self._content(answer, until)).hexdigest()
                if answer.status_code not in _RETRIED:
                    return f"{answer.status_code} {answer.text[:200]}"
                # A call that broke off after its charge can't be repeated: no more waiting.
                if "idempotency_consumed" in answer.text:
                    return "consumed"
            time.sleep(random.uniform(0.05, 0.3))
        return None

    def _content(self, answer: httpx2.Response, until: float) -> bytes:
        """Return the audio of the answer; for a clone job, its result."""
        if answer.status_code == 202:
            return self._wait_for_job(answer.json()["job"]["id"], until)
        if "json" not in answer.headers["Content-Type"]:
            return answer.content
        body = answer.json()
        url = body["data"].pop("url")
        audio = self._retry(lambda: httpx2.get(url, timeout=30), until)
        return audio + repr(body).encode()

    def _wait_for_job(self, job_id: str, until: float) -> bytes:
        while time.monotonic() < until:
            with contextlib.suppress(httpx2.HTTPError, ValueError):
                job = httpx2.get(f"{self._gateway.url}/v2/jobs/{job_id}", headers=self._headers, timeout=30).json()
                if job.get("status") in ("completed", "failed"):
                    return f"{job_id} {job['status']}".encode()
            time.sleep(0.1)
        return b"not ended"

    def _retry(self, get: Callable[[], httpx2.Response], until: float) -> bytes:
        while time.monotonic() < until:
            with contextlib.suppress(httpx2.HTTPError):
                answer = get()
                if answer.status_code == 200:
                    return answer.content
            time.sleep(0.05)
        return b""


def _kill(gateway: CrashableGateway, kills: int, done: threading.Event) -> None:
    """Kill a server, the worker or both in turn, at moments when a paid call is often running."""
    for number in range(kills):
        if done.wait(random.uniform(0.3, 1.5)):
            return
        server = random.choice(gateway.servers)
        gateway.kill(*((server,), (WORKER,), (server, WORKER))[number % 3])


def _wait_until_settled(gateway: CrashableGateway) -> None:
    until = time.monotonic() + 60
    headers = {"Authorization": f"Bearer {gateway.key}"}
    while time.monotonic() < until:
        with contextlib.suppress(httpx2.HTTPError, KeyError, ValueError):
            funds = httpx2.get(gateway.url + "/v2/billing/balance", headers=headers, timeout=20).json()["data"]
            if funds["held"] == 0:
                return
        time.sleep(0.2)


def _outcome(
    gateway: CrashableGateway, service: str, call: _Call, bodies: list[str | None], double: ElevenLabsDouble
) -> DuplicatesOutcome:
    database = Database(gateway.open_settings().resolved_database_url)
    try:
        problems = [*verify(database), *leftovers(database, backend.stored_files(gateway.folder / "data"))]
        with database.snapshot() as tx:
            charges = tx.execute(text("SELECT count(*) FROM ledger_transactions WHERE kind = 'capture'")).scalar() or 0
            interrupted = (
                tx.execute(text("SELECT count(*) FROM intents WHERE state IN ('lost', 'unknown')")).scalar() or 0
            )
    finally:
        database.close()
    paid_calls = (
        sum(path == "/v1/voices/add" for _, path in double.requests) if service == "clone" else len(double.spoken)
    )
    return DuplicatesOutcome(
        service=service,
        sends=len(bodies),
        answered=sum(body is not None for body in bodies),
        replayed=call.replayed,
        attempts=call.attempts,
        bodies=len(set(bodies)),
        kills=gateway.restarts,
        interrupted=interrupted,
        charges=charges,
        paid_calls=paid_calls,
        problems=problems,
    )


if __name__ == "__main__":
    sys.exit(main())
