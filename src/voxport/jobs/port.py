"""What the job engine and the services of jobs share: the end of a job from outside, and who is told of an end."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy.orm import Session

from voxport.jobs.models import Job

Json = dict[str, Any]


class JobListener(Protocol):
    """Who tells the customer's own server of a job's end."""

    def require_usable(self, url: str) -> None:
        """Raises WebhookUrlUnusable for a URL that can't be told anything."""

    def on_job_ended(self, tx: Session, job: Job) -> None:
        """The job has ended, in this transaction."""


class JobNotActive(Exception):
    """The job is no longer being processed: it was cancelled, or finished before."""


class JobOverdue(Exception):
    """The job has been processed for longer than it may."""
