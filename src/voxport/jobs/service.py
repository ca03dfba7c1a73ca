"""Creates, changes and ends jobs: queued → processing → completed, failed or cancelled."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.money import MICRO
from voxport.billing.service import AlreadySettled, Billing
from voxport.catalog import ServiceName
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Conflict, NotFound, OutcomeUnknown, RateLimited, VoxportError
from voxport.jobs import repository
from voxport.jobs.dbos_queue import DbosQueue
from voxport.jobs.models import Job, JobEvent
from voxport.jobs.port import JobListener, JobNotActive, Json
from voxport.paging import Page, build_page, decode_cursor
from voxport.telemetry.tracing import current_traceparent

_NON_PERSONAL = frozenset({"provider", "providers", "binds"})
_RETRY_AFTER_SECONDS = 30


@dataclass(frozen=True)
class NewJob:
    """A job to queue. `amount` is the hold, in micro-tokens. `key_id` and `voice_id` are for the usage report.
    `provider` is the name of the first provider that works on it: the job waits in that one's queue partition."""

    profile_id: str
    service: str
    request: Json
    output_id: str
    amount: int
    request_id: str
    claim: Claim = NO_CLAIM
    key_id: str | None = None
    voice_id: str | None = None
    webhook_url: str | None = None
    provider: str | None = None
    billed_as: ServiceName | None = None
    """The service of the catalogue whose price is held and charged, if it is not `service`."""


