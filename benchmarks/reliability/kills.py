"""Kills the gateway with kill -9 at every database commit of a clone, an instant clone, a speech and a script, with
doubles of the hosted providers:

    python benchmarks/reliability/kills.py [--service clone] [--points 3]

A first run of each service records how often each function of each process commits. Each of these commits (up to
`--points` per function) then gets four kills: just before and just after it, of the committing process alone and of
server and worker at once. The client repeats its call with one Idempotency-Key until it gets an answer. When everything
is settled, the remains are counted. Exits with 1 if anything was lost, duplicated or left behind.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import text

from benchmarks import reports
from benchmarks.raw_client import Client
from benchmarks.reliability import backend
from benchmarks.reliability.crash_harness import SERVER, WORKER, CommitPoint, CrashableGateway
from benchmarks.reliability.database_copy import restore_database, save_database
from benchmarks.reliability.leftovers import leftovers
from benchmarks.support import describe_machine, write_speaker_wav
from voxport.billing.verify import verify
from voxport.db.session import Database
from voxport.storage.base import Storage
from voxport.storage.config import open_storage
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, MiniMaxAccount, MiniMaxDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize

KEY = "a-key-for-a-benchmark"
TEXT = "The ferry leaves the island at seven in the morning."
LINES = (TEXT, "Nobody waits for it.", "The next one is late, too.")
STOCK = {"elevenlabs": "21m00Tcm4TlvDq8ikWAM", "minimax": "English_expressive_narrator"}
SERVICES = ("clone", "instant", "speech", "stream", "speech job", "script")
# Commits of the start, of sweeps and of polls, which are not part of a call.
_UNRELATED_COMMITS = ("migrat", "create_profile", "make", "launch", "register", "upsert", "set_latest", "sweep", "tidy")
_SECONDS = 90.0

Double = ElevenLabsDouble | MiniMaxDouble


@dataclass(frozen=True)
class KillCase:
    provider: str
    service: str
    point: CommitPoint
    kills_both: bool

    def __str__(self) -> str:
        return f"{self.provider} {self.service}, {self.point}, {'both' if self.kills_both else 'it alone'}"


@dataclass(frozen=True)
class KillOutcome:
    """`charges` counts captures, `spoken` the provider's syntheses, `voices` the voices that the provider holds."""

    reached: bool
    status: str
    charges: int
    tokens: float
    held: float
    voices: int
    spoken: int
    problems: tuple[str, ...]
    orphans: tuple[str, ...]
    open_jobs: int

    def violations(self, case: KillCase) -> list[str]:
        """Return what violates the guarantees, a sentence each."""
        found = list(self.problems)
        done = self.status in ("200", "202 completed")
        # A paid part of a job that was killed is not synthesized again: the job fails, and nothing is charged.
        given_up = case.service in ("speech job", "script") and self.status == "202 failed"
        if not done and not given_up:
            found.append(f"ended with {self.status}")
        if self.charges != int(done):
            found.append(f"{self.charges} charges")
        if self.held:
            found.append(f"{self.held} held")
        if self.voices != int(case.service == "clone"):
            found.append(f"{self.voices} voices at the provider")
        # A script speaks each line once, whatever happens.
        if self.spoken > (len(LINES) if case.service == "script" else 2):
            found.append(f"spoken {self.spoken} times")
        if self.open_jobs:
            found.append(f"{self.open_jobs} jobs not ended")
        return [*found, *(f"stray file {name}" for name in self.orphans)]


