"""Claims the jobs of one queue and starts them: in place of DBOS's own queue thread, which can't be woken, asks for
each queue's settings each time, and does not notice that a job has ended.

Uses functions of DBOS that are not public: the version is pinned to `<3.5`, and the tests of jobs fail without them.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dbos import DBOS, Queue
from dbos._core import WorkflowHandleFuture, execute_dequeued_workflow
from dbos._utils import generate_uuid
from sqlalchemy.exc import DBAPIError

# Polling interval of an idle queue, in case a wake-up was lost.
_IDLE_SECONDS: Final = 10.0
# How long a queue is polled at the busy interval after a wake-up: another worker may have had its rows locked.
_ALERT_SECONDS: Final = 2.0
# Between two polls, so that jobs that end or come one after another are claimed together.
_MIN_SECONDS: Final = 0.02
_MIN_ROOM: Final = 0.25  # share of the slots that are free when a queue with a backlog is polled again
_CLOSED_SECONDS: Final = 2.0  # between two attempts to open a gate
_log = logging.getLogger("voxport.worker")


@dataclass(frozen=True)
class ClaimLimits:
    """`per_partition`: jobs that this worker runs at once in each partition, or in all if the queue has none.
    `is_gate_open`: whether this worker may claim any. `has_shared_limit`: whether other workers' jobs count too."""

    per_partition: int
    is_partitioned: bool = True
    has_shared_limit: bool = False
    is_gate_open: Callable[[], bool] = lambda: True


class QueuePoller:
    """Polls a queue in its own thread: at once after a wake-up, and after the end of a job if others wait; at the
    interval `poll_seconds` while another worker may keep jobs from being claimed; and rarely otherwise."""

    def __init__(
        self,
        dbos: DBOS,
        queue: Queue,
        limits: ClaimLimits,
        *,
        executor_id: str,
        version: str,
        poll_seconds: float,
        on_start: Callable[[str], None],
        on_end: Callable[[str], None],
    ) -> None:
        """`on_start` is called with the id of each claimed job before it starts, `on_end` when its end is recorded or
        it could not be started."""
        self._dbos = dbos
        self._queue = queue
        self._limits = limits
        self._executor_id = executor_id
        self._version = version
        self._poll_seconds = poll_seconds
        self._on_start = on_start
        self._on_end = on_end
        self._running = Counter[str | None]()
        self._lock = threading.Lock()
        self._is_stopping = False
        self._has_backlog = False
        self._ended = 0
        self._alert_until = 0.0
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=queue.name, daemon=True)

    @property
    def name(self) -> str:
        return self._queue.name

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._alert_until = time.monotonic() + _ALERT_SECONDS
        self._woken.set()

    def stop(self) -> None:
        """Claim no more jobs."""
        self._is_stopping = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        self.wake()
        while not self._is_stopping:
            self._woken.clear()
            pause = self._poll_seconds
            try:
                pause = self._poll()
            except DBAPIError as error:
                system = self._dbos._sys_db
                if not (system.is_lock_conflict(error) or system.is_serialization_conflict(error)):
                    _log.exception("looking for jobs failed; trying again", extra={"queue": self.name})
            except Exception:
                _log.exception("looking for jobs failed; trying again", extra={"queue": self.name})
            time.sleep(_MIN_SECONDS)
            self._woken.wait(pause)

    def _poll(self) -> float:
        """Claim and start what there is room for. Returns the seconds until the next poll if nothing happens."""
        if not self._limits.is_gate_open():
            return _CLOSED_SECONDS
        ended = self._ended
        has_backlog = has_shared_wait = False
        partitions: list[str | None] = [None]
        if self._limits.is_partitioned:
            partitions = list(self._dbos._sys_db.get_queue_partitions(self.name))
            random.shuffle(partitions)
        for partition in partitions:
            room = self._limits.per_partition - self._running[partition]
            if room <= 0:
                has_backlog = True
                continue
            claimed = self._claim(partition)
            # As many as there was room for: more may wait, for the end of one of ours or, with a limit that is shared,
            # of any.
            if claimed >= room:
                has_backlog = True
            elif self._limits.has_shared_limit and self._limits.is_partitioned:
                has_shared_wait = True
        with self._lock:
            self._has_backlog = has_backlog
            if has_backlog and self._ended != ended:
                self._woken.set()
        if has_backlog or has_shared_wait or time.monotonic() < self._alert_until:
            return self._poll_seconds
        return _IDLE_SECONDS

    def _claim(self, partition: str | None) -> int:
        """Claim jobs of a partition and start them. Returns how many."""
        system, owner = self._dbos._sys_db, generate_uuid()
        running = self._running[partition]
        job_ids, _ = system.start_queued_workflows(
            self._queue,
            self._executor_id,
            self._version,
            partition,
            0 if self._limits.is_partitioned else running,
            running if self._limits.is_partitioned else 0,
            owner_xid=owner,
            is_latest_version=False,  # every job names its version
        )
        for job_id in job_ids:
            self._on_start(job_id)
        statuses: list[Any] = []
        try:
            statuses = system.get_workflow_statuses(job_ids) if job_ids else []
        finally:
            for job_id in set(job_ids) - {status["workflow_uuid"] for status in statuses}:
                self._on_end(job_id)
        for status in statuses:
            self._start(status, partition, owner)
        return len(job_ids)

    def _start(self, status: Any, partition: str | None, owner: str) -> None:
        job_id = status["workflow_uuid"]
        with self._lock:
            self._running[partition] += 1
        try:
            handle = execute_dequeued_workflow(self._dbos, status, owner)
        except Exception:
            _log.exception("a job could not be started", extra={"job_id": job_id})
            self._finish(job_id, partition)
            return
        if isinstance(handle, WorkflowHandleFuture):
            handle.future.add_done_callback(lambda _: self._finish(job_id, partition))
        else:
            self._finish(job_id, partition)

    def _finish(self, job_id: str, partition: str | None) -> None:
        self._on_end(job_id)
        with self._lock:
            self._running[partition] -= 1
            self._ended += 1
            # Several are claimed together. If no more end soon, the next poll is at the interval.
            room = self._limits.per_partition - self._running[partition]
            if self._has_backlog and room >= self._limits.per_partition * _MIN_ROOM:
                self._woken.set()
