"""Measures the processor time that the metrics of one call take: `.venv/bin/python benchmarks/speed/metrics_cost.py`.

A stored mp3 of a hosted provider feeds the request's counter and histogram, the provider's four instruments, the wait
for its slot, and the time of four operations of the storage. A stream feeds its time to first audio instead of these.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from voxport.metrics.traffic import RequestMetrics
from voxport.telemetry import metrics
from voxport.telemetry.observed_calls import observe_calls

_CALLS = 20_000
_ROUNDS = 5
_SCOPE = {"method": "POST", "route": type("Route", (), {"path": "/v1/proxy/core-tts"})()}


class _Storage:
    def put(self, key: str) -> None: ...


class _Observer:
    def is_failure(self, error: BaseException) -> bool:
        return True

    is_block_failure = is_failure

    def on_call_end(self, operation: str, seconds: float, *, has_failed: bool) -> None:
        metrics.on_storage_call_end(operation, seconds, has_failed=has_failed)


def main() -> None:
    registry = CollectorRegistry()
    requests = RequestMetrics(registry)
    plain = _Storage()
    observed = observe_calls(plain, frozenset({"put"}), _Observer())

    def provider() -> None:
        metrics.on_slot_wait_end("elevenlabs", 0.001)
        metrics.on_first_audio("elevenlabs", 0.2)
        metrics.on_provider_call_end("elevenlabs", "speak", 0.3, None)
        metrics.on_audio("elevenlabs", audio_seconds=3.0, provider_seconds=0.3)

    def stored() -> None:
        provider()
        for _ in range(4):
            observed.put("key")
        requests.on_request_end(_SCOPE, 200, 0.3)

    def streamed() -> None:
        provider()
        requests.on_first_audio(_SCOPE, "elevenlabs", 0.2)
        requests.on_request_end(_SCOPE, 200, 0.3)

    def free() -> None:
        requests.on_request_end(_SCOPE, 200, 0.3)

    for name, call in (("stored call", stored), ("streamed call", streamed), ("free call", free)):
        print(f"{name:<16}{_microseconds(call):6.1f} µs")
    print(f"{'scrape':<16}{_microseconds(lambda: _scrape(registry), calls=100):6.0f} µs")


def _scrape(registry: CollectorRegistry) -> Any:
    return generate_latest(registry) + generate_latest(metrics.REGISTRY)


def _microseconds(call: Callable[[], Any], calls: int = _CALLS) -> float:
    """Return the least processor time of a call over the rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(calls):
            call()
        best = min(best, time.process_time() - began)
    return best / calls * 1e6


if __name__ == "__main__":
    main()
