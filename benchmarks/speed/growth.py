"""How the cost of each operation grows with the rows of the database.

    python benchmarks/speed/growth.py [--rows 10000 100000] [--database sqlite postgres] [--calls 200]

Fills a new database with completed and charged speech jobs (each a job, a hold, a ledger transaction with two entries,
five events, a file, a workflow of the job engine), a fifth of them of one large customer. Measures the operations of
that customer and of the worker's rounds. 1,000,000 rows take some minutes to insert. Exits with 1 if the ledger is not
clean.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, insert, text

from benchmarks.support import describe_machine, percentile
from tests.support.client import settings_for
from voxport.billing.usage import Period, usage
from voxport.db.session import Database
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.dbos_queue import APPLICATION, VERSION, WORKFLOW
from voxport.migrations.tables import metadata

PROFILES: Final = 100
LARGE: Final = "prof_large"
_PRICE: Final = 20_000
_BATCH: Final = 5_000
_DAYS: Final = 90
_NOW: Final = datetime.now(UTC)
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Measured:
    """Milliseconds of an operation."""

    p50: float
    p99: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--database", nargs="+", choices=["sqlite", "postgres"], default=["sqlite", "postgres"])
    parser.add_argument("--calls", type=int, default=200)
    arguments = parser.parse_args()
    print(describe_machine())
    clean = True
    for kind in arguments.database:
        results: dict[int, dict[str, Measured]] = {}
        for rows in arguments.rows:
            with _gateway(kind) as gateway:
                began = time.perf_counter()
                fill(gateway.database, rows)
                print(f"{kind}: {rows:,} jobs inserted in {time.perf_counter() - began:.1f} s", flush=True)
                results[rows] = measure(gateway, arguments.calls)
                clean &= gateway.reconciliation.verify() == []
        _print_table(kind, results)
    print("the ledger is clean" if clean else "THE LEDGER IS NOT CLEAN")
    return 0 if clean else 1


@contextlib.contextmanager
def _gateway(kind: str) -> Iterator[Gateway]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxport-growth-")))
        # The limits that are looked up in the rows, as shipped or above what is called here.
        options: dict[str, Any] = {"max_stored_bytes": 50 * 1024**3, "clones_per_hour": 1_000, "clones_per_day": 5_000}
        if kind == "postgres":
            from tests.support.postgres import running_postgres

            options["database_url"] = stack.enter_context(running_postgres()).new_database()
        gateway = open_gateway(settings_for(folder, **options))
        stack.callback(gateway.close)
        yield gateway


def fill(database: Database, count: int) -> None:
    """Insert `count` charged jobs, and the credits that paid for them."""
    balances: dict[str, int] = {}
    rows: Rows = {name: [] for name in _TABLES}
    names = [LARGE, *(f"prof_{number:03}" for number in range(1, PROFILES))]
    _insert(database, "profiles", [{"id": name, "name": name, "created_at": _moment(0, 1)} for name in names])
    for name in names:
        balances[name] = count * _PRICE
        _add_transaction(
            rows, f"led_c_{name}", name, "credit", count * _PRICE, balances[name], _moment(0, 1), None, None
        )
    for number in range(count):
        profile = LARGE if number % 5 == 0 else names[1 + number % (PROFILES - 1)]
        balances[profile] -= _PRICE
        _add_job(rows, number, profile, balances[profile], _moment(number, count))
        if len(rows["jobs"]) >= _BATCH:
            _flush(database, rows)
    rows["balances"] = [{"profile_id": name, "credits": left, "held": 0} for name, left in balances.items()]
    _flush(database, rows)
    if not database.is_sqlite:  # Postgres does so by itself; nothing does so for a gateway on SQLite
        with database.connection() as connection:
            connection.execute(text("ANALYZE"))


_TABLES: Final = (
    *("holds", "jobs", "ledger_transactions", "ledger_entries", "job_events", "media", "balances"),
    *("workflow_status", "workflow_input"),
)


def _moment(number: int, count: int) -> datetime:
    return _NOW - timedelta(days=_DAYS) * (1 - number / count)


def _add_job(rows: Rows, number: int, profile: str, balance: int, moment: datetime) -> None:
    job_id, hold_id, request_id = f"{number:08x}-0000-4000-8000-000000000000", f"hold_{number}", f"req_{number}"
    output = f"audio/tts/{number}.mp3"
    own = {"profile_id": profile, "service": "core-tts", "request_id": request_id, "created_at": moment}
    rows["holds"].append(
        {
            **own,
            **{"id": hold_id, "job_id": job_id, "owner": None, "key_id": "key_1", "voice_id": f"voice_{number % 7}"},
            **{"amount": 2 * _PRICE, "captured": _PRICE, "refunded": 0, "state": "captured", "settled_at": moment},
        }
    )
    rows["jobs"].append(
        {
            **own,
            **{"id": job_id, "status": "completed", "stage": "done", "progress": 1.0},
            **{"request": {"text": "Hello there. " * 8}, "subject": output, "result": {"url": output}, "error": None},
            **{"micro_units": 2_000_000, "token_cost": _PRICE, "hold_id": hold_id, "webhook_url": None},
            **{"started_at": moment, "finished_at": moment},
        }
    )
    _add_transaction(rows, f"led_{number}", profile, "capture", -_PRICE, balance, moment, request_id, hold_id, job_id)
    stages = (("queued", "waiting"), *(("processing", one) for one in ("waiting", "speaking", "storing")))
    rows["job_events"] += [
        {"job_id": job_id, "status": status, "stage": stage, "progress": 0.5, "created_at": moment}
        for status, stage in (*stages, ("completed", "done"))
        if (_NOW - moment).days < 8  # older ones are swept
    ]
    rows["media"].append(
        {
            **{"key": output, "profile_id": profile, "kind": "speech", "content_type": "audio/mpeg"},
            **{"size_bytes": 33_000, "reserved_bytes": 0, "created_at": moment, "uploaded_at": moment},
        }
    )
    milliseconds = int(moment.timestamp() * 1000)
    rows["workflow_status"].append(
        {
            **{"workflow_uuid": job_id, "status": "SUCCESS", "name": WORKFLOW, "queue_name": "voxport-speech-jobs"},
            **{"queue_partition_key": "local", "application_version": VERSION, "application_name": APPLICATION},
            **{"executor_id": "worker-0", "created_at": milliseconds, "updated_at": milliseconds},
            **{"completed_at": milliseconds, "output": '"done"', "recovery_attempts": 1, "priority": 0},
        }
    )
    rows["workflow_input"].append({"workflow_uuid": job_id, "inputs": json.dumps({"args": [job_id]})})


def _add_transaction(
    rows: Rows,
    ledger_id: str,
    profile: str,
    kind: str,
    tokens: int,
    balance: int,
    moment: datetime,
    request_id: str | None,
    hold_id: str | None,
    job_id: str | None = None,
) -> None:
    rows["ledger_transactions"].append(
        {
            **{"id": ledger_id, "profile_id": profile, "created_at": moment, "kind": kind, "tokens": tokens},
            **{"service": None if hold_id is None else "core-tts", "request_id": request_id, "job_id": job_id},
            **{"hold_id": hold_id, "micro_units": None if hold_id is None else 2_000_000, "balance_after": balance},
        }
    )
    counterpart = "issued" if kind == "credit" else "revenue"
    for account, amount in ((f"customer:{profile}", tokens), (counterpart, -tokens)):
        rows["ledger_entries"].append({"transaction_id": ledger_id, "account": account, "amount": amount})


def _flush(database: Database, rows: Rows) -> None:
    for name, pending in rows.items():
        if pending:
            _insert(database, name, pending)
            pending.clear()


def _insert(database: Database, name: str, rows: list[dict[str, Any]]) -> None:
    with database.connection() as connection:
        if name in metadata.tables:
            table = metadata.tables[name]
            columns = list(rows[0])
            if connection.dialect.name == "postgresql":
                _copy(connection, table, columns, rows)
            else:
                connection.execute(insert(table), rows)
            return
        prefix = "dbos." if connection.dialect.name == "postgresql" else ""
        columns = list(rows[0])
        values = ", ".join(f":{column}" for column in columns)
        connection.execute(text(f"INSERT INTO {prefix}{name} ({', '.join(columns)}) VALUES ({values})"), rows)


def _copy(connection: Any, table: Table, columns: list[str], rows: list[dict[str, Any]]) -> None:
    driver = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([json.dumps(v) if isinstance(v, dict) else v for v in (row[name] for name in columns)])


def measure(gateway: Gateway, calls: int) -> dict[str, Measured]:
    """Measure each operation, those of the worker's rounds less often."""
    few = max(5, calls // 20)
    operations = {**_customer_operations(gateway), **_billed_operations(gateway)}
    measured = {name: _timed(operation, calls) for name, operation in operations.items()}
    measured |= {name: _timed(operation, few) for name, operation in _rounds(gateway).items()}
    return measured


def _timed(operation: Callable[[], object], calls: int) -> Measured:
    operation()
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        operation()
        taken.append(1000 * (time.perf_counter() - began))
    return Measured(percentile(taken, 50), percentile(taken, 99))


def _customer_operations(gateway: Gateway) -> dict[str, Callable[[], object]]:
    database, jobs, billing = gateway.database, gateway.jobs, gateway.billing
    last_day = Period(_NOW - timedelta(days=1), None)

    def listed(**options: Any) -> Callable[[], object]:
        return lambda: jobs.list(LARGE, **{"status": None, "service": None, "limit": 50, "cursor": None, **options})

    def middle() -> object:
        first = jobs.list(LARGE, status=None, service=None, limit=500, cursor=None)
        return jobs.list(LARGE, status=None, service=None, limit=50, cursor=first.next_cursor)

    return {
        "balance": lambda: billing.read_funds(LARGE),
        "ledger page": lambda: billing.ledger(LARGE, limit=50, cursor=None),
        "cost of a request": lambda: billing.request_cost(LARGE, "req_0"),
        "job list": listed(),
        "job list, second page": middle,
        "job list, completed": listed(status="completed"),
        "job list, failed (none)": listed(status="failed"),
        "job list, of a service": listed(service="core-tts"),
        "job list, of a service (none)": listed(service="core-voice-clone"),
        "media list": lambda: gateway.media.list(LARGE, kind=None, limit=50, cursor=None),
        "media list, uploads (none)": lambda: gateway.media.list(LARGE, kind="upload", limit=50, cursor=None),
        "usage of the last day": lambda: usage(database, LARGE, group_by="service", period=last_day),
        "usage of a small customer": lambda: usage(database, "prof_001", group_by="service", period=Period()),
    }


def _billed_operations(gateway: Gateway) -> dict[str, Callable[[], object]]:
    database, billing = gateway.database, gateway.billing
    numbers = iter(range(10**9))

    def hold_and_release() -> None:
        with database.transaction() as tx:
            hold_id = billing.hold(
                tx, profile_id=LARGE, service="core-tts", amount=_PRICE, request_id=f"req_new_{next(numbers)}"
            )
        with database.transaction() as tx:
            billing.release(tx, hold_id)

    def hold_clone() -> None:
        with database.transaction() as tx:
            hold_id = billing.hold(
                tx,
                profile_id=LARGE,
                service="core-voice-clone",
                amount=_PRICE,
                request_id=f"req_new_{next(numbers)}",
            )
            billing.release(tx, hold_id)

    def quota() -> None:
        with database.transaction() as tx:
            gateway.media.require_quota(tx, LARGE, 1)

    return {
        "hold, release": hold_and_release,
        "hold of a clone, release": hold_clone,
        "quota of stored bytes": quota,
    }


def _rounds(gateway: Gateway) -> dict[str, Callable[[], object]]:
    """What the worker does every minute or two seconds, or once a day, and what an operator asks."""
    prefix = "" if gateway.database.is_sqlite else "dbos."
    pending = text(f"SELECT workflow_uuid, executor_id FROM {prefix}workflow_status WHERE status = 'PENDING'")

    def reap() -> None:
        with gateway.database.snapshot() as tx:
            tx.execute(pending).all()

    return {
        "round: dead workers": reap,
        "round: dead processes": gateway.provider_calls.release_dead_owners,
        "round: open jobs": lambda: gateway.jobs.open_before(_NOW),
        "round: overdue jobs": lambda: gateway.jobs.overdue("core-tts", timedelta(hours=6)),
        "round: files": gateway.media.sweep,
        "round: responses": gateway.idempotency.sweep,
        "round: events": gateway.jobs.sweep_events,
        "round: webhooks": gateway.webhooks.sweep,
        "metrics": lambda: _metrics(gateway.database),
        "usage of all, all time": lambda: usage(gateway.database, None, group_by="service", period=Period()),
        "usage of the large one, all time": lambda: usage(gateway.database, LARGE, group_by="day", period=Period()),
        "ledger verify": gateway.reconciliation.verify,
    }


def _metrics(database: Database) -> None:
    from voxport.metrics.repository import read_snapshot

    with database.snapshot() as tx:
        read_snapshot(tx)


def _print_table(kind: str, results: dict[int, dict[str, Measured]]) -> None:
    counts = list(results)
    print(f"\n| {kind}, ms: p50 / p99 | " + " | ".join(f"{count:,}" for count in counts) + " | p50, last : first |")
    print("|---" * (len(counts) + 2) + "|")
    for name in results[counts[0]]:
        cells = [f"{results[count][name].p50:.2f} / {results[count][name].p99:.2f}" for count in counts]
        growth = results[counts[-1]][name].p50 / max(results[counts[0]][name].p50, 0.001)
        print(f"| {name} | " + " | ".join(cells) + f" | {growth:.1f} |")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
