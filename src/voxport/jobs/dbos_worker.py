"""Runs queued jobs, checkpoints each step, and recovers the jobs of dead workers.

DBOS does not notice that a worker died. Each worker therefore leases a name; a worker that can take another's lease
knows that its owner is gone, and recovers its jobs. See docs/decisions/0002 and 0084.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from dbos import DBOS, DBOSPortableJSONSerializer, StepOptions
from dbos._queue import queue_worker_thread

from voxport.db.lease import Leases
from voxport.db.session import Database
from voxport.db.wakeups import WakeupListener
from voxport.jobs.dbos_queue import APPLICATION, VERSION, WORKFLOW, jobs_engine
from voxport.jobs.port import Json
from voxport.jobs.runner import JobRunner

# A job that has killed its worker this many times would kill the next one too.
MAX_RECOVERIES = 20
_REAP_SECONDS = 2.0
# Polling interval of an idle worker, in case a wake-up was lost.
_IDLE_SECONDS = 10.0
# How long a worker polls at the configured interval after a wake-up: another one may have held the queue's lock.
_ALERT_SECONDS = 2.0
_STRAY_ROUNDS = 5  # of _REAP_SECONDS each; a workflow that is just starting or ending is not a stray
# Steps raise only transient errors of the machine; they are retried with pauses that grow, eight minutes in all. A
# step that hangs before it fails adds its own time, up to the job's time limit.
_STEP_RETRIES: StepOptions = {"retries_allowed": True, "interval_seconds": 1.0, "backoff_rate": 1.3, "max_attempts": 20}
_log = logging.getLogger("voxport.worker")
T = TypeVar("T")


class DbosWorker:
    """Runs jobs in threads of this process until `stop`. One per process, because DBOS keeps global state."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        runner: JobRunner,
        *,
        poll_seconds: float,
        on_wake: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_wake` is called, from another thread, when the database may hold other work than jobs."""
        self._leases = leases
        self._lease = leases.acquire_own("worker", on_lost=_exit_on_lost_lease)
        self._executor_id = self._lease.name
        database.fence(self._lease)
        self._runner = runner
        self._poll_seconds = poll_seconds
        self._on_wake = on_wake
        self._listener = WakeupListener(database.url, self._wake)
        self._triggers: list[_PollTrigger] = []
        self._poll_threads: list[threading.Thread] = []
        self._running: set[str] = set()
        self._stray: dict[str, int] = {}
        self._stopping = threading.Event()
        self._reaper = threading.Thread(target=self._reap_until_stopped, name="reaper", daemon=True)
        self._dbos = DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": jobs_engine(database),
                "system_database_url": database.url,
                "run_migrations": False,
                "serializer": DBOSPortableJSONSerializer(),
                "executor_id": self._executor_id,
                "application_version": VERSION,
                "enable_otlp": False,
                "log_level": "WARNING",
            }
        )
        self._register()

    def start(self) -> None:
        _quiet_logs()
        # DBOS's own threads query the database for each queue many times a second, even when idle.
        DBOS.listen_queues([])
        self._dbos.background_thread_stop_events = events = _StopEvents()
        DBOS.launch()
        self._stop_unused_threads(events)
        DBOS.set_latest_application_version(VERSION)
        for handler in self._runner.handlers.values():
            self._poll_queue(handler.queue, handler.concurrency, is_partitioned=True)
            if handler.unpartitioned_queue is not None:
                self._poll_queue(handler.unpartitioned_queue, handler.concurrency, is_partitioned=False)
        self._listener.start()
        self._reaper.start()
        _log.info("worker started", extra={"executor": self._executor_id})

    def stop(self) -> None:
        """Take no more jobs. A running job continues from its last checkpoint once a worker starts again. The lease is
        held until the process ends, because a step may run until then."""
        self._stopping.set()
        self._listener.close()
        for trigger in self._triggers:
            trigger.stop()
        for thread in [*self._poll_threads, self._reaper]:
            thread.join(timeout=10)
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _poll_queue(self, name: str, concurrency: int, *, is_partitioned: bool) -> None:
        """Start a thread that polls a queue. At most `concurrency` jobs run at once, per provider if the queue is
        partitioned and in all if it is not."""
        # Only an older version running beside this one fills an unpartitioned queue, and it sends no wake-up.
        trigger = _PollTrigger(self._is_busy(name), is_wakeable=is_partitioned)
        queue = DBOS.register_queue(
            name,
            worker_concurrency=None if is_partitioned else concurrency,
            partition_worker_concurrency=concurrency if is_partitioned else None,
            polling_interval_sec=self._poll_seconds,
            on_conflict="always_update",
        )
        thread = threading.Thread(target=queue_worker_thread, args=(trigger, self._dbos, queue), name=name, daemon=True)
        thread.start()
        self._triggers.append(trigger)
        self._poll_threads.append(thread)

    def _is_busy(self, queue: str) -> Callable[[], bool]:
        return lambda: self._dbos._active_workflows_set.count_for_queue(queue) > 0

    def _wake(self) -> None:
        for trigger in self._triggers:
            trigger.wake()
        self._on_wake()

    def _reap_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                self._reap()
            except Exception:
                _log.exception("looking for the jobs of dead workers failed")
            self._stopping.wait(_REAP_SECONDS)

    def _reap(self) -> None:
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        self._exit_on_strays({row.workflow_id for row in pending if row.executor_id == self._executor_id})
        for owner in sorted({str(row.executor_id) for row in pending} - {self._executor_id}):
            lease = self._leases.try_take_over(owner)
            if lease is None:
                continue
            try:
                recovered = DBOS._recover_pending_workflows([owner])
                self._wake()
                _log.warning("took over from a dead worker", extra={"executor": owner, "jobs": len(recovered)})
            finally:
                lease.release()

    def _exit_on_strays(self, mine: set[str]) -> None:
        """Exit the process if workflows of this executor stay pending without running.

        A workflow whose last checkpoint could not be written (the disk was full) stays pending under a live executor,
        and DBOS never looks at it again. Only a new process recovers it."""
        self._stray = {job_id: self._stray.get(job_id, 0) + 1 for job_id in mine - self._running}
        if any(rounds >= _STRAY_ROUNDS for rounds in self._stray.values()):
            _log.critical("jobs are pending and nobody runs them: this worker ends, to be started again")
            os._exit(1)

    def _stop_unused_threads(self, events: _StopEvents) -> None:
        """Stop the DBOS threads that poll once a second for new queues, delayed workflows, timeouts and schedules.

        Voxport uses none of these: its queues have their own threads, and it ends overdue jobs itself. The thread that
        recovers this worker's earlier jobs keeps running until it is done."""
        for event in events.launch_events:
            event.set()
        self._dbos._background_jobs_stop_event.set()

    def _register(self) -> None:
        def run_job(job_id: str) -> str:
            self._running.add(job_id)
            try:
                return _run_steps(self._runner, job_id)
            finally:
                self._running.discard(job_id)

        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RECOVERIES)(run_job)


class _StopEvents(list[threading.Event]):
    """Replaces DBOS's list of the events that stop its threads.

    `launch_events` are the events that the launching thread added: those of the queue manager and the scheduler. The
    recovery of this worker's pending jobs adds its event from its own thread."""

    def __init__(self) -> None:
        super().__init__()
        self.launch_events: list[threading.Event] = []
        self._launching = threading.current_thread()

    def append(self, event: threading.Event) -> None:
        super().append(event)
        if threading.current_thread() is self._launching:
            self.launch_events.append(event)


class _PollTrigger:
    """Tells DBOS's queue thread when to poll; it takes the place of the thread's stop event.

    The thread polls at once after a wake-up, at the configured interval while jobs run (the end of one may admit the
    next), and seldom otherwise."""

    def __init__(
        self, is_busy: Callable[[], bool], *, idle_seconds: float = _IDLE_SECONDS, is_wakeable: bool = True
    ) -> None:
        self._is_busy = is_busy
        self._is_wakeable = is_wakeable
        self._idle_seconds = idle_seconds
        self._stopped = False
        self._woken = threading.Event()
        self._alert_until = time.monotonic() + _ALERT_SECONDS

    def is_set(self) -> bool:
        return self._stopped

    def wait(self, timeout: float) -> bool:
        """Wait until the next poll: `timeout` seconds if the queue is busy. Returns whether to stop."""
        is_alert = self._is_busy() or time.monotonic() < self._alert_until
        self._woken.wait(timeout if is_alert else max(timeout, self._idle_seconds))
        self._woken.clear()
        return self._stopped

    def wake(self) -> None:
        if not self._is_wakeable:
            return
        self._alert_until = time.monotonic() + _ALERT_SECONDS
        self._woken.set()

    def stop(self) -> None:
        self._stopped = True
        self._woken.set()


def _exit_on_lost_lease() -> None:
    """Exit at once: another worker runs this one's jobs, and nothing that this one still does may have an effect."""
    _log.critical("another worker has taken over from this one, which ends, to be started again")
    logging.shutdown()
    os._exit(1)


def lost_jobs(job_ids: list[str]) -> list[str]:
    """Return those of the open jobs that the engine will not run any more."""
    if not job_ids:
        return []
    rows = DBOS.list_workflows(workflow_ids=job_ids, load_input=False, load_output=False)
    alive = {row.workflow_id for row in rows if row.status in ("PENDING", "ENQUEUED", "DELAYED")}
    return [job_id for job_id in job_ids if job_id not in alive]


def _run_steps(runner: JobRunner, job_id: str) -> str:
    service = _step("begin", lambda: runner.begin(job_id))
    if service is None:
        return "nothing to do"
    results: dict[str, Json] = {}
    for name in runner.step_names(service):
        result = _step(name, lambda name=name: runner.run_step(job_id, name, results))  # type: ignore[misc]
        if result is None:
            return f"ended at {name}"
        results[name] = result
    return "done"


def _step(name: str, work: Callable[[], T]) -> T:
    return DBOS.run_step({"name": name, **_STEP_RETRIES}, work)


def _quiet_logs() -> None:
    """Route DBOS's log records through our handlers: DBOS installs a console handler of its own."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.WARNING)
