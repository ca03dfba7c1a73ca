"""The instruments of this process, in one registry. Names follow the Prometheus guide (base units,
`_total`, `_seconds`).

No label holds anything that a client chooses: providers are those installed, services and steps those declared, error
codes those of the classes in `voxport.errors`. docs/operating.md explains each metric.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY: Final = CollectorRegistry()

LONG_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds, for what takes milliseconds to minutes: requests, calls of providers, steps of jobs."""
_SHORT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
"""Seconds, for storage."""
FIRST_AUDIO_BUCKETS: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_RATIO_BUCKETS: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 4.0)

_provider_calls = Histogram(
    "voxport_provider_call_duration_seconds",
    "Calls of providers, without the time in which the caller consumed the audio.",
    ("provider", "operation"),
    buckets=LONG_BUCKETS,
    registry=REGISTRY,
)
_provider_errors = Counter(
    "voxport_provider_errors",
    "Calls of providers that failed, by the code of the error.",
    ("provider", "operation", "code"),
    registry=REGISTRY,
)
_provider_first_audio = Histogram(
    "voxport_provider_first_audio_seconds",
    "From the call of a provider to its first audio.",
    ("provider",),
    buckets=FIRST_AUDIO_BUCKETS,
    registry=REGISTRY,
)
_provider_slot_wait = Histogram(
    "voxport_provider_slot_wait_seconds",
    "How long calls waited for a slot of a hosted provider.",
    ("provider",),
    buckets=LONG_BUCKETS,
    registry=REGISTRY,
)
_audio_seconds = Counter(
    "voxport_audio_seconds", "Seconds of audio that providers made.", ("provider",), registry=REGISTRY
)
_real_time_factor = Histogram(
    "voxport_provider_real_time_factor",
    "Seconds that a provider took for a second of audio, by utterance.",
    ("provider",),
    buckets=_RATIO_BUCKETS,
    registry=REGISTRY,
)
_engine_queue = Histogram(
    "voxport_engine_queue_seconds",
    "How long calls waited for their turn at the local engine.",
    ("call",),
    buckets=LONG_BUCKETS,
    registry=REGISTRY,
)
_engine_calls = Histogram(
    "voxport_engine_call_duration_seconds",
    "Service time of calls of the local engine, without their wait.",
    ("call",),
    buckets=LONG_BUCKETS,
    registry=REGISTRY,
)
_engine_errors = Counter(
    "voxport_engine_errors", "Calls of the local engine that failed.", ("call",), registry=REGISTRY
)
_engine_real_time_factor = Histogram(
    "voxport_engine_real_time_factor",
    "Service seconds of the local engine for a second of audio, by chunk.",
    buckets=_RATIO_BUCKETS,
    registry=REGISTRY,
)
_job_queue = Histogram(
    "voxport_job_queue_seconds",
    "How long jobs waited until a worker began them.",
    ("service",),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0),
    registry=REGISTRY,
)
_job_steps = Histogram(
    "voxport_job_step_duration_seconds",
    "Steps of jobs by how they ended: completed; ended, when the job failed or was cancelled; or interrupted, when the "
    "step is run again.",
    ("service", "step", "outcome"),
    buckets=LONG_BUCKETS,
    registry=REGISTRY,
)
_webhook_attempts = Histogram(
    "voxport_webhook_attempt_duration_seconds",
    "Attempts to deliver webhooks: delivered, refused (any status but 2xx), or unreachable.",
    ("outcome",),
    buckets=LONG_BUCKETS,
    registry=REGISTRY,
)
_storage_calls = Histogram(
    "voxport_storage_operation_duration_seconds",
    "Operations of the storage.",
    ("operation",),
    buckets=_SHORT_BUCKETS,
    registry=REGISTRY,
)
_storage_errors = Counter(
    "voxport_storage_errors",
    "Operations of the storage that failed; a file that is not there is no failure.",
    ("operation",),
    registry=REGISTRY,
)
_speech_cache_lookups = Counter(
    "voxport_speech_cache_lookups",
    "Calls that could have been answered from the speech cache: hit or miss.",
    ("outcome",),
    registry=REGISTRY,
)
_maintenance_failures = Counter(
    "voxport_maintenance_failures", "Periodic tasks of a worker that failed.", ("task",), registry=REGISTRY
)


def on_provider_call_end(provider: str, operation: str, seconds: float, error_code: str | None) -> None:
    """Record a call of a provider. `operation` is `speak`, `clone`, `instant_clone`, or `request`, a free one."""
    _provider_calls.labels(provider, operation).observe(seconds)
    if error_code is not None:
        _provider_errors.labels(provider, operation, error_code).inc()


def on_first_audio(provider: str, seconds: float) -> None:
    _provider_first_audio.labels(provider).observe(seconds)


def on_audio(provider: str, *, audio_seconds: float, provider_seconds: float) -> None:
    """Record the audio of one utterance, and how long the provider took for it."""
    if audio_seconds > 0:
        _audio_seconds.labels(provider).inc(audio_seconds)
        _real_time_factor.labels(provider).observe(provider_seconds / audio_seconds)


def on_slot_wait_end(provider: str, seconds: float) -> None:
    _provider_slot_wait.labels(provider).observe(seconds)


def on_engine_call_end(
    call: str, *, queue_seconds: float, seconds: float, audio_seconds: float = 0.0, has_failed: bool = False
) -> None:
    """Record a call of the local engine: its wait, its service time, and the audio that it made."""
    _engine_queue.labels(call).observe(queue_seconds)
    _engine_calls.labels(call).observe(seconds)
    if has_failed:
        _engine_errors.labels(call).inc()
    if audio_seconds > 0:
        _engine_real_time_factor.observe(seconds / audio_seconds)


def on_job_begin(service: str, queue_seconds: float) -> None:
    _job_queue.labels(service).observe(max(0.0, queue_seconds))


def on_job_step_end(service: str, step: str, outcome: str, seconds: float) -> None:
    """Record a step. `outcome` is `completed`, `ended` or `interrupted`."""
    _job_steps.labels(service, step, outcome).observe(seconds)


def on_webhook_attempt(status: int | None, seconds: float) -> None:
    """Record an attempt, with the receiver's status or None if it did not answer."""
    outcome = "unreachable" if status is None else "delivered" if 200 <= status < 300 else "refused"
    _webhook_attempts.labels(outcome).observe(seconds)


def on_storage_call_end(operation: str, seconds: float, *, has_failed: bool) -> None:
    _storage_calls.labels(operation).observe(seconds)
    if has_failed:
        _storage_errors.labels(operation).inc()


def declare_storage_operations(operations: Iterable[str]) -> None:
    """Show these operations with 0 errors, so that an alert on the increase sees the first one."""
    for operation in operations:
        _storage_errors.labels(operation)


def on_speech_cache_lookup(*, is_hit: bool) -> None:
    _speech_cache_lookups.labels("hit" if is_hit else "miss").inc()


def on_maintenance_failure(task: str) -> None:
    _maintenance_failures.labels(task).inc()
