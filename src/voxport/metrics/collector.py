"""Exports the state of the gateway that all its processes share, as the database has it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from voxport.billing.money import to_tokens
from voxport.clock import now
from voxport.db.lease import Leases
from voxport.db.session import Database
from voxport.metrics import repository
from voxport.metrics.families import gauge, labelled_gauge
from voxport.metrics.repository import OPEN, MetricsSnapshot
from voxport.reconciliation.models import LedgerCheck
from voxport.reconciliation.service import Reconciliation

_CACHE_SECONDS: Final = 5.0
"""How long a reading is used again, for several Prometheus servers and for those that ask too often."""
_log = logging.getLogger("voxport.metrics")


class GatewayCollector(Collector):
    """Collects gauges that are the same in every process. The database is read at a scrape, at most once in
    `cache_seconds`."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        reconciliation: Reconciliation,
        *,
        clock: Callable[[], datetime] = now,
        cache_seconds: float = _CACHE_SECONDS,
    ) -> None:
        self._database = database
        self._leases = leases
        self._reconciliation = reconciliation
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._families: list[GaugeMetricFamily] = []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._lock:
            moment = self._clock()
            if self._read_at is None or not 0 <= (moment - self._read_at).total_seconds() < self._cache_seconds:
                self._families, self._read_at = list(self._read(moment)), moment
            return iter(self._families)

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing: the registry then does not read the database when the collector is registered."""
        return []

    def _read(self, moment: datetime) -> Iterator[GaugeMetricFamily]:
        try:
            with self._database.snapshot() as tx:
                snapshot = repository.read_snapshot(tx)
            last_check = self._reconciliation.last_check()
            workers = self._leases.held("worker_")
        except (SQLAlchemyError, OSError):
            _log.exception("the metrics lack what the database says")
            yield gauge("voxport_database_up", "Whether the database answers.", 0.0)
            return
        yield gauge("voxport_database_up", "Whether the database answers.", 1.0)
        yield gauge("voxport_workers_alive", "Worker processes that hold their lease.", float(workers))
        yield from _job_metrics(snapshot, moment)
        yield from _money_metrics(snapshot, moment)
        yield from _webhook_metrics(snapshot, moment)
        failing = {task: float(count) for task, count in snapshot.sweep_failures.items()}
        yield labelled_gauge("voxport_sweep_failures", "Items that a sweep could not finish yet.", "task", failing)
        if last_check is not None:
            yield from _ledger_check_metrics(last_check)


def _job_metrics(snapshot: MetricsSnapshot, moment: datetime) -> Iterator[GaugeMetricFamily]:
    by_status = dict.fromkeys(OPEN, 0.0)
    depth: dict[str, float] = {}
    oldest: dict[str, float] = {}
    for row in snapshot.open_jobs:
        by_status[row.status] += row.count
        if row.status == "queued":
            depth[row.service], oldest[row.service] = float(row.count), _seconds_since(row.oldest, moment)
    yield labelled_gauge("voxport_jobs_open", "Jobs that are not finished.", "status", by_status)
    yield gauge(
        "voxport_jobs_oldest_queued_seconds",
        "How long the oldest queued job has waited.",
        max(oldest.values(), default=0.0),
    )
    yield labelled_gauge("voxport_queue_depth", "Queued jobs by service.", "service", depth)
    yield labelled_gauge(
        "voxport_queue_oldest_seconds", "How long the oldest queued job of a service has waited.", "service", oldest
    )


def _money_metrics(snapshot: MetricsSnapshot, moment: datetime) -> Iterator[GaugeMetricFamily]:
    yield gauge("voxport_holds_open", "Prices that are reserved and not settled.", float(snapshot.open_holds))
    yield gauge("voxport_holds_open_tokens", "Sum of the open holds.", float(to_tokens(snapshot.open_holds_amount)))
    yield gauge(
        "voxport_holds_oldest_seconds",
        "How long the oldest open hold has been open.",
        _seconds_since(snapshot.oldest_hold, moment),
    )
    yield gauge("voxport_credits_tokens", "Credits of all profiles.", float(to_tokens(snapshot.credits)))
    yield gauge("voxport_held_tokens", "What of the credits is reserved.", float(to_tokens(snapshot.held)))


def _webhook_metrics(snapshot: MetricsSnapshot, moment: datetime) -> Iterator[GaugeMetricFamily]:
    states = {state: float(snapshot.open_webhooks.get(state, 0)) for state in ("pending", "sending")}
    yield labelled_gauge("voxport_webhooks_open", "Webhooks that wait or are being sent.", "state", states)
    yield gauge(
        "voxport_webhooks_overdue_seconds",
        "How long the webhook that is due first has been due.",
        _seconds_since(snapshot.webhook_due_at, moment),
    )


def _ledger_check_metrics(last: LedgerCheck) -> Iterator[GaugeMetricFamily]:
    yield gauge("voxport_ledger_problems", "What the last check of the ledger found.", float(last.problems))
    yield gauge(
        "voxport_ledger_check_timestamp_seconds",
        "When the ledger was checked last (Unix time).",
        last.checked_at.timestamp(),
    )
    yield gauge("voxport_ledger_check_seconds", "How long that check took.", last.seconds)


def _seconds_since(began: datetime | None, moment: datetime) -> float:
    return 0.0 if began is None else max(0.0, (moment - began).total_seconds())
