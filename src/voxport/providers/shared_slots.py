"""Pools of slots that several processes share, by a table in a store that all of them can reach."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Set
from typing import Any, Final, Protocol

from voxport.providers.slot_table import Claim, SlotTable
from voxport.providers.slots import CallLimit, Demand, Grant, LimitChange, SlotHolder, SlotPool

_POLL_SECONDS: Final = 1.0
"""How often a process that waits looks whether another has died, and tries a store again that does not answer."""
_CLOSE_SECONDS: Final = 2.0
_log = logging.getLogger("voxport.providers")

Shared = dict[str, Any]
Members = dict[str, dict[str, Any]]


class StateStore(Protocol):
    """Small documents that processes share. A document has a part of each live process, its `members` by owner, and a
    common part; both are JSON. Only `wake` may be called by another thread than the others."""

    owner: str
    """This process's name in every document, different from that of any other process."""
    renew_seconds: float
    """How often a process renews its membership, and gives its slots up if it has not used them since."""

    def update(self, name: str, change: Callable[[Shared, Members], bool], *, renew: bool) -> float:
        """Change a document by `change`, which returns whether it changed anything and may be called several times.
        The members of dead processes are removed before. Returns until when, by time.monotonic, other processes regard
        this one as alive without another update; `renew` asks for a later time. Raises any exception if the store can't
        be reached; the document may have been changed."""

    def notify(self, owners: Set[str]) -> None:
        """End `wait` in these processes."""

    def wait(self, timeout: float | None) -> bool:
        """Wait for `wake` or another process's `notify`, for at most `timeout` seconds. Returns whether a notification
        has come, or may have been missed."""

    def wake(self) -> None: ...

    def close(self) -> None: ...


