"""The worker process: runs queued jobs and periodic maintenance."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from prometheus_client import CollectorRegistry, ProcessCollector

import voxport
from voxport.clock import now
from voxport.gateway import ConfigError, Gateway, open_gateway
from voxport.jobs.dbos_worker import DbosWorker, lost_jobs
from voxport.jobs.models import Job
from voxport.jobs.pools import POOLS
from voxport.jobs.runner import JobRunner
from voxport.metrics.process_state import ProcessStateCollector
from voxport.settings import Settings
from voxport.storage.workdirs import sweep_work_dirs
from voxport.telemetry import metrics
from voxport.telemetry.listener import serve_metrics
from voxport.telemetry.tracing import start_tracing, stop_tracing
from voxport.webhooks.service import WAKEUP_TOPIC

# A job this old must be in the job engine's tables, because both rows are written in one transaction.
_MIN_LOST_AGE = timedelta(seconds=30)
# Less than the time that `voxport serve` gives the worker to exit.
_DRAIN_SECONDS = 12.0
_LAST_SPANS_SECONDS = 2.0
_log = logging.getLogger("voxport.worker")


def run_worker(settings: Settings, *, pools: Sequence[str] = POOLS, with_parent: bool) -> None:
    """Run the jobs of `pools` until SIGTERM or SIGINT, or, with `with_parent`, until standard input ends because the
    parent process has died."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if with_parent:
        threading.Thread(target=_wait_for_parent, args=(stopping,), daemon=True).start()
    start_tracing(
        settings.otel_endpoint,
        process="worker",
        version=voxport.__version__,
        is_propagated=settings.otel_propagate_to_providers,
    )
    gateway = open_gateway(settings.model_copy(update={"database_pool_size": settings.worker_database_pool_size}))
    runner = JobRunner(gateway.jobs, gateway.handlers, settings.job_retry_seconds)
    worker = DbosWorker(
        gateway.database,
        gateway.leases,
        runner,
        poll_seconds=settings.job_poll_seconds,
        pools=pools,
        host_folder=settings.data_dir.resolve() / "engine",
        on_wake=lambda topics: gateway.webhook_sender.wake() if topics is None or WAKEUP_TOPIC in topics else None,
    )
    _serve_metrics(gateway)
    worker.start()
    gateway.providers.start()
    gateway.webhook_sender.start()
    while not stopping.is_set():
        _run_maintenance(gateway, runner)
        stopping.wait(settings.tidy_seconds)
    _drain(gateway, runner, worker)
    # A running step can't be interrupted: it dies with the process, and runs again in another worker. The providers are
    # not closed first, because closing the engine would fail the job. The engine's process exits when its input ends.
    gateway.slots.close()
    stop_tracing(seconds=_LAST_SPANS_SECONDS)
    logging.shutdown()
    os._exit(0)


def _serve_metrics(gateway: Gateway) -> None:
    """Serve the metrics of this process, if a port is set; the API serves those of the database. Raises ConfigError."""
    settings = gateway.settings
    if settings.worker_metrics_port is None:
        return
    registry = CollectorRegistry()
    registry.register(
        ProcessStateCollector(gateway.database, gateway.providers, gateway.local.engine_state, settings.data_dir)
    )
    ProcessCollector(registry=registry)
    key = settings.admin_key.get_secret_value() if settings.admin_key is not None else None
    try:
        serve_metrics(settings.worker_metrics_host, settings.worker_metrics_port, key=key, registry=registry)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _drain(gateway: Gateway, runner: JobRunner, worker: DbosWorker) -> None:
    """Take no more jobs and hand back those that can be restarted, so that other workers continue them at once; then
    wait for the paid calls under way, and hand back the rest."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    worker.stop()
    runner.drain()
    try:
        worker.hand_back(all_jobs=False)
        for handler in gateway.handlers:
            handler.drain(deadline - time.monotonic())
        gateway.webhook_sender.stop(deadline - time.monotonic())
        worker.hand_back(all_jobs=True)
        gateway.leases.close()
    except Exception:
        # The database is away. Other workers take over when the lease has expired.
        _log.exception("the jobs could not be handed back")


def _wait_for_parent(stopping: threading.Event) -> None:
    # Not through `sys.stdin`: a thread inside it aborts an interpreter that ends, as it does without a database.
    while os.read(sys.stdin.fileno(), 1):
        pass
    stopping.set()


def _run_maintenance(gateway: Gateway, runner: JobRunner) -> None:
    """Run the maintenance tasks, which repair the leftovers of kills. A failing task does not stop the others."""
    tasks: dict[str, Callable[[], int]] = {
        "jobs_given_up": lambda: _fail_lost_jobs(gateway, runner),
        "jobs_timed_out": lambda: _time_out_jobs(gateway, runner),
        "holds_released": gateway.provider_calls.release_dead_owners,
        "intents_ended": gateway.provider_calls.sweep,
        "files_swept": gateway.media.sweep,
        "uploads_looked_at": gateway.media.sweep_uploads,
        "speech_cache_swept": gateway.speech_cache.sweep,
        "spoken_lines_swept": gateway.spoken_lines.sweep,
        "answers_swept": gateway.idempotency.sweep,
        "voices_erased": gateway.voices.sweep_deleted,
        "profiles_erased": gateway.erasure.sweep,
        "voices_kept_alive": gateway.provisioning.keep_alive,
        "writes_swept": gateway.storage.sweep_abandoned,
        "temporary_swept": sweep_work_dirs,
        # After the repairs above, so that the check does not report what they fix.
        "ledger_checks": gateway.reconciliation.check_if_due,
        "job_events_swept": gateway.jobs.sweep_events,
        "webhooks_swept": gateway.webhooks.sweep,
        "signing_secrets_swept": gateway.signing_secrets.sweep,
        "sweep_failures_swept": gateway.sweeps.sweep,
        "leases_swept": gateway.leases.sweep,
    }
    for name, task in tasks.items():
        try:
            count = task()
        except Exception:
            _log.exception("tidying up failed", extra={"task": name})
            metrics.on_maintenance_failure(name)
        else:
            if count:
                _log.info("tidied up", extra={name: count})


def _fail_lost_jobs(gateway: Gateway, runner: JobRunner) -> int:
    """Fail the jobs that the job engine will not run any more; returns how many."""
    open_jobs = {job.id: job for job in gateway.jobs.open_before(now() - _MIN_LOST_AGE)}
    lost = lost_jobs(list(open_jobs))
    return gateway.sweeps.process("lost_jobs", lost, str, lambda job_id: runner.fail_lost(open_jobs[job_id]))


def _time_out_jobs(gateway: Gateway, runner: JobRunner) -> int:
    """Fail the jobs that exceeded their time limit and whose step has not noticed; returns how many."""

    def time_out(job: Job) -> bool:
        return runner.time_out(job, lambda tx: gateway.provider_calls.mark_job_unknown(tx, job.id))

    return gateway.sweeps.process("overdue_jobs", runner.overdue(), lambda job: job.id, time_out)
