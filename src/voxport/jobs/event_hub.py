"""Who watches which jobs in this process, and the one look at the database that wakes those whose job has changed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from typing import Annotated, Final

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from voxport.errors import RateLimited
from voxport.jobs.service import Jobs

_LOOK_SECONDS: Final = 0.25
_AT_ONCE: Final = 500  # jobs that one query asks for
_log = logging.getLogger("voxport.jobs")


class Feed:
    """However many watch, one query for all their jobs is made each quarter of a second, and none where nobody does.
    All in one event loop."""

    def __init__(self, jobs: Jobs, *, streams_per_profile: int) -> None:
        self._jobs = jobs
        self._streams_per_profile = streams_per_profile
        self._watchers: dict[str, set[Watcher]] = defaultdict(set)
        self._open: Counter[str] = Counter()
        self._seen: dict[str, tuple[str, str, float]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)
        self.is_closed = False

    def open(self, profile_id: str, job_id: str) -> Watcher:
        """Watch a job, until `leave`. Raises RateLimited where the profile has too many streams open."""
        if self._open[profile_id] >= self._streams_per_profile:
            raise RateLimited(
                f"You have {self._streams_per_profile} streams of events open. Close one, or try again in a while.",
                retry_after_seconds=10,
            )
        self._open[profile_id] += 1
        watcher = Watcher(profile_id, job_id)
        self._watchers[job_id].add(watcher)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        if self.is_closed:
            watcher.wake()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        self._open[watcher.profile_id] -= 1
        if not self._open[watcher.profile_id]:
            del self._open[watcher.profile_id]
        left = self._watchers[watcher.job_id]
        left.discard(watcher)
        if not left:
            del self._watchers[watcher.job_id]
            self._seen.pop(watcher.job_id, None)

    def close(self) -> None:
        """The server stops: every stream ends, and its client comes back to another one."""
        self.is_closed = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.wake()

    async def _look(self) -> None:
        while self._watchers and not self.is_closed:
            watched = list(self._watchers)
            for begin in range(0, len(watched), _AT_ONCE):
                await self._look_at(watched[begin : begin + _AT_ONCE])
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look_at(self, job_ids: list[str]) -> None:
        try:
            states = await to_thread.run_sync(self._jobs.states, job_ids, limiter=self._thread)
        except Exception:
            _log.exception("looking for changes of jobs failed")
            return
        for job_id, state in states.items():
            if job_id in self._watchers and self._seen.get(job_id) != state:
                self._seen[job_id] = state
                for watcher in self._watchers[job_id]:
                    watcher.wake()


class Watcher:
    """One client's look at one job."""

    def __init__(self, profile_id: str, job_id: str) -> None:
        self.profile_id = profile_id
        self.job_id = job_id
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Until the job has changed since the last wait, or so long; whether it has."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True


async def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.feed
    return feed


FeedDep = Annotated[Feed, Depends(_feed)]