class KillEnv:
    """The doubles, and a data folder whose first state is restored for each case."""

    def __init__(self, folder: Path, http_processes: int = 1) -> None:
        synthesize(TEXT, 0)
        self.folder = folder
        self.doubles: dict[str, Double] = {
            "elevenlabs": ElevenLabsDouble(ElevenLabsAccount(keys={KEY: ALL_SCOPES}, character_limit=10**9)),
            "minimax": MiniMaxDouble(MiniMaxAccount(keys={KEY})),
        }
        self._stack = ExitStack()
        urls = {name: self._stack.enter_context(serve_app(double.app)) for name, double in self.doubles.items()}
        settings = {
            "elevenlabs_api_key": KEY,
            "elevenlabs_base_url": urls["elevenlabs"],
            "minimax_api_key": KEY,
            "minimax_base_url": urls["minimax"],
            "unknown_outcome_minutes": 0.01,
            "job_poll_seconds": 0.05,
        }
        self.gateway = CrashableGateway(folder, settings, http_processes=http_processes)
        self.gateway.create()
        sample = folder / "speaker.wav"
        write_speaker_wav(sample)
        with self.gateway.running(None, kills_both=False), Client(self.gateway.url, self.gateway.key) as client:
            self.audio_url = client.upload(sample)
        self._first_files = set(self._storage().list())
        # Leave out the named pipes of killed listeners: they hold no data, and can't be copied.
        shutil.copytree(folder / "data", folder / "first", ignore=shutil.ignore_patterns("*.wakeups"))
        on_servers = backend.is_on_servers()
        self._saved = backend.SavedData(folder / "data", self.gateway.open_settings()) if on_servers else None
        if self._saved is None:
            save_database(self.gateway.open_settings().resolved_database_url)

    def close(self) -> None:
        self.gateway.close()
        self._stack.close()

    def run(self, case: KillCase) -> KillOutcome:
        double = self._begin(case.provider)
        with self.gateway.running(case.point, kills_both=case.kills_both) as died:
            status = self._call(case.provider, case.service)
            reached = died.wait(0.5)
            self._wait_until_settled(double, has_voice=case.service == "clone" and status == "202 completed")
            self._wait_until_swept()
            funds = httpx2.get(self.gateway.url + "/v2/billing/balance", headers=self._headers()).json()["data"]
        return self._outcome(double, status, reached, funds)

    def points(self, provider: str, service: str, max_cases: int) -> list[CommitPoint]:
        """Return the commits of a run without a kill."""
        self._begin(provider)
        with self.gateway.running(None, kills_both=False):
            before = {process: len(self.gateway.commits(process)) for process in (SERVER, WORKER)}
            status = self._call(provider, service)
            if status not in ("200", "202 completed"):
                raise RuntimeError(f"{provider} {service} without a kill ended with {status}")
        is_job = status.startswith("202")
        found = []
        for process in (SERVER, WORKER):
            seen = self.gateway.commits(process)
            earlier = Counter(seen[: before[process]])
            counts = Counter(seen[before[process] :])
            for label, count in counts.items():
                if any(word in label.lower() for word in _UNRELATED_COMMITS) or (process == WORKER and not is_job):
                    continue
                for nth in range(1, min(count, max_cases) + 1):
                    found += [CommitPoint(process, label, earlier[label] + nth, when) for when in ("before", "after")]
        return found

    def _begin(self, provider: str) -> Double:
        shutil.rmtree(self.folder / "data")
        shutil.copytree(self.folder / "first", self.folder / "data")
        if self._saved is not None:
            self._saved.restore()
        else:
            restore_database(self.gateway.open_settings().resolved_database_url)
        for process in (SERVER, WORKER):
            (self.folder / f"{process}.commits").unlink(missing_ok=True)
        double = self.doubles[provider]
        for voice_id in list(double.voices):
            del double.voices[voice_id]
        double.spoken.clear()
        storage = self._storage()
        for key in set(storage.list()) - self._first_files:  # those on S3: the folder is as it was
            storage.delete(key)
        return double

    def _storage(self) -> Storage:
        return open_storage(self.gateway.open_settings().storage)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.gateway.key}", "Idempotency-Key": "the-call"}

    def _call(self, provider: str, service: str) -> str:
        """Repeat the call until it is answered. Returns the status, and for a job how it ended."""
        path, body, headers = self._request(provider, service)
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            try:
                answer = httpx2.post(self.gateway.url + path, json=body, headers=headers, timeout=20)
            except httpx2.HTTPError:
                time.sleep(0.05)
                continue
            if answer.status_code == 202:
                return f"202 {self._wait(answer.json()['job']['id'], until)}"
            # A stream that broke off after its charge can't be repeated; 200 means that it was complete.
            if answer.status_code not in (409, 429, 502, 503, 504):
                return str(answer.status_code)
            time.sleep(0.1)
        return f"time-out ({answer.status_code})"

    def _request(self, provider: str, service: str) -> tuple[str, dict[str, Any], dict[str, str]]:
        headers = self._headers()
        if service == "clone":
            return "/v1/proxy/core-voice-clone", {"audioUrl": self.audio_url, "provider": provider}, headers
        if service == "instant":
            body = {"audioUrl": self.audio_url, "provider": provider, "text": TEXT}
            return "/v1/proxy/core-instant-clone-tts", body, headers
        if service == "script":
            script = [{"character": "Ana", "text": line} for line in LINES]
            cast = {"Ana": {"voice_id": STOCK[provider], "provider": provider}}
            return "/v1/proxy/core-tts-batch", {"script": script, "cast": cast, "outputs": ["lines", "srt"]}, headers
        body = {"text": TEXT, "voice_id": STOCK[provider], "provider": provider}
        if service == "stream":
            body["stream"] = True  # type: ignore[assignment]
        if service == "speech job":
            headers["Prefer"] = "respond-async"
        return "/v1/proxy/core-tts", body, headers

    def _wait(self, job_id: str, until: float) -> str:
        while time.monotonic() < until:
            try:
                job = httpx2.get(f"{self.gateway.url}/v2/jobs/{job_id}", headers=self._headers(), timeout=20).json()
            except (httpx2.HTTPError, ValueError):
                time.sleep(0.05)
                continue
            if job.get("status") in ("completed", "failed", "cancelled"):
                return str(job["status"])
            time.sleep(0.05)
        return "not ended"

    def _wait_until_settled(self, double: Double, *, has_voice: bool) -> None:
        """Wait until the worker's rounds have settled what the kill left."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            try:
                answer = httpx2.get(self.gateway.url + "/v2/billing/balance", headers=self._headers(), timeout=20)
                if answer.json()["data"]["held"] == 0 and len(double.voices) == int(has_voice):
                    return
            except (httpx2.HTTPError, ValueError, KeyError):
                pass
            time.sleep(0.1)

    def _wait_until_swept(self) -> None:
        """Wait for the worker that takes over a dead worker's job to remove its files, 15 s at most."""
        until = time.monotonic() + 15
        while self._orphans() and time.monotonic() < until:
            time.sleep(0.2)

    def _orphans(self) -> tuple[str, ...]:
        database = Database(self.gateway.open_settings().resolved_database_url)
        try:
            return tuple(leftovers(database, backend.stored_files(self.folder / "data")))
        finally:
            database.close()

    def _outcome(self, double: Double, status: str, reached: bool, funds: dict[str, float]) -> KillOutcome:
        database = Database(self.gateway.open_settings().resolved_database_url)
        try:
            problems = tuple(verify(database))
            with database.snapshot() as tx:
                charges = tx.execute(text("SELECT count(*) FROM ledger_transactions WHERE kind = 'capture'")).scalar()
                open_jobs = tx.execute(
                    text("SELECT count(*) FROM jobs WHERE status IN ('queued', 'processing')")
                ).scalar()
        finally:
            database.close()
        return KillOutcome(
            reached=reached,
            status=status,
            charges=int(charges or 0),
            tokens=round(100 - funds["credits"], 6),
            held=funds["held"],
            voices=len(double.voices),
            spoken=len(double.spoken),
            problems=problems,
            orphans=self._orphans(),
            open_jobs=int(open_jobs or 0),
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", choices=list(STOCK))
    parser.add_argument("--service", choices=SERVICES)
    parser.add_argument("--points", type=int, default=3, help="commits of one function that are tried at most")
    parser.add_argument("--most", type=int, help="only so many cases, drawn at random")
    backend.add_options(parser)
    arguments = parser.parse_args()
    print(describe_machine())
    providers = [arguments.provider] if arguments.provider else list(STOCK)
    services = [arguments.service] if arguments.service else list(SERVICES)
    with backend.placed(arguments.backend):
        outcomes = run(
            providers,
            services,
            points=arguments.points,
            max_cases=arguments.most,
            http_processes=arguments.http_processes,
            log=print,
        )
    report = summarize(outcomes, backend.in_words(arguments))
    print("\n".join(report.summary))
    if not (arguments.provider or arguments.service or arguments.most):
        reports.write(backend.report_name("kills", arguments), report)
    return 0 if report.passed else 1


def run(
    providers: Iterable[str],
    services: Iterable[str],
    *,
    points: int,
    max_cases: int | None,
    http_processes: int = 1,
    log: Callable[[str], None],
) -> list[tuple[KillCase, KillOutcome]]:
    """Run the cases; with `max_cases` only that many, drawn at random and spread over the kinds of call."""
    chance, done = random.Random(5), []
    calls = list(itertools.product(providers, services))
    if max_cases is not None:  # drawn before the commits are looked for, because that takes a run of each kind
        calls = chance.sample(calls, min(max_cases, len(calls)))
    with tempfile.TemporaryDirectory(prefix="voxport-kills-") as name:
        env = KillEnv(Path(name), http_processes)
        try:
            cases = [
                KillCase(provider, service, point, kills_both)
                for provider, service in calls
                for point in env.points(provider, service, points)
                for kills_both in (False, True)
            ]
            if max_cases is not None:
                cases = _draw(chance, cases, max_cases)
            for number, case in enumerate(cases, 1):
                outcome = env.run(case)
                done.append((case, outcome))
                wrong = outcome.violations(case)
                shown = "; ".join(wrong) or ("ok" if outcome.reached else "not reached")
                log(f"{number}/{len(cases)} {case}: {outcome.status}, spoken {outcome.spoken}: {shown}")
        finally:
            env.close()
    return done


def _draw(chance: random.Random, cases: list[KillCase], max_cases: int) -> list[KillCase]:
    """Draw `max_cases` cases, equally many of each kind of call."""
    kinds: dict[tuple[str, str], list[KillCase]] = {}
    for case in chance.sample(cases, len(cases)):
        kinds.setdefault((case.provider, case.service), []).append(case)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*kinds.values()))
    return list(itertools.islice((case for case in turns if case is not None), max_cases))


