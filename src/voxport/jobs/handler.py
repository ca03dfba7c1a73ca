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
    """Beginning of the names of this service's queues, one in each pool (`pools.py`). They have one partition per
    provider, so that jobs stuck at one provider do not block those of another. See docs/decisions/0054."""
    older_queues: tuple[str, ...] = ()
    """Queues of version 0.1. Jobs left in them are still run, by the workers of both pools."""
    concurrency: int
    """Jobs that a worker runs at once per provider."""
    has_engine: bool = False
    """Whether a job at the local provider takes a whole core: then `concurrency` of these is the limit of all workers
    on a data folder together."""
    max_hosted: int | None = None
    """Jobs that all workers together run at once per hosted provider."""
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
        """Begin no more work that can't be restarted, and wait up to `seconds` for what is under way."""

    def must_finish(self, job_id: str) -> bool:
        """Whether a job is in work that can't be restarted."""
        return False


def all_stages(handlers: Iterable[JobHandler]) -> list[str]:
    """Return the stages of the jobs of all services, including `waiting` and `done`."""
    declared = [stage for handler in handlers for stage in handler.stages]
    return list(dict.fromkeys(["waiting", *declared, "done"]))
