"""What is meant to be paid for at a hosted provider, and what becomes of it when nobody can tell.

A row is written before each paid call and removed with its good end. Where a process dies in between, or an answer is
lost, the row says what may have happened: a voice that was being made is removed at the provider, and a hold whose
work may have been done is kept for a while, then given back to the customer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from sqlalchemy.orm import Session

from voxport.billing.held_calls import HeldCall, HeldCalls
from voxport.billing.service import Billing
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import OutcomeUnknown, ProviderTimeout, ProviderUnavailable
from voxport.ids import new_id
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.provider_calls import repository
from voxport.provider_calls.models import ProviderCall
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
        self._sweeps = Sweeps(database, clock=clock)

    # One call of a customer's

    @contextmanager
    def journal(self, hold: HeldCall) -> Iterator[CallJournal]:
        """The paid calls of one billed call. A block that ends without `settle` leaves no intent open, and where it
        ends by OutcomeUnknown the hold is kept."""
        journal = CallJournal(self, hold)
        try:
            yield journal
        except OutcomeUnknown:
            journal.mark_unknown()
            raise
        finally:
            journal.close()

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

    def begin_job(self, run: JobRun, kind: Kind, provider: str, voice_id: str) -> None:
        """Written once for a job and a provider, however often the step runs. Raises OutcomeUnknown where an earlier
        run ended so, ProviderUnavailable where one gave this provider up: what it may have made is being removed."""
        with self._database.transaction() as tx:
            found = [one for one in repository.for_job(tx, run.job_id) if one.provider == provider]
            if any(one.state == "unknown" for one in found):
                raise _unknown_error(provider)
            if any(one.state == "removing" for one in found):
                raise ProviderUnavailable(f"The provider {provider} failed. Nothing was charged; try again.")
            if not found:
                self.open(tx, NewCall(kind, provider, voice_id, run.profile_id, run.hold_id, run.job_id))

    def begin_part(self, run: JobRun, provider: str, voice_id: str, part: int) -> None:
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

    def undo_part(self, job_id: str) -> None:
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


class CallJournal:
    """The paid calls that one billed call makes, one after the other."""

    def __init__(self, provider_calls: ProviderCalls, hold: HeldCall) -> None:
        self._provider_calls = provider_calls
        self._hold = hold
        self._call_id: str | None = None
        self._is_finished = False
        self.is_voice_removed = False
        """Whether the voice that was made for the call is gone again."""

    def begin(self, kind: Kind, provider: str, voice_id: str) -> None:
        """Before a paid call; what was begun before it came to nothing."""
        self.close()
        self.is_voice_removed = False
        call = self._hold.call
        self._call_id = self._provider_calls.begin(
            NewCall(kind, provider, voice_id, call.profile_id, self._hold.hold_id)
        )

    def settle(self, tx: Session) -> None:
        """It was done and is being charged."""
        if self._call_id is not None:
            self._provider_calls.finish(tx, self._call_id)
            self._is_finished = True

    def settle_if_removed(self, tx: Session) -> None:
        """Likewise, unless a voice is still to be removed."""
        if self.is_voice_removed:
            self.settle(tx)

    def mark_unknown(self) -> None:
        if self._call_id is not None:
            self._provider_calls.mark_unknown(self._call_id)
            self._hold.leave_open()
            self._call_id = None

    def close(self) -> None:
        if self._is_finished and self._hold.is_settled:  # the transaction of the charge held
            self._call_id = None
        if self._call_id is not None:
            self._provider_calls.abandon(self._call_id, is_removed=self.is_voice_removed)
            self._call_id = None


def _unknown_error(provider: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"What became of the call at {provider} is not known: the gateway was stopped in its middle. It is not made "
        "again by itself, and nothing is charged; send the request again."
    )
