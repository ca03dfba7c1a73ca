"""What a job service implements: the steps of its jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from voxport.jobs.port import Json
from voxport.jobs.run import JobRun

Step = tuple[str, Callable[[JobRun], Json]]


class JobHandler(Protocol):
    """The work of one service's jobs. A step may run twice (the one that a kill hit runs again), so each writes under
    names that follow from the job. The last step completes the job, in one transaction with what it makes."""

    @property
    def service(self) -> str: ...

    def steps(self) -> Sequence[Step]: ...

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        """The job has ended: remove what only its steps needed, and, unless it completed, what they made. Runs again
        where a kill hit it."""

    def drain(self, seconds: float) -> None:
        """The process is about to end: wait, for so long at most, for what can't be begun again."""
