"""What is meant to be paid for at a hosted provider, and what becomes of it when nobody can tell.

A row is written before each paid call and removed with its good end. Where a process dies in between, or an answer is
lost, the row says what may have happened: a voice that was being made is removed at the provider, and a hold whose
work may have been done is kept for a while, then given back to the customer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from sqlalchemy.orm import Session

from voxport.billing.held_calls import HeldCalls
from voxport.billing.service import Billing
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import OutcomeUnknown, ProviderBusy, ProviderTimeout, ProviderUnavailable
from voxport.ids import new_id
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.provider_calls import repository
from voxport.provider_calls.drain import PaidPartTracker
from voxport.provider_calls.models import ProviderCall
from voxport.providers.base import Provider
from voxport.providers.registry import Registry
from voxport.sweeps.service import Sweeps

Kind = Literal["clone", "binding", "instant", "rebuild", "room", "speech"]

_VOICE_KINDS: Final = ("clone", "binding", "instant", "rebuild", "room")
"""Kinds behind which a voice may be left at the provider."""
_SETTLE_TIME: Final = timedelta(minutes=20)
"""After which a voice whose making was begun is there or will never be: providers take ten seconds, and an adapter's
time-outs, looks and second try end before."""
_log = logging.getLogger("voxport.provider_calls")


@dataclass(frozen=True)
class NewCall:
    """An intent to be written. `voice_id`: see the table."""

    kind: Kind
    provider: str
    voice_id: str
    profile_id: str
    hold_id: str | None = None
    job_id: str | None = None


class ProviderCalls:
    """`release_after`: how long the hold of a call whose outcome is not known is kept."""

    def __init__(
        self,
        database: Database,
        billing: Billing,
        calls: HeldCalls,
        jobs: Jobs,
        providers: Registry,
        *,
        release_after: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._billing = billing
        self._calls = calls
        self._jobs = jobs
        self._providers = providers
        self._release_after = release_after
        self._clock = clock
        self._paid_parts = PaidPartTracker()
        self._sweeps = Sweeps(database, clock=clock)

    # One call of a customer's (`call_journal.py`)

    def open(self, tx: Session, new: NewCall, *, state: str = "open") -> str:
        """Write an intent down; its id. Of a call, it belongs to this process."""
        call = ProviderCall(
            id=new_id("int"),
            kind=new.kind,
            provider=new.provider,
            voice_id=new.voice_id,
            profile_id=new.profile_id,
            hold_id=new.hold_id,
            job_id=new.job_id,
            owner=self._calls.owner if new.job_id is None else None,
            part=0,
            state=state,
            released=0,
            created_at=self._clock(),
            changed_at=self._clock(),
        )
        tx.add(call)
        tx.flush()
        return call.id

    def begin(self, new: NewCall) -> str:
        with self._database.transaction() as tx:
            return self.open(tx, new)

    def finish(self, tx: Session, call_id: str) -> None:
        """It came to its end, and nothing is left of it."""
        repository.remove(tx, call_id)

    def abandon(self, call_id: str, *, is_removed: bool = False) -> None:
        """It came to nothing; a voice that it may have made is to be removed, unless it is already."""
        with self._database.transaction() as tx:
            if is_removed:
                repository.remove(tx, call_id)
            else:
                self._mark_removing(tx, call_id)

    def mark_unknown(self, call_id: str) -> None:
        """Nobody knows what became of it. Its hold, if it has one, is kept."""
        with self._database.transaction() as tx:
            self._mark_unknown(tx, call_id)

    def voices_in_use(self, tx: Session, provider: str) -> set[str]:
        """The voices that are being spoken with at a provider."""
        return repository.in_use(tx, provider, "speech")

    def voices_being_made(self, tx: Session, provider: str) -> set[str]:
        """The voices that are being made at a provider, by the names that they are made under; a temporary one is among
        them until its call ends."""
        return repository.in_use(tx, provider, "clone", "binding", "instant", "rebuild")

    # Of a job

    def begin_job(self, run: JobRun, kind: Kind, provider: Provider, voice_id: str) -> None:
        """Written once for a job and a hosted provider, however often the step runs. Raises OutcomeUnknown where an
        earlier run ended so, ProviderUnavailable where one gave this provider up: what it may have made is being
        removed."""
        if not provider.capabilities().is_hosted:
            return
        name = provider.name
        with self._database.transaction() as tx:
            found = [one for one in repository.for_job(tx, run.job_id) if one.provider == name]
            if any(one.state == "unknown" for one in found):
                raise _unknown_error(name)
            if any(one.state == "removing" for one in found):
                raise ProviderUnavailable(f"The provider {name} failed. Nothing was charged; try again.")
            if not found:
                self.open(tx, NewCall(kind, name, voice_id, run.profile_id, run.hold_id, run.job_id))

    @contextmanager
    def part(self, run: JobRun, provider: Provider, voice_id: str, number: int) -> Iterator[None]:
        """The speaking of the next piece of a job's speech, which at a hosted provider is a paid call. Raises
        OutcomeUnknown where it ends so, or was begun before by a process that died; after any other end than
        ProviderBusy or ProviderUnavailable it is not begun again."""
        is_hosted = provider.capabilities().is_hosted
        try:
            with self._paid_parts.track() if is_hosted else nullcontext():
                if is_hosted:
                    self._begin_part(run, provider.name, voice_id, number)
                yield
        except OutcomeUnknown as unknown:
            raise self.record_unknown_job(run.job_id, unknown) from unknown
        except (ProviderBusy, ProviderUnavailable):
            if is_hosted:
                self._part_refused(run.job_id)
            raise

    def drain(self, seconds: float) -> None:
        """Let no part that is paid for begin any more, and wait for those that are under way, for so long at most."""
        self._paid_parts.drain(seconds)

    def _begin_part(self, run: JobRun, provider: str, voice_id: str, part: int) -> None:
        """The next piece of a job's speech. Raises OutcomeUnknown where this piece was begun before, by a process that
        died: it may have been spoken, and billed."""
        with self._database.transaction() as tx:
            found = repository.for_job(tx, run.job_id)
            if any(one.state == "unknown" or one.part >= part for one in found):
                raise _unknown_error(provider)
            for one in found:
                repository.change(tx, one.id, expected=("open",), part=part, changed_at=self._clock())
            if not found:
                call_id = self.open(tx, NewCall("speech", provider, voice_id, run.profile_id, run.hold_id, run.job_id))
                repository.change(tx, call_id, expected=("open",), part=part)

    def _part_refused(self, job_id: str) -> None:
        """The piece that was begun last was not spoken, and the provider said so: it may be begun again."""
        with self._database.transaction() as tx:
            for one in repository.for_job(tx, job_id):
                repository.change(tx, one.id, expected=("open",), part=one.part - 1)

    def mark_job_unknown(self, tx: Session, job_id: str) -> bool:
        """The job ends while a paid call of it may be under way: whether there is one. Its intent settles the hold."""
        for one in repository.for_job(tx, job_id):
            self._mark_unknown(tx, one.id)
        return any(one.state == "unknown" for one in repository.for_job(tx, job_id))

    def finish_job(self, tx: Session, job_id: str, provider: str) -> None:
        """The job's work was done at this provider; what was begun at another came to nothing."""
        for one in repository.for_job(tx, job_id):
            if one.provider == provider and one.state == "open":
                repository.remove(tx, one.id)
            else:
                self._mark_removing(tx, one.id)

    def abandon_job(self, job_id: str) -> None:
        """The job has ended: what is still open of it came to nothing."""
        with self._database.transaction() as tx:
            for one in repository.for_job(tx, job_id):
                self._mark_removing(tx, one.id)

    def abandon_at(self, job_id: str, provider: str) -> None:
        """The job goes on elsewhere."""
        with self._database.transaction() as tx:
            for one in repository.for_job(tx, job_id):
                if one.provider == provider:
                    self._mark_removing(tx, one.id)

    def record_unknown_job(self, job_id: str, unknown: OutcomeUnknown) -> ProviderTimeout:
        """Nobody knows what became of the job's call; the error that the job fails with. Only where an intent is there
        to settle its hold later may the hold be kept."""
        with self._database.transaction() as tx:
            is_kept = self.mark_job_unknown(tx, job_id)
        return unknown if is_kept else ProviderTimeout(unknown.message, details=unknown.details)

    # What kills and lost answers leave

    def list_all(self) -> list[ProviderCall]:
        with self._database.snapshot() as tx:
            return list(repository.list_all(tx))

    def count_pending(self, profile_id: str) -> int:
        """How many of a profile's paid calls have not come to their end."""
        with self._database.snapshot() as tx:
            rows = repository.in_state(tx, "open", "removing", "unknown")
        return sum(row.profile_id == profile_id for row in rows)

    def delete_lost(self) -> int:
        """Remove the rows that tell what was lost; how many there were."""
        with self._database.transaction() as tx:
            rows = repository.in_state(tx, "lost")
            for row in rows:
                repository.remove(tx, row.id)
            return len(rows)

    def release_dead_owners(self) -> int:
        """Take over from processes that died in a call: their holds are given back, at once or, where the work may
        have been done, after a while. How many were given back at once."""
        with self._database.snapshot() as tx:
            owners = repository.owners_of_open(tx)
        return self._calls.release_abandoned(owners, self._adopt_orphans)

    def sweep(self) -> int:
        """Bring to an end what can be: remove voices at the providers, give holds back. How many rows ended."""
        with self._database.snapshot() as tx:
            rows = list(repository.in_state(tx, "open", "removing", "unknown"))
        down: set[str] = set()  # providers that did not answer: asked again in the next round
        return self._sweeps.process("paid_calls", rows, lambda row: row.id, lambda row: self._sweep_one(row, down))

    def _sweep_one(self, row: ProviderCall, down: set[str]) -> bool:
        if row.state == "open":
            return self._abandon_with_job(row)
        is_removed = row.kind not in _VOICE_KINDS or self._delete_at_provider(row, down)
        age = self._clock() - row.changed_at
        if age < timedelta(0):
            # The clock was set back: it ages from now on, not when that moment comes again.
            with self._database.transaction() as tx:
                repository.change(tx, row.id, expected=(row.state,), changed_at=self._clock())
            return False
        if row.state == "unknown":
            return age >= self._release_after and self._write_off(row, needs_removal=row.kind in _VOICE_KINDS)
        # A voice that makes room has been there for long: once removed it is gone.
        is_settled = row.kind == "room" or age >= _SETTLE_TIME
        if not is_removed or not is_settled:
            return False
        with self._database.transaction() as tx:
            return repository.remove_unchanged(tx, row)

    def _delete_at_provider(self, row: ProviderCall, down: set[str]) -> bool:
        """Ask the provider to remove what was made, or may have been; whether it did. Where it can't, that is retried
        with its own pauses, so that the row's hold is still released in time."""

        def delete_voice(call: ProviderCall) -> bool:
            if call.provider in down:
                return False
            try:
                self._providers.get(call.provider).forget(call.voice_id)
            except ProviderUnavailable:
                down.add(call.provider)
                raise
            return True

        return self._sweeps.process("provider_voices", [row], lambda call: call.id, delete_voice) == 1

    def _abandon_with_job(self, row: ProviderCall) -> bool:
        """A job's intent that its end did not reach, for a kill."""
        job = self._jobs.find(row.job_id) if row.job_id is not None else None
        if job is None or job.status not in ("completed", "failed", "cancelled"):
            return False
        self.abandon_job(job.id)
        return True

    def _write_off(self, row: ProviderCall, *, needs_removal: bool) -> bool:
        """Give the hold of an unknown outcome back. The row stays, for the operator; what is still to be removed has
        another one."""
        with self._database.transaction() as tx:
            if not repository.change(tx, row.id, expected=("unknown",), state="lost", changed_at=self._clock()):
                return False
            released = self._billing.release_returning_amount(tx, row.hold_id) if row.hold_id is not None else 0
            repository.change(tx, row.id, expected=("lost",), released=released)
            if needs_removal:
                kind = cast(Kind, row.kind)
                self.open(tx, NewCall(kind, row.provider, row.voice_id, row.profile_id), state="removing")
        _log.warning(
            "the outcome of a paid call stays unknown: its hold was given back",
            extra={"intent": row.id, "kind": row.kind, "provider": row.provider, "micro_tokens": released},
        )
        return True

    def _adopt_orphans(self, owner: str) -> None:
        with self._database.transaction() as tx:
            for one in repository.open_of_owner(tx, owner):
                if one.kind in ("instant", "speech"):
                    self._mark_unknown(tx, one.id)
                else:
                    self._mark_removing(tx, one.id)

    def _mark_unknown(self, tx: Session, call_id: str) -> None:
        changes = {"state": "unknown", "owner": None, "changed_at": self._clock()}
        if repository.change(tx, call_id, expected=("open",), **changes):
            row = repository.by_id(tx, call_id)
            if row is not None and row.hold_id is not None:
                self._billing.detach_owner(tx, row.hold_id)

    def _mark_removing(self, tx: Session, call_id: str) -> None:
        row = repository.by_id(tx, call_id)
        if row is None or row.state != "open":
            return
        if row.kind == "speech":
            repository.remove(tx, call_id)
        else:
            # Its hold is no longer this row's to settle: the call or the job goes on, or has ended.
            changes = {"state": "removing", "owner": None, "hold_id": None, "changed_at": self._clock()}
            repository.change(tx, call_id, expected=("open",), **changes)


def _unknown_error(provider: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"What became of the call at {provider} is not known: the gateway was stopped in its middle. It is not made "
        "again by itself, and nothing is charged; send the request again."
    )