class Jobs:
    """Manages jobs. `max_open`: unfinished jobs that a profile may have at once, 0 for no limit. `event_retention`: how
    long the events of an ended job are available."""

    def __init__(
        self,
        database: Database,
        billing: Billing,
        queue: DbosQueue,
        listener: JobListener,
        *,
        max_open: int,
        event_retention: timedelta,
    ) -> None:
        self._database = database
        self._billing = billing
        self._queue = queue
        self._listener = listener
        self._max_open = max_open
        self._event_retention = event_retention

    def submit(self, new: NewJob, *, in_same_tx: Callable[[Session, Job], None] | None = None) -> Job:
        """Hold the price, insert the job and queue it, in one transaction. `in_same_tx` may record or refuse in that
        transaction. Raises WebhookUrlUnusable, InsufficientCredits, RateLimited, and Conflict if another call with the
        same Idempotency-Key came first."""
        if new.webhook_url is not None:
            self._listener.require_usable(new.webhook_url)
        job_id = str(uuid.uuid4())
        with self._database.transaction() as tx:
            hold_id = self._billing.hold(
                tx,
                profile_id=new.profile_id,
                service=new.billed_as or new.service,
                amount=new.amount,
                request_id=new.request_id,
                job_id=job_id,
                key_id=new.key_id,
                voice_id=new.voice_id,
            )
            # The hold locks out the profile's other jobs until this transaction commits, so the count is exact.
            self._require_open_job_quota(tx, new.profile_id)
            job = Job(
                id=job_id,
                profile_id=new.profile_id,
                service=new.service,
                status="queued",
                stage="waiting",
                progress=0.0,
                request=new.request,
                output_id=new.output_id,
                result=None,
                error=None,
                micro_units=0,
                token_cost=0,
                hold_id=hold_id,
                request_id=new.request_id,
                traceparent=current_traceparent(),
                webhook_url=new.webhook_url,
                created_at=now(),
                started_at=None,
                finished_at=None,
            )
            tx.add(job)
            tx.flush()
            new.claim.open(tx, hold_id, job_id)
            new.claim.save(tx, job)
            _record_event(tx, job)
            self._queue.enqueue(tx, job_id, new.service, new.provider)
            if in_same_tx is not None:
                in_same_tx(tx, job)
        return job

    def get(self, profile_id: str, job_id: str) -> Job:
        with self._database.snapshot() as tx:
            job = repository.owned(tx, profile_id, job_id)
        if job is None:
            raise _not_found()
        return job

    def list(
        self, profile_id: str, *, status: str | None, service: str | None, limit: int, cursor: str | None
    ) -> Page[Job]:
        """Return a page of the profile's jobs, newest first."""
        before = decode_cursor(cursor)
        with self._database.snapshot() as tx:
            rows = repository.page(tx, profile_id, status=status, service=service, before=before, limit=limit + 1)
        return build_page(list(rows), limit, lambda job: job.sequence)

    def cancel(self, profile_id: str, job_id: str) -> Job:
        """Cancel an unfinished job and release its hold. Raises NotFound, Conflict."""
        job = self.get(profile_id, job_id)
        with self._database.transaction() as tx:
            if not self._finish(tx, job, "cancelled"):
                raise Conflict("The job is finished already and can't be cancelled.", code="job_not_cancellable")
        return self.get(profile_id, job_id)

    def cancel_all(self, profile_id: str) -> Iterator[Job]:
        """Cancel a profile's open jobs, then yield each job that still has personal data in its request or result."""
        with self._database.transaction() as tx:
            for open_job in repository.open_of(tx, profile_id):
                self._finish(tx, open_job, "cancelled")
        with self._database.snapshot() as tx:
            job_ids = list(repository.ids_of(tx, profile_id))
        for job_id in job_ids:
            job = self.find(job_id)
            if job is not None and (job.result is not None or set(job.request) - _NON_PERSONAL):
                yield job

    def redact(self, job: Job) -> None:
        """Remove a job's personal data; keeps what the ledger and the job's clean-up need."""
        request = {name: value for name, value in job.request.items() if name in _NON_PERSONAL}
        with self._database.transaction() as tx:
            repository.change(tx, job.id, expected=(job.status,), request=request, result=None, webhook_url=None)

    def find(self, job_id: str) -> Job | None:
        """Return any profile's job, for the worker."""
        with self._database.snapshot() as tx:
            return repository.by_id(tx, job_id)

    def open_before(self, moment: datetime) -> Sequence[Job]:
        """Return the unfinished jobs that were created before `moment`, for the worker."""
        with self._database.snapshot() as tx:
            return repository.open_before(tx, moment)

    def overdue(self, service: str, limit: timedelta) -> Sequence[Job]:
        """Return the jobs of a service that have been processing for longer than `limit`, for the worker."""
        with self._database.snapshot() as tx:
            return repository.processing_since(tx, service, now() - limit)

    def is_overdue(self, job: Job, limit: timedelta) -> bool:
        """Whether a job has exceeded `limit` since its first start; time in the queue does not count."""
        return job.started_at is not None and now() - job.started_at > limit

    def begin(self, job_id: str) -> tuple[Job, bool]:
        """Move a job from queued to processing, unless it is processing. Returns it, and whether it was queued. Raises
        JobNotActive, also for a job that does not exist."""
        with self._database.transaction() as tx:
            started = repository.changed(tx, job_id, expected=("queued",), status="processing", started_at=now())
            if started is not None:
                _record_event(tx, started)
                return started, True
            job = repository.by_id(tx, job_id)
        if job is None or job.status != "processing":
            raise JobNotActive(job_id)
        return job, False

    def advance(self, job_id: str, stage: str, progress: float) -> None:
        """Set stage and progress. Raises JobNotActive if the job is not being processed any more."""
        with self._database.transaction() as tx:
            if repository.enter(tx, job_id, stage, progress):
                repository.add_event(tx, job_id, status="processing", stage=stage, progress=progress, moment=now())
            elif not repository.change(tx, job_id, expected=("processing",), progress=progress):
                raise JobNotActive(job_id)

    def complete(
        self,
        job_id: str,
        hold_id: str,
        *,
        units: Decimal | Callable[[Session], Decimal],
        make_result: Callable[[Session], dict[str, Any]],
    ) -> None:
        """Call `make_result` to record the output, charge, and complete the job, in one transaction. `units` may be
        found in that transaction, before the result is made. Raises JobNotActive after a rollback."""
        with self._database.transaction() as tx:
            if not repository.change(tx, job_id, expected=("processing",), status="completed"):
                raise JobNotActive(job_id)
            charged_units = units if isinstance(units, Decimal) else units(tx)
            result = make_result(tx)
            try:
                charged = self._billing.capture(tx, hold_id, units=charged_units)
            except AlreadySettled:
                raise JobNotActive(job_id) from None
            job = repository.changed(
                tx,
                job_id,
                expected=("completed",),
                stage="done",
                progress=1.0,
                result=result,
                micro_units=int(charged_units * MICRO),
                token_cost=charged.cost,
                finished_at=now(),
            )
            if job is None:
                raise LookupError(f"job {job_id} is not there")
            _record_event(tx, job)
            self._listener.on_job_ended(tx, job)

    def fail(self, job: Job, error: VoxportError, *, is_unknown: Callable[[Session], bool] | None = None) -> bool:
        """Fail a job and release its hold; False if the job had already finished. If the outcome is unknown, the hold
        stays open and is settled once the outcome is known. `is_unknown`, called in the transaction, decides that;
        without it, an OutcomeUnknown error does."""
        with self._database.transaction() as tx:
            if not self._finish(tx, job, "failed", error=error.as_body(job.request_id), releases_hold=False):
                return False
            if not (is_unknown(tx) if is_unknown is not None else isinstance(error, OutcomeUnknown)):
                self._billing.release(tx, job.hold_id)
            return True

    def states(self, job_ids: Collection[str]) -> dict[str, tuple[str, str, float]]:
        """Return status, stage and progress of any profile's jobs, by id, for the hub."""
        with self._database.snapshot() as tx:
            return repository.states(tx, job_ids)

    def history(self, profile_id: str, job_id: str) -> tuple[Job, Sequence[JobEvent]]:
        """Return a job and its events, oldest first; the events may have been deleted. Raises NotFound."""
        with self._database.snapshot() as tx:
            job, events = repository.owned(tx, profile_id, job_id), repository.events(tx, job_id)
        if job is None:
            raise _not_found()
        return job, events

    def sweep_events(self) -> int:
        """Delete the events of jobs that ended before the retention period; returns their number."""
        with self._database.transaction() as tx:
            return repository.sweep_events(tx, now() - self._event_retention)

    def _require_open_job_quota(self, tx: Session, profile_id: str) -> None:
        if self._max_open and repository.count_open(tx, profile_id, self._max_open) >= self._max_open:
            raise RateLimited(
                f"{self._max_open:,} jobs of yours are queued or running, and no more may be. Wait for some to end, or "
                "cancel them.",
                code="too_many_open_jobs",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
                details={"limit": self._max_open},
            )

    def _finish(
        self, tx: Session, job: Job, status: str, *, error: Json | None = None, releases_hold: bool = True
    ) -> bool:
        ended = repository.changed(tx, job.id, expected=repository.OPEN, status=status, error=error, finished_at=now())
        if ended is None:
            return False
        if releases_hold:
            self._billing.release(tx, job.hold_id)
        _record_event(tx, ended)
        self._listener.on_job_ended(tx, ended)
        return True


def _record_event(tx: Session, job: Job) -> None:
    """Record the job's status and stage as an event."""
    repository.add_event(tx, job.id, status=job.status, stage=job.stage, progress=job.progress, moment=now())


def _not_found() -> NotFound:
    return NotFound("There is no such job. GET /v2/jobs lists yours.", code="job_not_found")
