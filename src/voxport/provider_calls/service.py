"""Journals paid calls to hosted providers, and cleans up after those whose outcome is unknown.

A row is written before each paid call and deleted when the call succeeds. If the process dies in between, or the
response is lost, the row tells what may have happened: a voice that was being created is deleted at the provider, and
the hold of work that may have been done is kept for a while, then released.
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
from voxport.db.lease import Lease, LeaseLost
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
"""Kinds that can leave a voice at the provider."""
_SETTLE_TIME: Final = timedelta(minutes=20)
"""How long the creation of a voice can take before it has certainly succeeded or failed. Providers take ten seconds;
an adapter's timeouts, lookups and second attempt end within this time."""
_CLOSING_TIME: Final = timedelta(minutes=1)
"""Minimum age of a call that is abandoned because its hold is settled: its process normally does that at once."""
_log = logging.getLogger("voxport.provider_calls")


@dataclass(frozen=True)
class NewCall:
    """A row to write. For `voice_id` see `ProviderCall`."""

    kind: Kind
    provider: str
    voice_id: str
    profile_id: str
    hold_id: str | None = None
    job_id: str | None = None


class ProviderCalls:
    """`release_after`: how long the hold of a call with an unknown outcome is kept."""

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

    # A customer's synchronous call (`call_journal.py`)

    def open(self, tx: Session, new: NewCall, *, state: str = "open", owner: str | None = None) -> str:
        """Write a row and return its id. Without a job, the row belongs to this process, by the name of `owner` if the
        call has its lease already."""
        call_id, moment = new_id("int"), self._clock()
        repository.add(
            tx,
            id=call_id,
            kind=new.kind,
            provider=new.provider,
            voice_id=new.voice_id,
            profile_id=new.profile_id,
            hold_id=new.hold_id,
            job_id=new.job_id,
            owner=(owner or self._calls.lease.name) if new.job_id is None else None,
            part=0,
            state=state,
            released=0,
            created_at=moment,
            changed_at=moment,
        )
        return call_id

    def begin(self, new: NewCall, lease: Lease) -> str:
        """Write a row for a call that `lease` owns. Raises LeaseLost."""
        with self._database.transaction(fence=lease) as tx:
            return self.open(tx, new, owner=lease.name)

    def finish(self, tx: Session, call_id: str) -> None:
        """Delete the row of a call that succeeded."""
        repository.remove(tx, call_id)

    def abandon(self, call_id: str, *, is_removed: bool = False) -> None:
        """End a call without a result. A voice that it may have created is deleted later, unless `is_removed`."""
        with self._database.transaction() as tx:
            if is_removed:
                repository.remove(tx, call_id)
            else:
                self._mark_removing(tx, call_id)

    def mark_unknown(self, call_id: str) -> None:
        """Record that the outcome of the call is unknown. Its hold, if any, is kept."""
        with self._database.transaction() as tx:
            self._mark_unknown(tx, call_id)

    def voices_in_use(self, tx: Session, provider: str) -> set[str]:
        """The voices that are speaking at a provider now."""
        return repository.in_use(tx, provider, "speech")

    def voices_being_made(self, tx: Session, provider: str) -> set[str]:
        """The remote names of the voices that are being created at a provider. A temporary voice is included until its
        call ends."""
        return repository.in_use(tx, provider, "clone", "binding", "instant", "rebuild")

    # Jobs

    def begin_job(self, run: JobRun, kind: Kind, provider: Provider, voice_id: str) -> bool:
        """Write a row for a job at a hosted provider, once, however often the step runs. Returns whether an earlier run
        wrote it. Raises OutcomeUnknown if an earlier run ended so, ProviderUnavailable if an earlier run abandoned this
        provider and what it may have created is being deleted."""
        if not provider.capabilities().is_hosted:
            return False
        name = provider.name
        with self._database.transaction() as tx:
            found = [one for one in repository.for_job(tx, run.job_id) if one.provider == name]
            if any(one.state == "unknown" for one in found):
                raise _unknown_error(name)
            if any(one.state == "removing" for one in found):
                raise ProviderUnavailable(f"The provider {name} failed. Nothing was charged; try again.")
            if not found:
                self.open(tx, NewCall(kind, name, voice_id, run.profile_id, run.hold_id, run.job_id))
        self._database.require_fence()
        return bool(found)

    @contextmanager
    def part(self, run: JobRun, provider: Provider, voice_id: str, number: int) -> Iterator[None]:
        """Journal the synthesis of the next piece of a job's speech, which is a paid call at a hosted provider. Raises
        OutcomeUnknown if the block does, or if a process that died began the piece before. The piece can begin again
        only after ProviderBusy or ProviderUnavailable."""
        is_hosted = provider.capabilities().is_hosted
        try:
            with self.paid_part(run, provider):
                if is_hosted:
                    self._begin_part(run, provider.name, voice_id, number)
                    self._database.require_fence()
                yield
        except OutcomeUnknown as unknown:
            raise self.record_unknown_job(run.job_id, unknown) from unknown
        except (ProviderBusy, ProviderUnavailable, LeaseLost):
            if is_hosted:
                self._part_refused(run.job_id)
            raise

    @contextmanager
    def line(self, run: JobRun, provider: Provider, voice_id: str, number: int) -> Iterator[None]:
        """Journal the synthesis of one line of a job, which is a paid call at a hosted provider; lines of one job may
        be spoken at once. The row stays until `finish_line`, which belongs into the block. Raises OutcomeUnknown if the
        block does, or if a process that died began the same line."""
        is_hosted = provider.capabilities().is_hosted
        try:
            with self.paid_part(run, provider):
                if is_hosted:
                    self._begin_line(run, provider.name, voice_id, number)
                    self._database.require_fence()
                yield
        except OutcomeUnknown as unknown:
            raise self.record_unknown_job(run.job_id, unknown) from unknown
        except (ProviderBusy, ProviderUnavailable, LeaseLost):
            if is_hosted:
                with self._database.transaction() as tx:
                    self.finish_line(tx, run.job_id, number)
            raise

    def finish_line(self, tx: Session, job_id: str, number: int) -> None:
        """Delete the row of a line that has been spoken, in the transaction that records it."""
        for one in repository.for_job(tx, job_id):
            if one.part == number and one.state == "open":
                repository.remove(tx, one.id)

    def _begin_line(self, run: JobRun, provider: str, voice_id: str, number: int) -> None:
        """Record that a line begins. Raises OutcomeUnknown if a process that died began it: the provider may have
        spoken and billed it."""
        with self._database.transaction() as tx:
            if any(one.state == "unknown" or one.part == number for one in repository.for_job(tx, run.job_id)):
                raise _unknown_error(provider)
            call_id = self.open(tx, NewCall("speech", provider, voice_id, run.profile_id, run.hold_id, run.job_id))
            repository.change(tx, call_id, expected=("open",), part=number)

    @contextmanager
    def paid_part(self, run: JobRun, provider: Provider) -> Iterator[None]:
        """Keep the process from ending during a call of a job to a hosted provider."""
        with self._paid_parts.track(run.job_id) if provider.capabilities().is_hosted else nullcontext():
            yield

    def has_paid_part(self, job_id: str) -> bool:
        """Whether a job is in a paid part."""
        return self._paid_parts.is_active(job_id)

    def drain(self, seconds: float) -> None:
        """Let no further paid part begin, and wait up to `seconds` for those under way."""
        self._paid_parts.drain(seconds)

    def _begin_part(self, run: JobRun, provider: str, voice_id: str, part: int) -> None:
        """Record that a piece of a job's speech begins. Raises OutcomeUnknown if a process that died began the same
        piece: the provider may have spoken and billed it."""
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
        """Record that the provider refused the last piece without speaking it, so that it can begin again."""
        with self._database.transaction() as tx:
            for one in repository.for_job(tx, job_id):
                repository.change(tx, one.id, expected=("open",), part=one.part - 1)

    def mark_job_unknown(self, tx: Session, job_id: str) -> bool:
        """End a job that may have a paid call under way. Returns whether it has; the sweep then settles the hold."""
        for one in repository.for_job(tx, job_id):
            self._mark_unknown(tx, one.id)
        return any(one.state == "unknown" for one in repository.for_job(tx, job_id))

    def finish_job(self, tx: Session, job_id: str, provider: str) -> None:
        """End a job whose work succeeded at this provider. Abandons its calls to others."""
        for one in repository.for_job(tx, job_id):
            if one.provider == provider and one.state == "open":
                repository.remove(tx, one.id)
            else:
                self._mark_removing(tx, one.id)

    def abandon_job(self, job_id: str) -> None:
        """Abandon the open calls of a job that has ended."""
        with self._database.transaction() as tx:
            for one in repository.for_job(tx, job_id):
                self._mark_removing(tx, one.id)

    def abandon_at(self, job_id: str, provider: str) -> None:
        """Abandon the calls of a job to one provider; the job continues at another."""
        with self._database.transaction() as tx:
            for one in repository.for_job(tx, job_id):
                if one.provider == provider:
                    self._mark_removing(tx, one.id)

    def record_unknown_job(self, job_id: str, unknown: OutcomeUnknown) -> ProviderTimeout:
        """Record that the outcome of the job's call is unknown. Returns the error that the job fails with: it is
        OutcomeUnknown, which keeps the hold, only if there is a row that will settle the hold later."""
        with self._database.transaction() as tx:
            is_kept = self.mark_job_unknown(tx, job_id)
        return unknown if is_kept else ProviderTimeout(unknown.message, details=unknown.details)

    # Recovery after kills and lost responses

    def list_all(self) -> list[ProviderCall]:
        with self._database.snapshot() as tx:
            return list(repository.list_all(tx))

    def count_pending(self, profile_id: str) -> int:
        """Count the paid calls of a profile that have not ended."""
        with self._database.snapshot() as tx:
            rows = repository.in_state(tx, "open", "removing", "unknown")
        return sum(row.profile_id == profile_id for row in rows)

    def delete_lost(self) -> int:
        """Delete the rows in state `lost`. Returns their number."""
        with self._database.transaction() as tx:
            rows = repository.in_state(tx, "lost")
            for row in rows:
                repository.remove(tx, row.id)
            return len(rows)

    def release_dead_owners(self) -> int:
        """Take over the calls of processes that died. Releases their holds, at once or, if the work may have been done,
        after `release_after`. Returns how many were released at once."""
        with self._database.snapshot() as tx:
            owners = repository.owners_of_open(tx)
        return self._calls.release_abandoned(owners, self._adopt_orphans)

    def sweep(self) -> int:
        """End the calls that can end: delete voices at the providers, release holds. Returns how many ended."""
        with self._database.snapshot() as tx:
            rows = list(repository.in_state(tx, "open", "removing", "unknown"))
        down: set[str] = set()  # providers that did not answer: retried in the next round
        return self._sweeps.process("paid_calls", rows, lambda row: row.id, lambda row: self._sweep_one(row, down))

    def _sweep_one(self, row: ProviderCall, down: set[str]) -> bool:
        if row.state == "open":
            return self._abandon_with_job(row) if row.job_id is not None else self._abandon_settled(row)
        is_removed = row.kind not in _VOICE_KINDS or self._delete_at_provider(row, down)
        age = self._clock() - row.changed_at
        if age < timedelta(0):
            # The clock was set back. Count the row's age from now.
            with self._database.transaction() as tx:
                repository.change(tx, row.id, expected=(row.state,), changed_at=self._clock())
            return False
        if row.state == "unknown":
            return age >= self._release_after and self._write_off(row, needs_removal=row.kind in _VOICE_KINDS)
        # An evicted voice was created long ago: once deleted it can't appear again.
        is_settled = row.kind == "room" or age >= _SETTLE_TIME
        if not is_removed or not is_settled:
            return False
        with self._database.transaction() as tx:
            return repository.remove_unchanged(tx, row)

    def _delete_at_provider(self, row: ProviderCall, down: set[str]) -> bool:
        """Ask the provider to delete the voice that it created or may have created. Returns whether it did. A failure
        is retried on a schedule of its own, so that the row's hold is still released in time."""

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
        """Abandon an open row whose job has ended, when a kill kept the job's end from doing so."""
        job = self._jobs.find(str(row.job_id))
        if job is None or job.status not in ("completed", "failed", "cancelled"):
            return False
        self.abandon_job(job.id)
        return True

    def _abandon_settled(self, row: ProviderCall) -> bool:
        """Abandon an open row of a synchronous call whose hold is settled, when its process could not do so: the
        database was away when the call ended."""
        if row.hold_id is None or self._clock() - row.changed_at < _CLOSING_TIME:
            return False
        with self._database.transaction() as tx:
            if self._billing.state_of(tx, row.hold_id) == "open":
                return False
            self._mark_removing(tx, row.id)
        return True

    def _write_off(self, row: ProviderCall, *, needs_removal: bool) -> bool:
        """Release the hold of a call with an unknown outcome. The row stays, for the operator. A voice that still has
        to be deleted gets a row of its own."""
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
            # This row no longer settles the hold: the call or the job continues, or has ended.
            changes = {"state": "removing", "owner": None, "hold_id": None, "changed_at": self._clock()}
            repository.change(tx, call_id, expected=("open",), **changes)


def _unknown_error(provider: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"What became of the call at {provider} is not known: the gateway was stopped in its middle. It is not made "
        "again by itself, and nothing is charged; send the request again."
    )
