"""The port to the job engine: it runs a job's steps durably, and holds nothing that a customer sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from voxport.jobs.models import Job

Json = dict[str, Any]
T = TypeVar("T")


class JobQueue(Protocol):
    def enqueue(self, tx: Session, job_id: str, service: str, provider: str | None = None) -> None:
        """Queue the job in the caller's transaction: it runs when that commits, and never when it doesn't. The
        same job enqueued twice runs once. Each service has a line of its own for each provider."""

    def close(self) -> None: ...


class JobWatch(Protocol):
    """Who tells the customer's own server of a job's end."""

    def require_usable(self, url: str) -> None:
        """Raises WebhookUrlUnusable for a URL that can't be told anything."""

    def ended(self, tx: Session, job: Job) -> None:
        """The job has ended, in this transaction."""


class JobRun(Protocol):
    """What a step sees of its job."""

    @property
    def job_id(self) -> str: ...

    @property
    def profile_id(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def request(self) -> Json: ...

    @property
    def hold_id(self) -> str: ...

    def result_of(self, step: str) -> Json:
        """What an earlier step returned."""

    def advance(self, stage: str, progress: float) -> None:
        """Tell the customer how far it is. Raises JobGone where the job was cancelled, JobOverdue where its time is
        over."""

    def retried(self, work: Callable[[], T]) -> T:
        """What `work` gives: called again after a pause, a few times, where a provider was busy or not there. For work
        of which nothing was done, or paid, then."""


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


class JobGone(Exception):
    """The job is no longer being processed: it was cancelled, or finished before."""


class JobOverdue(Exception):
    """The job has been processed for longer than it may."""
