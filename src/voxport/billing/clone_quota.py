"""Limits on how many voices a profile may clone per hour and per day."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from voxport.billing import repository
from voxport.catalog import ServiceName
from voxport.clock import now
from voxport.errors import RateLimited

# Each creates a voice at a provider. Released holds count too: the voice may have been created before its job was
# cancelled.
_CLONE_SERVICES: tuple[ServiceName, ...] = ("core-voice-clone", "core-instant-clone-tts")
_HOUR, _DAY = timedelta(hours=1), timedelta(hours=24)


@dataclass(frozen=True)
class CloneLimits:
    """Clones that a profile may make per hour and per day; 0 means no limit."""

    per_hour: int
    per_day: int

    def require(self, tx: Session, profile_id: str, service: ServiceName) -> None:
        """Raises RateLimited if another clone would exceed a limit."""
        if service not in _CLONE_SERVICES:
            return
        for limit, window, name in ((self.per_hour, _HOUR, "an hour"), (self.per_day, _DAY, "a day")):
            if not limit:
                continue
            moment = now()
            oldest = repository.nth_newest_hold(tx, profile_id, _CLONE_SERVICES, moment - window, limit)
            if oldest is None:
                continue
            wait = max(1, math.ceil((oldest + window - moment).total_seconds()))
            raise RateLimited(
                f"A profile may have {limit:,} voices made in {name}, instant clones included. "
                f"Try again in {wait:,} s.",
                retry_after_seconds=wait,
                details={"limit": limit, "window_seconds": int(window.total_seconds())},
            )


NO_LIMITS = CloneLimits(0, 0)