def summarize(outcomes: list[tuple[KillCase, KillOutcome]], options: str = "") -> reports.Report:
    reached = [(case, outcome) for case, outcome in outcomes if outcome.reached]
    wrong = [(case, outcome) for case, outcome in outcomes if outcome.violations(case)]

    def count(fits: Callable[[KillOutcome, KillCase], bool]) -> int:
        return sum(fits(outcome, case) for case, outcome in reached)

    rows = []
    for service in dict.fromkeys(case.service for case, _ in outcomes):
        mine = [(case, outcome) for case, outcome in reached if case.service == service]
        ends = Counter(outcome.status for _, outcome in mine)
        shown = ", ".join(f"{status}: {number}" for status, number in sorted(ends.items()))
        labels = len({(case.point.process, case.point.label) for case, _ in mine})
        rows.append((service, labels, len(mine), shown, sum(bool(one.violations(case)) for case, one in mine)))
    summary = [
        f"{len(reached)} kills at a commit ({len(outcomes) - len(reached)} chosen commits did not come in their run)",
        f"jobs lost {count(lambda one, _: one.open_jobs > 0)}, double charges {count(lambda one, _: one.charges > 1)}, "
        f"holds left open {count(lambda one, _: one.held > 0)}, ledgers that don't add up "
        f"{count(lambda one, _: bool(one.problems))}",
        f"orphan files {sum(len(one.orphans) for _, one in reached)}, orphan voices at a provider "
        f"{count(lambda one, case: one.voices > int(case.service == 'clone'))}",
        f"calls spoken twice, since the kill hit the paid call itself: "
        f"{count(lambda one, case: one.spoken == 2 and case.service != 'script')}",
    ]
    return reports.Report(
        "kill -9 at every commit" + (" on Postgres and S3" if options else ""),
        f"python benchmarks/reliability/kills.py{options}",
        passed=not wrong and bool(reached),
        summary=summary,
        columns=("service", "functions that commit", "kills", "ended", "wrong"),
        rows=rows,
    )


if __name__ == "__main__":
    sys.exit(main())
