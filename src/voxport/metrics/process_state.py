"""Exports the state of this process: its connections, its slots, and its engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from voxport.db.session import Database
from voxport.metrics.families import gauge, gauge_by, labelled_gauge
from voxport.providers.base import Circuit
from voxport.providers.registry import Registry

SpeechCalls = Mapping[str, tuple[int, int, int]]
"""Running calls, waiting calls and the limit, by provider."""


class ProcessStateCollector(Collector):
    """Collects gauges of this process. None of them asks a database or a provider. `engine_state` returns whether an
    engine is connected, and the calls there; `speech_calls` is for a process with an API."""

    def __init__(
        self,
        database: Database,
        providers: Registry,
        engine_state: Callable[[], tuple[bool, int]],
        data_dir: Path,
        *,
        speech_calls: Callable[[], SpeechCalls] | None = None,
    ) -> None:
        self._database = database
        self._providers = providers
        self._engine_state = engine_state
        self._data_dir = data_dir
        self._speech_calls = speech_calls

    def collect(self) -> Iterator[GaugeMetricFamily]:
        in_use, max_connections = self._database.pool_usage()
        yield gauge("voxport_database_pool_in_use", "Connections to the database in use.", float(in_use))
        yield gauge("voxport_database_pool_max", "Connections to the database at most.", float(max_connections))
        is_connected, engine_calls = self._engine_state()
        yield gauge(
            "voxport_engine_connected",
            "Whether this process is connected to a running engine; it leaves one that it does not need.",
            float(is_connected),
        )
        yield gauge(
            "voxport_engine_calls_open", "Calls of this process that wait or run at the engine.", float(engine_calls)
        )
        try:
            free = float(shutil.disk_usage(self._data_dir).free)
        except OSError:
            free = 0.0
        yield gauge("voxport_data_free_bytes", "Free space on the disk of the data folder.", free)
        yield self._circuits()
        yield from self._slots()
        if self._speech_calls is not None:
            yield from _speech_call_metrics(self._speech_calls())

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def _circuits(self) -> GaugeMetricFamily:
        states: dict[tuple[str, ...], float] = {}
        for provider in self._providers.all():
            found = provider.circuit()
            for one in get_args(Circuit) if found is not None else ():
                states[provider.name, one] = float(one == found)
        return gauge_by(
            "voxport_provider_circuit",
            "1 for the state of a hosted provider's circuit: open is left alone for a while.",
            ("provider", "state"),
            states,
        )

    def _slots(self) -> Iterator[GaugeMetricFamily]:
        found = {one.name: usage for one in self._providers.all() if (usage := one.slot_usage()) is not None}
        running = {name: float(usage.running) for name, usage in found.items()}
        waiting = {name: float(usage.waiting) for name, usage in found.items()}
        limits = {name: float(usage.limit) for name, usage in found.items()}
        yield labelled_gauge("voxport_provider_slots_in_use", "Paid calls that run.", "provider", running)
        yield labelled_gauge("voxport_provider_slots_waiting", "Paid calls that wait for a slot.", "provider", waiting)
        yield labelled_gauge("voxport_provider_slots_max", "Paid calls that may run at once.", "provider", limits)


def _speech_call_metrics(calls: SpeechCalls) -> Iterator[GaugeMetricFamily]:
    running = {name: float(usage[0]) for name, usage in calls.items()}
    waiting = {name: float(usage[1]) for name, usage in calls.items()}
    limits = {name: float(usage[2]) for name, usage in calls.items()}
    yield labelled_gauge("voxport_speech_calls_running", "Calls of the API that speak now.", "provider", running)
    yield labelled_gauge("voxport_speech_calls_waiting", "Calls of the API that wait.", "provider", waiting)
    yield labelled_gauge("voxport_speech_calls_max", "Calls of the API that may speak at once.", "provider", limits)
