"""Types that the job engine and the job services share: the job listener and the exceptions that stop a job."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy.orm import Session

from voxport.jobs.models import Job

Json = dict[str, Any]


class JobListener(Protocol):
    """Notifies the customer's server of a job's end."""

    def require_usable(self, url: str) -> None:
        """Raises WebhookUrlUnusable for a URL that can't receive webhooks."""

    def on_job_ended(self, tx: Session, job: Job) -> None:
        """Called in the transaction that ends the job."""


class JobNotActive(Exception):
    """The job is no longer being processed: it was cancelled or has finished."""


class JobHandedBack(BaseException):
    """This process ends, and the job continues in another worker. Not an Exception, which would fail the job."""


class JobOverdue(Exception):
    """The job has exceeded its time limit."""
