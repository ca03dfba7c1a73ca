"""Token buckets, which limit how often a client may call."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

_MAX_ATTEMPTS: Final = 5
"""Attempts to change a bucket that other processes change at the same time."""


@dataclass(frozen=True)
class RateLimitPolicy:
    """`rate` calls a second, and up to `burst` at once."""

    name: str
    rate: float
    burst: int

    @property
    def window(self) -> int:
        """Seconds in which an empty bucket fills up."""
        return math.ceil(self.burst / self.rate)


@dataclass(frozen=True)
class RateLimitStatus:
    """Whether a call is allowed. `remaining` more may follow at once; the bucket is full again in `reset` seconds, and
    has a token for the next call in `retry_after` seconds (0 if it has one now)."""

    policy: RateLimitPolicy
    is_allowed: bool
    remaining: int
    reset: int
    retry_after: int

    def headers(self) -> dict[str, str]:
        """Return the headers of draft-ietf-httpapi-ratelimit-headers."""
        name = f'"{self.policy.name}"'
        return {
            "RateLimit-Policy": f"{name};q={self.policy.burst};w={self.policy.window}",
            "RateLimit": f"{name};r={self.remaining};t={self.reset}",
        }


def status_of(policy: RateLimitPolicy, missing: float) -> RateLimitStatus:
    """Return the status of a bucket that lacks `missing` tokens to be full."""
    wait = max(0.0, missing + 1 - policy.burst) / policy.rate
    return RateLimitStatus(
        policy,
        is_allowed=wait == 0,
        remaining=max(0, math.floor(policy.burst - missing + 1e-9)),
        reset=math.ceil(missing / policy.rate),
        retry_after=math.ceil(wait),
    )


def status_after(policy: RateLimitPolicy, missing: float) -> RateLimitStatus:
    """Return the status of a call that was allowed, and after which the bucket lacks `missing` tokens."""
    after = status_of(policy, missing)
    return RateLimitStatus(policy, True, after.remaining, after.reset, 0)


class Buckets(Protocol):
    """Buckets of a policy by name. An answer that has to come from other processes is awaited. For one event loop."""

    def peek(self, name: str) -> RateLimitStatus | Awaitable[RateLimitStatus]:
        """Return the status without counting a call."""

    def take(self, name: str) -> RateLimitStatus | Awaitable[RateLimitStatus]:
        """Count a call if the bucket has a token for it."""


class BucketStore(Protocol):
    """Keeps when each bucket is full again, by the buckets' clock. A bucket without a value is full."""

    def lock(self) -> None:
        """Keep other processes from changing a bucket until `unlock`."""

    def unlock(self) -> None: ...

    def get(self, name: str) -> float: ...

    def replace(self, name: str, before: float, value: float) -> bool:
        """Set a bucket's value if it is still `before`. Returns whether it is set."""


class MemoryStore:
    """Keeps at most `max_buckets`: the least recently used one is dropped when there are too many."""

    def __init__(self, max_buckets: int = 50_000) -> None:
        self._max_buckets = max_buckets
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def lock(self) -> None:
        pass

    def unlock(self) -> None:
        pass

    def get(self, name: str) -> float:
        return self._full_at.get(name, 0.0)

    def replace(self, name: str, before: float, value: float) -> bool:
        self._full_at[name] = value
        self._full_at.move_to_end(name)
        if len(self._full_at) > self._max_buckets:
            self._full_at.popitem(last=False)
        return True


class TokenBuckets:
    """Buckets whose store answers at once. The processes that share a store share the buckets; without one, this
    process has buckets of its own. `clock` is the same for all processes of a machine."""

    def __init__(
        self, policy: RateLimitPolicy, store: BucketStore | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._store: BucketStore = MemoryStore() if store is None else store
        self._clock = clock
        self._prefix = f"{policy.name}:"
        self._max_seconds = policy.burst / policy.rate

    def peek(self, name: str) -> RateLimitStatus:
        full_at = self._store.get(self._prefix + name)
        return status_of(self._policy, self._missing_tokens(full_at, self._clock()))

    def take(self, name: str) -> RateLimitStatus:
        store, policy, key = self._store, self._policy, self._prefix + name
        store.lock()
        try:
            for _ in range(_MAX_ATTEMPTS):
                full_at, now = store.get(key), self._clock()
                missing = self._missing_tokens(full_at, now)
                if missing + 1 > policy.burst:
                    return status_of(policy, missing)
                if store.replace(key, full_at, now + (missing + 1) / policy.rate):
                    break
        finally:
            store.unlock()
        return status_after(policy, missing + 1)

    def _missing_tokens(self, full_at: float, now: float) -> float:
        """Return how many tokens the bucket lacks to be full."""
        seconds = full_at - now
        # More than an empty bucket needs: the clock began anew when the machine did, or the policy was changed.
        return seconds * self._policy.rate if 0 < seconds <= self._max_seconds + 1 else 0.0
