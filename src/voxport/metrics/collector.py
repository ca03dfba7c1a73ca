"""Exports the state of the gateway as metrics, read at each scrape."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final, get_args

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from voxport.billing.money import to_tokens
from voxport.clock import now
from voxport.db.session import Database
from voxport.metrics import repository
from voxport.metrics.repository import MetricsSnapshot
from voxport.providers.base import Circuit
from voxport.providers.registry import Registry
from voxport.reconciliation.models import LedgerCheck
from voxport.reconciliation.service import Reconciliation

_OPEN: Final = ("queued", "processing")
_log = logging.getLogger("voxport.metrics")


class GatewayCollector(Collector):
    """Collects the gateway's gauges. Those from the database are the same in every HTTP process; the circuits are those
    of this process."""

    def __init__(
        self,
        database: Database,
        reconciliation: Reconciliation,
        providers: Registry,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._reconciliation = reconciliation
        self._providers = providers
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = self._read()
        yield _gauge("voxport_database_up", "Whether the database answers.", float(found is not None))
        yield self._circuits()
        if found is not None:
            snapshot, last_check = found
            yield from self._snapshot_metrics(snapshot)
            if last_check is not None:
                yield from _ledger_check_metrics(last_check)

    def _read(self) -> tuple[MetricsSnapshot, LedgerCheck | None] | None:
        try:
            with self._database.snapshot() as tx:
                snapshot = repository.read_snapshot(tx)
            return snapshot, self._reconciliation.last_check()
        except SQLAlchemyError:
            _log.exception("the metrics lack what the database says")
            return None

    def _snapshot_metrics(self, snapshot: MetricsSnapshot) -> Iterator[GaugeMetricFamily]:
        jobs = {status: float(snapshot.open_jobs.get(status, 0)) for status in _OPEN}
        yield _labelled_gauge("voxport_jobs_open", "Jobs that are not finished.", "status", jobs)
        waiting = 0.0 if snapshot.oldest_queued is None else (self._clock() - snapshot.oldest_queued).total_seconds()
        yield _gauge(
            "voxport_jobs_oldest_queued_seconds", "How long the oldest queued job has waited.", max(waiting, 0.0)
        )
        failing = {task: float(count) for task, count in snapshot.sweep_failures.items()}
        yield _labelled_gauge("voxport_sweep_failures", "Items that a sweep could not finish yet.", "task", failing)
        yield _gauge("voxport_holds_open", "Prices that are reserved and not settled.", float(snapshot.open_holds))
        yield _gauge("voxport_credits_tokens", "Credits of all profiles.", float(to_tokens(snapshot.credits)))
        yield _gauge("voxport_held_tokens", "What of the credits is reserved.", float(to_tokens(snapshot.held)))

    def _circuits(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "voxport_provider_circuit",
            "1 for the state of a hosted provider's circuit: open is left alone for a while.",
            labels=("provider", "state"),
        )
        for provider in self._providers.all():
            found = provider.circuit()
            for one in get_args(Circuit) if found is not None else ():
                family.add_metric((provider.name, one), float(one == found))
        return family


def _ledger_check_metrics(last: LedgerCheck) -> Iterator[GaugeMetricFamily]:
    yield _gauge("voxport_ledger_problems", "What the last check of the ledger found.", float(last.problems))
    yield _gauge(
        "voxport_ledger_check_timestamp_seconds",
        "When the ledger was checked last (Unix time).",
        last.checked_at.timestamp(),
    )
    yield _gauge("voxport_ledger_check_seconds", "How long that check took.", last.seconds)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _labelled_gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family
