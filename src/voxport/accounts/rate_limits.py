"""Rate limits by API key, by client address, and by address without a valid key, for all HTTP processes together."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from voxport.coordination.postgres_tokens import PostgresTokens
from voxport.coordination.token_file import TokenFile
from voxport.errors import RateLimited, Unauthenticated
from voxport.settings import Settings
from voxport.web.leased_buckets import LeasedBuckets
from voxport.web.requests import send_error
from voxport.web.token_bucket import Buckets, RateLimitPolicy, RateLimitStatus, TokenBuckets
from voxport.web.token_exchange import TokenExchange

_UNAUTHENTICATED_MESSAGE = "Too many calls without a good API key came from this address."
_UNLIMITED = frozenset({"/healthz", "/readyz"})
_MAX_KNOWN_KEYS = 10_000
_BURST_SECONDS = 3  # an address's burst is as many calls as its rate allows in this time
T = TypeVar("T")


class RateLimits:
    """Counts calls by key, by address, and by address without a valid key (`_unauthenticated`). Once an address has no
    tokens of the last kind left, only keys that were valid before are checked: that limits guessing, but doesn't
    affect customers who share the address."""

    def __init__(self, settings: Settings, tokens: TokenFile | PostgresTokens | None = None) -> None:
        """Without `tokens` each process counts for itself."""
        self._exchange = TokenExchange(tokens) if isinstance(tokens, PostgresTokens) else None
        self._file = tokens if isinstance(tokens, TokenFile) else None
        self._keys = self._buckets("default", settings.rate_limit_per_second, settings.rate_limit_burst)
        per_minute = settings.rate_limit_strangers_per_minute
        self._unauthenticated = self._buckets("strangers", per_minute / 60, per_minute)
        per_second = settings.rate_limit_address_per_second
        self._addresses = self._buckets("address", per_second, round(per_second * _BURST_SECONDS) or 1)
        self._known_keys: OrderedDict[bytes, Any] = OrderedDict()
        self._unknown_key_lock = asyncio.Lock()

    async def admit(self, request: Request, extract_key: Callable[[Request], str], check: Callable[[str], T]) -> T:
        """Run `check` on the key, in a thread, and return its result. Raises Unauthenticated, RateLimited (too many
        invalid keys)."""
        address = client_address(request.scope)
        try:
            key = extract_key(request)
            fingerprint = _fingerprint(key)
            if self._unauthenticated is None or fingerprint in self._known_keys:
                found = await run_in_threadpool(check, key)
            else:
                # One at a time: otherwise a thousand concurrent calls would all pass before the first is counted.
                async with self._unknown_key_lock:
                    _require_allowed(await _status(self._unauthenticated.peek(address)), _UNAUTHENTICATED_MESSAGE)
                    found = await run_in_threadpool(check, key)
        except Unauthenticated:
            await self.count_refused(request.scope)
            raise
        self._remember_key(fingerprint, found)
        return found

    def find_known(self, request: Request, extract_key: Callable[[Request], str]) -> tuple[str, Any] | None:
        """Return the key of a request, and what its check returned last, if `admit` has found it valid before. Raises
        nothing: `admit` says what is wrong."""
        with contextlib.suppress(Unauthenticated):
            key = extract_key(request)
            fingerprint = _fingerprint(key)
            if fingerprint in self._known_keys:
                self._known_keys.move_to_end(fingerprint)
                return key, self._known_keys[fingerprint]
        return None

    async def count_refused(self, scope: Scope) -> None:
        """Count a call without a valid key. Raises RateLimited."""
        if self._unauthenticated is not None:
            taken = self._unauthenticated.take(client_address(scope))
            _require_allowed(await _status(taken), _UNAUTHENTICATED_MESSAGE)

    async def count(self, request: Request, key_id: str) -> None:
        """Count a call with a valid key. Raises RateLimited."""
        if self._keys is not None:
            status = await _status(self._keys.take(key_id))
            request.state.rate_limit = status
            _require_allowed(status, "This API key calls too often.")

    async def check_address(self, scope: Scope) -> None:
        """Count a call of the client's address. Raises RateLimited."""
        if self._addresses is not None and scope["path"] not in _UNLIMITED:
            status = await _status(self._addresses.take(client_address(scope)))
            scope["state"]["rate_limit"] = status
            _require_allowed(status, "Too many calls came from this address.")

    def close(self) -> None:
        if self._exchange is not None:
            self._exchange.close()

    def _buckets(self, name: str, rate: float, burst: int) -> Buckets | None:
        if not rate:
            return None
        policy = RateLimitPolicy(name, rate, burst)
        return TokenBuckets(policy, self._file) if self._exchange is None else LeasedBuckets(policy, self._exchange)

    def _remember_key(self, fingerprint: bytes, found: object) -> None:
        self._known_keys[fingerprint] = found
        self._known_keys.move_to_end(fingerprint)
        if len(self._known_keys) > _MAX_KNOWN_KEYS:
            self._known_keys.popitem(last=False)


class AddressLimitMiddleware:
    """Refuses calls of an address that calls too often, before anything else is checked."""

    def __init__(self, app: ASGIApp, *, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                await self._limits.check_address(scope)
            except RateLimited as error:
                await send_error(error, scope, send)
                return
        await self._app(scope, receive, send)


def client_address(scope: Scope) -> str:
    """Return the address to count by. For IPv6 it is the /64 network, since a customer has 2^64 addresses in one."""
    host = scope["client"][0] if scope.get("client") else "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
    return str(address)


def _fingerprint(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


async def _status(found: RateLimitStatus | Awaitable[RateLimitStatus]) -> RateLimitStatus:
    return found if isinstance(found, RateLimitStatus) else await found


def _require_allowed(status: RateLimitStatus, message: str) -> None:
    if status.is_allowed:
        return
    policy = status.policy
    error = RateLimited(
        f"{message} Try again in {status.retry_after} s; {policy.burst:,} calls may come at once, and then "
        f"{policy.rate:g} a second.",
        retry_after_seconds=status.retry_after,
        details={"policy": policy.name, "calls_per_second": round(policy.rate, 3), "burst": policy.burst},
    )
    error.headers.update(status.headers())
    raise error
