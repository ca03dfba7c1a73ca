"""Token buckets that processes on several hosts share, for a store that takes a while to answer.

A process gets tokens from the store in batches, about as many as it uses in a second and at most an eighth of the
burst, and gives back what it has not used for a second. So most calls find a token here. A sixtieth of the burst may
pass between two exchanges without asking, where half of it is left as far as is known, and is counted afterwards: at a
bucket that others have just emptied, each process may let so many calls pass too early, and later ones wait longer for
it. All others wait for the store. If it does not answer, each process allows its share of the rate.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from voxport.web.token_bucket import RateLimitPolicy, RateLimitStatus, TokenBuckets, status_after, status_of
from voxport.web.token_exchange import IDLE_SECONDS, LeasedBucket, TokenExchange

_MAX_BUCKETS: Final = 50_000
_MAX_ATTEMPTS: Final = 10
_REFILL_SECONDS: Final = 0.1


class LeasedBuckets:
    """Buckets of a policy. The least recently used one is dropped when there are too many."""

    def __init__(
        self, policy: RateLimitPolicy, exchange: TokenExchange, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._exchange = exchange
        self._clock = clock
        self._buckets: OrderedDict[str, LeasedBucket] = OrderedDict()
        self._shares: dict[int, TokenBuckets] = {}

    def peek(self, name: str) -> RateLimitStatus | Awaitable[RateLimitStatus]:
        bucket, now = self._bucket(name), self._clock()
        if self._exchange.is_down:
            return self._share().peek(bucket.name)
        status = status_of(self._policy, bucket.missing_at(now))
        is_known = bucket.tokens or not status.is_allowed or now - bucket.known_at < IDLE_SECONDS
        return status if is_known else self._ask_and_peek(bucket)

    def take(self, name: str) -> RateLimitStatus | Awaitable[RateLimitStatus]:
        bucket, now = self._bucket(name), self._clock()
        bucket.count(now)
        if bucket.tokens:
            return self._use_token(bucket, now)
        if self._exchange.is_down:
            return self._share().take(bucket.name)
        missing = bucket.missing_at(now)
        if missing + 1 > self._policy.burst:
            return status_of(self._policy, missing)
        if bucket.unasked and missing <= self._policy.burst / 2:
            bucket.unasked -= 1
            return self._pass(bucket, now)
        return self._ask_and_take(bucket)

    def _use_token(self, bucket: LeasedBucket, now: float) -> RateLimitStatus:
        bucket.tokens -= 1
        # Not at once: most buckets that are used are due again within a moment, and one exchange is for all of them.
        if bucket.recent and bucket.tokens <= bucket.granted // 2:
            self._exchange.schedule(bucket, within=_REFILL_SECONDS)
        return status_after(self._policy, bucket.missing_at(now))

    def _pass(self, bucket: LeasedBucket, now: float) -> RateLimitStatus:
        """Allow a call without a token, which the next exchange counts."""
        bucket.spent += 1
        self._exchange.schedule(bucket)
        return status_after(self._policy, bucket.missing_at(now))

    async def _ask_and_take(self, bucket: LeasedBucket) -> RateLimitStatus:
        for _ in range(_MAX_ATTEMPTS):
            is_answered = await self._exchange.ask(bucket)
            now = self._clock()
            if bucket.tokens:
                return self._use_token(bucket, now)
            if not is_answered:
                return self._share().take(bucket.name)
            missing = bucket.missing_at(now)
            if missing + 1 > self._policy.burst:
                return status_of(self._policy, missing)
        return self._pass(bucket, self._clock())  # other calls took the tokens that came for this one

    async def _ask_and_peek(self, bucket: LeasedBucket) -> RateLimitStatus:
        if not await self._exchange.ask(bucket) and not bucket.tokens:
            return self._share().peek(bucket.name)
        return status_of(self._policy, bucket.missing_at(self._clock()))

    def _bucket(self, name: str) -> LeasedBucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = LeasedBucket(f"{self._policy.name}:{name}", self._policy)
            if len(self._buckets) > _MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(name)
        return bucket

    def _share(self) -> TokenBuckets:
        """Return the buckets of this process alone, with its share of the policy."""
        count = self._exchange.processes
        if count not in self._shares:
            policy = self._policy
            share = RateLimitPolicy(policy.name, policy.rate / count, max(1, policy.burst // count))
            self._shares = {count: TokenBuckets(share)}
        return self._shares[count]