class SharedSlots:
    """Opens pools that all processes with the same store share. A thread, which starts with the first call at any of
    them, talks to the store. Close it to hand the slots over at once; otherwise they stay taken until the store regards
    this process as dead."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._pools: dict[str, _SharedPool] = {}
        # Reentrant: garbage collection of a generator may release its slot in the thread that holds the lock.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._retry = threading.Event()

    def open(self, name: str, limit: CallLimit, holder: SlotHolder) -> SlotPool:
        pool = _SharedPool(name, limit, holder, self._store, self._wake)
        self._pools[name] = pool
        return pool

    def close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            thread = self._thread
        if thread is not None:
            self._retry.set()
            self._store.wake()
            thread.join(_CLOSE_SECONDS)
        self._store.close()

    def _wake(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="slots", daemon=True)
            with self._lock:
                if self._thread is None and not self._is_closed:
                    self._thread = thread
                    thread.start()
        self._store.wake()

    def _run(self) -> None:
        is_missed = False
        while not self._is_closed:
            due_at = min(pool.due_at for pool in list(self._pools.values()))
            try:
                timeout = None if due_at == math.inf else max(0.0, due_at - time.monotonic())
                is_missed |= self._store.wait(timeout)
                due = [pool for pool in list(self._pools.values()) if pool.is_due(is_notified=is_missed)]
                self._refresh(due)
                is_missed = False
            except Exception:
                if not is_missed:
                    _log.warning("slots can't be shared with other processes; trying again", exc_info=True)
                is_missed = True
                self._retry.wait(_POLL_SECONDS)
        with contextlib.suppress(Exception):  # the slots come free when the store regards this process as dead
            self._refresh([pool for pool in self._pools.values() if pool.due_at < math.inf], is_last=True)

    def _refresh(self, pools: list[_SharedPool], *, is_last: bool = False) -> None:
        concerned = set[str]().union(*(pool.refresh(is_last=is_last) for pool in pools))
        if concerned:
            self._store.notify(concerned)


class _SharedPool:
    """`refresh` and what follows it are for the thread of SharedSlots, the rest for callers."""

    def __init__(
        self, name: str, limit: CallLimit, holder: SlotHolder, store: StateStore, wake: Callable[[], None]
    ) -> None:
        self._name = name
        self._holder = holder
        self._store = store
        self._wake = wake
        self._changes: list[LimitChange] = []
        self._is_requested = False
        self._wanted = 0
        self._is_short = False
        self._grant = Grant(0, limit)
        self._admissions = 0
        self._renewed_at = -math.inf
        self.due_at = math.inf
        """When the pool is refreshed without a request. Infinite if this process has no part of it."""

    def request(self) -> None:
        demand = self._holder.demand()
        wanted = min(demand.active + demand.waiting, self._grant.limit.calls)
        has_changed = wanted != self._wanted if self._is_short else wanted > self._wanted
        if has_changed or self._grant.must_return or demand.returned:
            self._request()

    def change_limit(self, change: LimitChange) -> None:
        self._changes.append(change)
        self._request()

    def _request(self) -> None:
        self._is_requested = True
        self._wake()

    def is_due(self, *, is_notified: bool) -> bool:
        return self._is_requested or time.monotonic() >= self.due_at or (is_notified and self.due_at < math.inf)

    def refresh(self, *, is_last: bool = False) -> set[str]:
        """Take part in the table once; with `is_last`, leave it. Returns the processes that should look at it."""
        self._is_requested = False
        is_renewal = time.monotonic() >= self._renewed_at + self._store.renew_seconds
        turn = _Turn(
            self._holder,
            self._grant.limit,
            self._store.owner,
            list(self._changes),
            last_admissions=self._admissions if is_renewal else None,
            is_last=is_last,
        )
        try:
            expires_at = self._store.update(self._name, turn.change, renew=is_renewal)
        except Exception:
            self._is_requested = True
            raise
        del self._changes[: len(turn.changes)]
        demand, claim = turn.demand, turn.claim
        self._wanted, self._is_short = claim.wanted, claim.is_short
        self._grant = Grant(claim.slots, turn.limit, turn.must_return, expires_at)
        self._holder.on_granted(self._grant, returned=demand.returned)
        now = time.monotonic()
        if is_renewal:
            self._renewed_at, self._admissions = now, demand.admissions
        is_member = claim.slots > 0 or claim.wanted > 0
        self.due_at = now + (_POLL_SECONDS if claim.is_short else self._store.renew_seconds) if is_member else math.inf
        return turn.concerned


class _Turn:
    """One change of the table. `change` may be called several times; the last call counts. If `last_admissions` are
    still the holder's, it has made no call since then, and gives its slots up."""

    demand: Demand
    claim: Claim
    limit: CallLimit
    must_return: bool
    concerned: set[str]

    def __init__(
        self,
        holder: SlotHolder,
        default: CallLimit,
        owner: str,
        changes: list[LimitChange],
        *,
        last_admissions: int | None,
        is_last: bool,
    ) -> None:
        self._holder = holder
        self._default = default
        self._owner = owner
        self._last_admissions = last_admissions
        self._is_last = is_last
        self.changes = changes

    def change(self, shared: Shared, members: Members) -> bool:
        before = SlotTable.read_from(shared, members, self._default)
        table = SlotTable.read_from(shared, members, self._default)
        self.demand = self._holder.demand()
        demand = self.demand
        is_idle = not demand.active and not demand.waiting and demand.admissions == self._last_admissions
        table.refresh(self._owner, demand, self.changes, self._holder, is_idle=is_idle or self._is_last)
        if self._is_last:
            table.claims.pop(self._owner, None)
        self.claim = table.claims.get(self._owner, Claim())
        self.limit = table.limit
        self.must_return = table.must_return(self._owner)
        mine = before.claims.pop(self._owner, Claim())
        others = {owner: claim for owner, claim in table.claims.items() if owner != self._owner}
        # Those who know that this process is short return slots until they see that it has what it needs.
        is_newly_short = self.claim.is_short and not mine.is_short
        if table.limit != before.limit or is_newly_short or self._is_last:
            self.concerned = set(others)
        else:
            self.concerned = {name for name, claim in others.items() if claim.slots != before.claims[name].slots}
        table.write_to(shared, members)
        return bool(self.concerned) or self.claim != mine or table.limit != before.limit
