"""Erases a profile: its jobs, voices, files, keys and names. Only the ledger remains, which names nobody.

The profile's row records that it is being erased, so that a kill or a provider's failure loses nothing: every step may
run again, and the worker continues with what is left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from voxport.accounts.models import Profile
from voxport.accounts.service import Accounts
from voxport.audit.service import GATEWAY, Actor
from voxport.billing.service import Billing
from voxport.db.session import Database
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import Jobs
from voxport.media.service import MediaService
from voxport.provider_calls.service import ProviderCalls
from voxport.sweeps.service import SweepIncomplete, Sweeps
from voxport.voices.service import VoiceService

ErasureStep = Callable[[str], Sequence[str]]
"""Removes another package's data of a profile; returns descriptions of what could not be removed. May run again."""
_SWEEP: Final = "erasures"
_log = logging.getLogger("voxport.erasure")


@dataclass(frozen=True)
class ErasureResult:
    """`left` describes what could not be removed yet; if it is empty, the profile is erased."""

    profile_id: str
    left: list[str]


class Erasure:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        billing: Billing,
        jobs: Jobs,
        runner: JobRunner,
        provider_calls: ProviderCalls,
        voices: VoiceService,
        media: MediaService,
        other_steps: Sequence[ErasureStep],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._billing = billing
        self._jobs = jobs
        self._runner = runner
        self._provider_calls = provider_calls
        self._voices = voices
        self._media = media
        self._other_steps = other_steps
        self._sweeps = Sweeps(database)

    def erase(self, profile_id: str, *, actor: Actor) -> ErasureResult:
        """Erase a profile; its keys are refused from the start. A further call continues with what was left. Raises
        NotFound."""
        with self._database.transaction() as tx:
            profile = self._accounts.begin_erasure(tx, profile_id, actor=actor)
        return ErasureResult(profile_id, [] if profile.state == "erased" else self._erase_rest(profile_id, actor))

    def sweep(self) -> int:
        """Continue the unfinished erasures; returns how many were completed."""

        def resume(profile: Profile) -> None:
            if left := self._erase_rest(profile.id, GATEWAY):
                raise SweepIncomplete("; ".join(left))

        return self._sweeps.process(_SWEEP, self._accounts.list_profiles("erasing"), lambda profile: profile.id, resume)

    def _erase_rest(self, profile_id: str, actor: Actor) -> list[str]:
        left = self._cancel_jobs(profile_id)
        left += self._run_step(profile_id, lambda: self._voices.delete_all(profile_id, actor=actor), "voices")
        # No new calls begin, so a count of zero stays zero.
        served = self._billing.open_holds(profile_id)
        left += self._run_step(
            profile_id, lambda: self._media.remove_all(profile_id, with_unfinished=not served, actor=actor), "files"
        )
        for step in self._other_steps:
            left += self._run_step(profile_id, lambda step=step: step(profile_id), "records")  # type: ignore[misc]
        if served:
            left.append(f"{served} calls are still being served, or their outcome is looked into")
        if removing := self._provider_calls.count_pending(profile_id):
            left.append(f"{removing} voices may still be at a hosted provider and are being removed")
        if not left:
            with self._database.transaction() as tx:
                self._accounts.end_erasure(tx, profile_id)
                self._sweeps.clear(tx, _SWEEP, profile_id)
        return left

    def _run_step(self, profile_id: str, remove: Callable[[], Sequence[str]], what: str) -> list[str]:
        """Run a step and return what it could not remove. A step that fails does not stop the others."""
        try:
            return list(remove())
        except Exception:
            _log.exception("a step of an erasure failed", extra={"profile_id": profile_id, "what": what})
            return [f"some {what} can't be removed now"]

    def _cancel_jobs(self, profile_id: str) -> list[str]:
        """Cancel the open jobs, remove what failed and cancelled jobs left in storage, and redact all jobs.

        Returns descriptions of what could not be removed. A worker that is running one of the jobs finds it cancelled,
        and removes what it wrote meanwhile."""
        left = []
        for job in self._jobs.cancel_all(profile_id):
            try:
                if job.status != "completed":
                    self._runner.clean_up(job)
                self._jobs.redact(job)
            except Exception:
                _log.exception("a job can't be erased", extra={"job_id": job.id})
                left.append(f"job {job.id} can't be removed now")
        return left
