"""Base class of job handlers: what a job service declares and implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from voxport.jobs.port import Json
from voxport.jobs.run import JobRun

Step = tuple[str, Callable[[JobRun], Json]]


class JobHandler(ABC):
    """Runs the jobs of one service. A step that a kill interrupts runs again, so each step writes under names derived
    from the job. The last step completes the job and records its output in one transaction.

    The names of the service, queues, steps and stages are stored in the database: jobs of an older version use them."""

    service: str
    """Name in the catalogue and in the job rows."""
    queue: str
    """Queue of this service's jobs only. It has one partition per provider, so that jobs stuck at one provider do not
    block those of another. See docs/decisions/0054."""
    unpartitioned_queue: str | None = None
    """Queue used before 2026-12. Jobs left in it are still run."""
    concurrency: int
    """Jobs that a worker runs at once per provider."""
    time_limit: timedelta
    """Maximum processing time of a job, counted from its start."""
    stages: tuple[str, ...]
    """Stages that the steps report to the customer, in order; at most 16 characters each."""

    @abstractmethod
    def steps(self) -> Sequence[Step]: ...

    @abstractmethod
    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        """Remove the temporary data of an ended job and, unless it completed, its output. Runs again if a kill
        interrupts it."""

    def drain(self, seconds: float) -> None:  # noqa: B027  # most steps can be restarted
        """Wait up to `seconds`, before the process ends, for work that can't be restarted."""


def all_stages(handlers: Iterable[JobHandler]) -> list[str]:
    """Return the stages of the jobs of all services, including `waiting` and `done`."""
    declared = [stage for handler in handlers for stage in handler.stages]
    return list(dict.fromkeys(["waiting", *declared, "done"]))
