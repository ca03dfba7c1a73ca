"""Exchanges tokens of rate limits with a store that all processes share, in a thread, for many buckets at once."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Protocol

from voxport.web.token_bucket import RateLimitPolicy

_FLUSH_SECONDS: Final = 0.5
"""Until calls that passed without asking are counted, if no other call needs the store sooner."""
_WAIT_SECONDS: Final = 1.0
_DOWN_SECONDS: Final = 2.0
"""How long a store that did not answer is not asked."""
IDLE_SECONDS: Final = 1.0
"""After this time without a call a bucket's tokens are given back."""
_BATCH_SHARE: Final = 8
_UNASKED_SHARE: Final = 60
_log = logging.getLogger("voxport.limits")


@dataclass(frozen=True)
class TokenRequest:
    """Counts `spent` tokens, which were used without asking (if negative: given back), and asks for up to `wanted`
    more. `rate` is in tokens a second."""

    name: str
    rate: float
    burst: int
    spent: int
    wanted: int


class TokenAnswer(Protocol):
    """`granted` tokens are the caller's. The bucket now lacks `missing` tokens to be full."""

    @property
    def granted(self) -> int: ...
    @property
    def missing(self) -> float: ...


class TokenStore(Protocol):
    """Used by one thread at a time."""

    processes: int
    """How many processes use the store, as far as is known."""

    def exchange(self, requests: Sequence[Any]) -> Mapping[str, TokenAnswer]:
        """Answer requests (TokenRequest) with different names. Raises any exception if that is not possible."""

    def close(self) -> None: ...


class LeasedBucket:
    """What this process has and knows of a bucket."""

    def __init__(self, name: str, policy: RateLimitPolicy) -> None:
        self.name = name
        self.policy = policy
        self.tokens = 0
        """Tokens that the store granted, and that are not used yet."""
        self.spent = 0
        """Tokens that were used without asking, and that the store does not know of yet."""
        self.unasked = policy.burst // _UNASKED_SHARE
        """How many calls may still pass without asking before the next exchange."""
        self.used_at = -math.inf
        self.granted = 0
        """Tokens that this process had after the last exchange."""
        self.known_at = -math.inf
        self._missing = 0.0  # at `known_at`
        self.recent = 0
        """Calls since the last exchange."""
        self._waiting = 0
        self._answer: asyncio.Future[None] | None = None

    def missing_at(self, moment: float) -> float:
        """Return how many tokens the bucket lacks at a moment, as far as this process knows."""
        passed = moment - self.known_at
        left = self._missing - passed * self.policy.rate if self._missing else 0.0
        return max(0.0, max(0.0, left) + self.spent - self.tokens)

    def count(self, moment: float) -> None:
        self.recent += 1
        self.used_at = moment

    def answer(self) -> asyncio.Future[None]:
        """Return what is done when the next exchange has answered."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
        self._waiting += 1
        return self._answer

    def request(self, moment: float) -> tuple[TokenRequest, asyncio.Future[None] | None]:
        """Return the next request, and the answer that calls wait for."""
        batch = 2 * self.recent if moment - self.known_at < IDLE_SECONDS else self.recent
        batch = min(batch, self.policy.burst // _BATCH_SHARE) if self.recent > 1 else 0
        spent, answer, wanted = self.spent, self._answer, max(0, self._waiting + batch - self.tokens)
        if moment - self.used_at > IDLE_SECONDS and not self._waiting:
            spent, wanted, self.tokens = spent - self.tokens, 0, 0
        self.spent, self._answer, self._waiting, self.recent = 0, None, 0, 0
        return TokenRequest(self.name, self.policy.rate, self.policy.burst, spent, wanted), answer

    def apply(self, found: TokenAnswer, moment: float) -> None:
        self.tokens += found.granted
        self.granted = self.tokens
        self._missing, self.known_at = found.missing, moment
        self.unasked = self.policy.burst // _UNASKED_SHARE


class TokenExchange:
    """Runs one exchange at a time. For one event loop."""

    def __init__(self, store: TokenStore, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        """`wait_seconds`: how long a call waits for the store."""
        self._store = store
        self._wait_seconds = wait_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limits")
        self._due: dict[str, LeasedBucket] = {}
        self._leased: dict[str, LeasedBucket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._starts_at = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._context = Context()  # not that of the request that happens to start an exchange
        self._next_at = math.inf
        self._down_until = -math.inf

    @property
    def processes(self) -> int:
        return self._store.processes

    @property
    def is_down(self) -> bool:
        return time.monotonic() < self._down_until

    def schedule(self, bucket: LeasedBucket, *, within: float = _FLUSH_SECONDS) -> None:
        """Exchange the bucket's tokens within so many seconds."""
        self._due[bucket.name] = bucket
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # an earlier loop has ended, and its timers with it
            self._loop, self._timer, self._idle_timer, self._task = loop, None, None, None
        moment = loop.time() + within
        if self._task is not None:  # which looks for what is due when it ends
            self._next_at = min(self._next_at, moment)
            return
        if self._timer is not None:
            if self._starts_at <= moment:
                return
            self._timer.cancel()
        self._starts_at = moment
        self._timer = loop.call_at(moment, self._start, context=self._context)

    async def ask(self, bucket: LeasedBucket) -> bool:
        """Wait for the bucket's next exchange. Returns False if the store does not answer in time."""
        answer = bucket.answer()
        self.schedule(bucket, within=0.0)
        done, _ = await asyncio.wait({answer}, timeout=self._wait_seconds)
        if not done:
            self._on_failed(None)
        return not self.is_down

    def close(self) -> None:
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=False)

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._next_at, due, self._due = math.inf, self._due, {}
        moment = time.monotonic()
        requests = {name: bucket.request(moment) for name, bucket in due.items()}
        try:
            sent = [request for request, _ in requests.values()]
            answers = await loop.run_in_executor(self._thread, self._store.exchange, sent)
        except Exception as error:
            for name, (request, _) in requests.items():
                due[name].spent += request.spent
            self._on_failed(error)
        else:
            self._down_until = -math.inf
            now = time.monotonic()
            for name, bucket in due.items():
                bucket.apply(answers[name], now)
                if bucket.tokens:
                    self._leased[name] = bucket
        finally:
            self._task = None
            for _, answer in requests.values():
                if answer is not None and not answer.done():
                    answer.set_result(None)
        if self._due:
            self.schedule(next(iter(self._due.values())), within=self._next_at - loop.time())
        if self._leased and self._idle_timer is None:
            self._idle_timer = loop.call_later(IDLE_SECONDS / 2, self._give_back, context=self._context)

    def _give_back(self) -> None:
        """Give the tokens of idle buckets back."""
        self._idle_timer = None
        idle_since = time.monotonic() - IDLE_SECONDS
        for name, bucket in list(self._leased.items()):
            if bucket.used_at < idle_since or not bucket.tokens:
                del self._leased[name]
                if bucket.tokens:
                    self.schedule(bucket, within=0.0)
        if self._leased:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(IDLE_SECONDS / 2, self._give_back, context=self._context)

    def _on_failed(self, error: Exception | None) -> None:
        if not self.is_down:
            _log.warning("the store of rate limits does not answer; each process allows its share", exc_info=error)
        self._down_until = time.monotonic() + _DOWN_SECONDS
