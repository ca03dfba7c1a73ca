"""Tracks which clients of this process watch which jobs, and polls the database once for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from typing import Annotated, Final

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from voxport.errors import RateLimited
from voxport.jobs.service import Jobs

_POLL_SECONDS: Final = 0.25
_BATCH_SIZE: Final = 500  # jobs per query
_log = logging.getLogger("voxport.jobs")


class EventHub:
    """Wakes the subscriptions whose job has changed. It queries all watched jobs together every quarter of a second,
    and makes no query while nobody watches. Runs in one event loop."""

    def __init__(self, jobs: Jobs, *, max_streams_per_profile: int) -> None:
        self._jobs = jobs
        self._max_streams_per_profile = max_streams_per_profile
        self._subscriptions: dict[str, set[JobSubscription]] = defaultdict(set)
        self._streams_open: Counter[str] = Counter()
        self._last_states: dict[str, tuple[str, str, float]] = {}
        self._polling: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)
        self.is_closed = False

    def subscribe(self, profile_id: str, job_id: str) -> JobSubscription:
        """Watch a job until `unsubscribe`. Raises RateLimited if the profile has too many streams open."""
        if self._streams_open[profile_id] >= self._max_streams_per_profile:
            raise RateLimited(
                f"You have {self._max_streams_per_profile} streams of events open. Close one, or try again in a while.",
                retry_after_seconds=10,
            )
        self._streams_open[profile_id] += 1
        subscription = JobSubscription(profile_id, job_id)
        self._subscriptions[job_id].add(subscription)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.get_running_loop().create_task(self._poll())
        if self.is_closed:
            subscription.wake()
        return subscription

    def unsubscribe(self, subscription: JobSubscription) -> None:
        self._streams_open[subscription.profile_id] -= 1
        if not self._streams_open[subscription.profile_id]:
            del self._streams_open[subscription.profile_id]
        left = self._subscriptions[subscription.job_id]
        left.discard(subscription)
        if not left:
            del self._subscriptions[subscription.job_id]
            self._last_states.pop(subscription.job_id, None)

    def close(self) -> None:
        """End every stream because the server stops; the clients reconnect to another one."""
        self.is_closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.wake()

    async def _poll(self) -> None:
        while self._subscriptions and not self.is_closed:
            watched = list(self._subscriptions)
            for begin in range(0, len(watched), _BATCH_SIZE):
                await self._poll_jobs(watched[begin : begin + _BATCH_SIZE])
            await asyncio.sleep(_POLL_SECONDS)

    async def _poll_jobs(self, job_ids: list[str]) -> None:
        try:
            states = await to_thread.run_sync(self._jobs.states, job_ids, limiter=self._thread)
        except Exception:
            _log.exception("looking for changes of jobs failed")
            return
        for job_id, state in states.items():
            if job_id in self._subscriptions and self._last_states.get(job_id) != state:
                self._last_states[job_id] = state
                for subscription in self._subscriptions[job_id]:
                    subscription.wake()


class JobSubscription:
    """One client's subscription to one job."""

    def __init__(self, profile_id: str, job_id: str) -> None:
        self.profile_id = profile_id
        self.job_id = job_id
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for a change since the last wait. Returns whether there was one."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True


async def _hub(request: Request) -> EventHub:
    hub: EventHub = request.app.state.event_hub
    return hub


EventHubDep = Annotated[EventHub, Depends(_hub)]
