"""Token buckets in memory, which limit how often a client may call."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


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


class TokenBuckets:
    """Keeps a bucket for each name, at most `max_buckets`: full buckets need not be stored, and the least recently used
    one is dropped when there are too many. For use in one event loop."""

    def __init__(
        self, policy: RateLimitPolicy, *, max_buckets: int = 50_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._max_buckets = max_buckets
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when each bucket is full again, by `clock`

    def __len__(self) -> int:
        return len(self._full_at)

    def peek(self, name: str) -> RateLimitStatus:
        """Return the status without counting a call."""
        return self._status(self._missing_tokens(name))

    def take(self, name: str) -> RateLimitStatus:
        """Count a call if the bucket has a token for it."""
        missing = self._missing_tokens(name)
        if missing + 1 > self._policy.burst:
            return self._status(missing)
        self._full_at[name] = self._clock() + (missing + 1) / self._policy.rate
        self._full_at.move_to_end(name)
        while len(self._full_at) > self._max_buckets:
            self._full_at.popitem(last=False)
        after = self._status(missing + 1)
        return RateLimitStatus(after.policy, True, after.remaining, after.reset, 0)

    def _missing_tokens(self, name: str) -> float:
        """Return how many tokens the bucket lacks to be full."""
        missing = max(0.0, self._full_at.get(name, 0.0) - self._clock()) * self._policy.rate
        if not missing:
            self._full_at.pop(name, None)
        return missing

    def _status(self, missing: float) -> RateLimitStatus:
        policy = self._policy
        wait = max(0.0, missing + 1 - policy.burst) / policy.rate
        return RateLimitStatus(
            policy,
            is_allowed=wait == 0,
            remaining=max(0, math.floor(policy.burst - missing + 1e-9)),
            reset=math.ceil(missing / policy.rate),
            retry_after=math.ceil(wait),
        )
