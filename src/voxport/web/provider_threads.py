"""Threads for short calls that may have to wait for a provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Annotated, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

T = TypeVar("T")
_THREADS: Final = 8


class ProviderThreads:
    """Provides `_THREADS` threads for each set of providers. If one hangs, its calls wait for each other, but no other
    call of the gateway waits for a thread."""

    def __init__(self) -> None:
        self._limiters: defaultdict[frozenset[str], CapacityLimiter] = defaultdict(lambda: CapacityLimiter(_THREADS))

    async def run(self, providers: Collection[str], call: Callable[[], T]) -> T:
        """Run `call`, which calls these providers, in one of their threads."""
        return await to_thread.run_sync(call, limiter=self._limiters[frozenset(providers)])


async def _provider_threads(request: Request) -> ProviderThreads:
    provider_threads: ProviderThreads = request.app.state.provider_threads
    return provider_threads


ProviderThreadsDep = Annotated[ProviderThreads, Depends(_provider_threads)]
