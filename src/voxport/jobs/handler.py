"""What a job service declares and implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from voxport.jobs.port import Json
from voxport.jobs.run import JobRun

Step = tuple[str, Callable[[JobRun], Json]]


class JobHandler(ABC):
    """The work of one service's jobs. A step may run twice (the one that a kill hit runs again), so each writes under
    names that follow from the job. The last step completes the job, in one transaction with what it makes.

    The names of the service, its queues, its steps and its stages are stored: jobs of an older version have them."""

    service: str
    """Its name in the catalogue and in the rows of its jobs."""
    queue: str
    """The queue of its jobs, and of no other service's. It has a partition for each provider, so that jobs that hang
    at one hold up none of another. See docs/decisions/0054."""
    unpartitioned_queue: str | None = None
    """The queue of before 2026-12. What was queued there then is still run."""
    concurrency: int
    """How many of its jobs a worker runs at once at each provider."""
    time_limit: timedelta
    """How long a job may be worked on, counted from its begin."""
    stages: tuple[str, ...]
    """What its steps report to the customer, in their order; at most 16 characters each."""

    @abstractmethod
    def steps(self) -> Sequence[Step]: ...

    @abstractmethod
    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        """The job has ended: remove what only its steps needed, and, unless it completed, what they made. Runs again
        where a kill hit it."""

    def drain(self, seconds: float) -> None:  # noqa: B027  # most steps can be begun again
        """The process is about to end: wait, for so long at most, for what can't be begun again."""


def all_stages(handlers: Iterable[JobHandler]) -> list[str]:
    """The stages of a job of any service, its wait and its end included."""
    declared = [stage for handler in handlers for stage in handler.stages]
    return list(dict.fromkeys(["waiting", *declared, "done"]))
