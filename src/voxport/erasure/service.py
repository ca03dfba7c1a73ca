"""Erases a profile: its jobs, voices, files, keys and names. What remains are the books, which name nobody.

The profile's row says that it is being erased, so that a kill or a provider's failure loses nothing: every step may run
again, and the worker goes on with what is left.
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
from voxport.jobs.runner import Runner
from voxport.jobs.service import Jobs
from voxport.media.service import MediaService
from voxport.provider_calls.service import Intents
from voxport.sweeps.service import Sweeps, Unfinished
from voxport.voices.service import Voices

Step = Callable[[str], Sequence[str]]
"""Removes what another room has of a profile; what could not be removed, in words. May run again."""
_SWEEP: Final = "erasures"
_log = logging.getLogger("voxport.erasure")


@dataclass(frozen=True)
class Erased:
    """`left` names what could not be removed yet; where it is empty, the profile is erased."""

    profile_id: str
    left: list[str]


class Erasure:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        billing: Billing,
        jobs: Jobs,
        runner: Runner,
        intents: Intents,
        voices: Voices,
        media: MediaService,
        others: Sequence[Step],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._billing = billing
        self._jobs = jobs
        self._runner = runner
        self._intents = intents
        self._voices = voices
        self._media = media
        self._others = others
        self._sweeps = Sweeps(database)

    def erase(self, profile_id: str, *, by: Actor) -> Erased:
        """From the first moment the profile's keys are refused. Called again, it goes on with what was left. Raises
        NotFound."""
        with self._database.transaction() as tx:
            profile = self._accounts.begin_erasure(tx, profile_id, by=by)
        return Erased(profile_id, [] if profile.state == "erased" else self._go_on(profile_id, by))

    def sweep(self) -> int:
        """Go on with the erasures that have something left; how many came to their end."""

        def go_on(profile: Profile) -> None:
            if left := self._go_on(profile.id, GATEWAY):
                raise Unfinished("; ".join(left))

        return self._sweeps.each(_SWEEP, self._accounts.list_profiles("erasing"), lambda profile: profile.id, go_on)

    def _go_on(self, profile_id: str, by: Actor) -> list[str]:
        left = self._end_jobs(profile_id)
        left += self._step(profile_id, lambda: self._voices.delete_all(profile_id, by=by), "voices")
        # Nothing new begins, so that none is none for good.
        served = self._billing.open_holds(profile_id)
        left += self._step(
            profile_id, lambda: self._media.drop_all(profile_id, with_unfinished=not served, by=by), "files"
        )
        for step in self._others:
            left += self._step(profile_id, lambda step=step: step(profile_id), "records")  # type: ignore[misc]
        if served:
            left.append(f"{served} calls are still being served, or their outcome is looked into")
        if removing := self._intents.pending(profile_id):
            left.append(f"{removing} voices may still be at a hosted provider and are being removed")
        if not left:
            with self._database.transaction() as tx:
                self._accounts.end_erasure(tx, profile_id)
                self._sweeps.forget(tx, _SWEEP, profile_id)
        return left

    def _step(self, profile_id: str, remove: Callable[[], Sequence[str]], what: str) -> list[str]:
        """What a step leaves; one that fails keeps none of the others from its turn."""
        try:
            return list(remove())
        except Exception:
            _log.exception("a step of an erasure failed", extra={"profile_id": profile_id, "what": what})
            return [f"some {what} can't be removed now"]

    def _end_jobs(self, profile_id: str) -> list[str]:
        """Cancel what is open, remove what jobs that came to nothing left in storage, and forget what was asked for;
        what could not be, in words. A worker that is in the middle of one finds it cancelled, and removes what it wrote
        meanwhile."""
        left = []
        for job in self._jobs.end_all(profile_id):
            try:
                if job.status != "completed":
                    self._runner.clean_up(job)
                self._jobs.forget(job)
            except Exception:
                _log.exception("a job can't be erased", extra={"job_id": job.id})
                left.append(f"job {job.id} can't be removed now")
        return left
