"""Runs queued jobs, checkpoints each step, and recovers the jobs of dead workers.

DBOS does not notice that a worker died. Each worker therefore leases a name; a worker that can take another's lease
knows that its owner is gone, and recovers its jobs. See docs/decisions/0002 and 0084.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from dbos import DBOS, DBOSPortableJSONSerializer, Queue, StepOptions
from sqlalchemy import literal_column, select, update

from voxport.db.lease import Leases
from voxport.db.session import Database
from voxport.db.wakeups import ALL_TOPICS, Topics, WakeupListener, notify
from voxport.jobs.dbos_poller import ClaimLimits, QueuePoller
from voxport.jobs.dbos_queue import APPLICATION, VERSION, WORKFLOW, jobs_engine
from voxport.jobs.handler import JobHandler
from voxport.jobs.host_lock import HostLock
from voxport.jobs.models import Job
from voxport.jobs.pools import ENGINE, NETWORK, POOLS, queue_in
from voxport.jobs.port import Json
from voxport.jobs.runner import JobRunner
from voxport.retry import retry

# A job that has killed its worker this many times would kill the next one too.
MAX_RECOVERIES = 20
_REAP_SECONDS = 1.0
_STRAY_ROUNDS = 10  # of _REAP_SECONDS each; a workflow that is just starting or ending is not a stray
# Steps raise only transient errors of the machine; they are retried with pauses that grow, eight minutes in all. A
# step that hangs before it fails adds its own time, up to the job's time limit.
_STEP_RETRIES: StepOptions = {"retries_allowed": True, "interval_seconds": 1.0, "backoff_rate": 1.3, "max_attempts": 20}
_PAUSES: Final = tuple(1.3**number for number in range(19))
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
        pools: Collection[str] = POOLS,
        host_folder: Path | None = None,
        on_wake: Callable[[Topics], None] = lambda _: None,
    ) -> None:
        """Takes the jobs of `pools`. Workers with the same `host_folder` share the local engine's limits. `on_wake` is
        called, from another thread, when the database may hold other work than jobs."""
        self._database = database
        self._leases = leases
        self._lease = leases.acquire_own("worker", on_lost=_exit_on_lost_lease)
        self._executor_id = self._lease.name
        database.fence(self._lease)
        self._runner = runner
        self._poll_seconds = poll_seconds
        self._pools = pools
        self._host_folder = host_folder
        self._on_wake = on_wake
        self._listener = WakeupListener(database.url, self._wake)
        self._pollers: list[QueuePoller] = []
        self._running: set[str] = set()
        self._older: set[str] = set()
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
            for pool in self._pools:
                self._add_queue(handler, pool)
            for name in handler.older_queues:
                self._add_older_queue(name, handler.concurrency)
        for poller in self._pollers:
            poller.start()
        self._listener.start()
        self._reaper.start()
        _log.info("worker started", extra={"executor": self._executor_id, "queues": ",".join(self._pools)})

    def stop(self) -> None:
        """Take no more jobs. The lease is held until the process ends, because a step may run until then."""
        self._stopping.set()
        self._listener.close()
        for poller in self._pollers:
            poller.stop()
        self._reaper.join(timeout=10)

    def close(self) -> None:
        """Release what DBOS holds, in a process that lives on after `stop`."""
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def hand_back(self, *, all_jobs: bool) -> None:
        """Queue the jobs of this worker again, so that others continue them from their last checkpoints. Without
        `all_jobs`, those stay that are in work that can't be restarted. What this process still does with the others
        has no effect on the job engine."""
        job_ids = [one for one in list(self._running) if all_jobs or not self._runner.must_finish(one)]
        if not job_ids:
            return
        count = self._requeue(self._executor_id, job_ids, is_handed_back=True)
        _log.info("jobs were handed back", extra={"jobs": count})

    def _add_queue(self, handler: JobHandler, pool: str) -> None:
        """Poll a service's queue in a pool."""
        concurrency, max_hosted = handler.concurrency, handler.max_hosted if pool == NETWORK else None
        if max_hosted is not None:
            concurrency = min(concurrency, max_hosted)
        name = queue_in(pool, handler.queue)
        limits = ClaimLimits(concurrency, has_shared_limit=max_hosted is not None)
        if pool == ENGINE and handler.has_engine and self._host_folder is not None:
            lock = HostLock(self._host_folder / f"{handler.service}.lock")
            limits = replace(limits, is_gate_open=lock.try_acquire)
        queue = DBOS.register_queue(
            name,
            partition_worker_concurrency=concurrency,
            partition_concurrency=max_hosted,
            polling_interval_sec=self._poll_seconds,
            on_conflict="always_update",
        )
        self._pollers.append(self._poller(queue, limits, self._running.add))

    def _add_older_queue(self, name: str, concurrency: int) -> None:
        queue = DBOS.register_queue(
            name,
            worker_concurrency=concurrency,
            polling_interval_sec=self._poll_seconds,
            on_conflict="always_update",
        )
        limits = ClaimLimits(concurrency, is_partitioned=False)
        self._pollers.append(self._poller(queue, limits, self._on_start_of_older))

    def _poller(self, queue: Queue, limits: ClaimLimits, on_start: Callable[[str], None]) -> QueuePoller:
        return QueuePoller(
            self._dbos,
            queue,
            limits,
            executor_id=self._executor_id,
            version=VERSION,
            poll_seconds=self._poll_seconds,
            on_start=on_start,
            on_end=self._on_end,
        )

    def _on_start_of_older(self, job_id: str) -> None:
        self._older.add(job_id)
        self._running.add(job_id)

    def _on_end(self, job_id: str) -> None:
        self._running.discard(job_id)
        self._older.discard(job_id)

    def _wake(self, topics: Topics) -> None:
        for poller in self._pollers:
            if topics is None or poller.name in topics:
                poller.wake()
        self._on_wake(topics)

    def _reap_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                self._reap()
            except Exception:
                _log.exception("looking for the jobs of dead workers failed")
            self._stopping.wait(_REAP_SECONDS)

    def _reap(self) -> None:
        rows = self._dbos._sys_db.tables.workflow_status
        # A literal, so that the planner finds the partial index.
        query = select(rows.c.workflow_uuid, rows.c.executor_id).where(rows.c.status == literal_column("'PENDING'"))
        with self._dbos._sys_db.engine.begin() as connection:
            pending = [(str(job_id), str(owner)) for job_id, owner in connection.execute(query)]
        self._requeue_strays({job_id for job_id, owner in pending if owner == self._executor_id})
        for owner in sorted({owner for _, owner in pending} - {self._executor_id}):
            lease = self._leases.try_take_over(owner)
            if lease is None:
                continue
            with lease:
                count = self._requeue(owner)
                _log.warning("took over from a dead worker", extra={"executor": owner, "jobs": count})

    def _requeue_strays(self, mine: set[str]) -> None:
        """Queue workflows of this executor again that stay pending without running.

        The last checkpoint of such a workflow could not be written (the disk was full), or it was claimed and the
        database went away before it was started. DBOS never looks at it again."""
        self._stray = {job_id: self._stray.get(job_id, 0) + 1 for job_id in mine - self._running}
        strays = [job_id for job_id, rounds in self._stray.items() if rounds >= _STRAY_ROUNDS]
        if strays:
            count = self._requeue(self._executor_id, strays)
            _log.warning("jobs were pending and nobody ran them: they are queued again", extra={"jobs": count})

    def _requeue(self, owner: str, job_ids: list[str] | None = None, *, is_handed_back: bool = False) -> int:
        """Queue jobs of a worker again, by default all, and wake all workers; returns how many. What that worker still
        tries to write to the job engine about them is refused. One statement: DBOS's own recovery takes a transaction
        for each job."""
        rows = self._dbos._sys_db.tables.workflow_status
        which = [rows.c.status == "PENDING", rows.c.executor_id == owner]
        if job_ids is not None:
            which.append(rows.c.workflow_uuid.in_(job_ids))
        values: dict[str, Any] = {"status": "ENQUEUED", "owner_xid": None, "started_at_epoch_ms": None}
        if is_handed_back:  # no failure of the job, and so no recovery
            values["recovery_attempts"] = rows.c.recovery_attempts - 1
        with self._dbos._sys_db.engine.begin() as connection:
            count = connection.execute(update(rows).where(*which).values(**values)).rowcount
        with self._database.transaction() as tx:
            notify(tx, ALL_TOPICS)
        return count

    def _stop_unused_threads(self, events: _StopEvents) -> None:
        """Stop the DBOS threads that poll once a second for new queues, delayed workflows, timeouts and schedules.

        Voxport uses none of these: its queues have their own threads, and it ends overdue jobs itself. The thread that
        recovers this worker's earlier jobs keeps running until it is done."""
        for event in events.launch_events:
            event.set()
        self._dbos._background_jobs_stop_event.set()

    def _register(self) -> None:
        def run_job(job_id: str) -> str:
            return _run_steps(self._runner, job_id, is_older=job_id in self._older)

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


def _run_steps(runner: JobRunner, job_id: str, *, is_older: bool) -> str:
    """Run a job. Neither its begin nor its last step is checkpointed: both see by the job's row whether they have been
    done. The jobs in queues of version 0.1 have a checkpoint of their begin."""
    fresh: list[Job] = []
    if is_older:
        service = _step("begin", lambda: runner.begin(job_id))
    else:
        job = _retried(lambda: runner.begin_job(job_id))
        service = None if job is None else job.service
        fresh += [job] if job is not None else []
    if service is None:
        return "nothing to do"
    results: dict[str, Json] = {}

    def run_step(name: str) -> Json | None:
        # The row that the begin has read is good for the first attempt of the first step.
        return runner.run_step(job_id, name, results, fresh.pop() if fresh else None)

    *steps, last = runner.step_names(service)
    for name in steps:
        result = _step(name, partial(run_step, name))
        if result is None:
            return f"ended at {name}"
        results[name] = result
    return f"ended at {last}" if _retried(partial(run_step, last)) is None else "done"


def _step(name: str, work: Callable[[], T]) -> T:
    return DBOS.run_step({"name": name, **_STEP_RETRIES}, work)


def _retried(work: Callable[[], T]) -> T:
    """Run work without a checkpoint, with the retries of a step."""
    return retry(work, _PAUSES, on=Exception)


def _quiet_logs() -> None:
    """Route DBOS's log records through our handlers: DBOS installs a console handler of its own."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.WARNING)
