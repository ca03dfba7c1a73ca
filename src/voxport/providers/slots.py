"""Who decides how many calls of this process may run at a provider's account.

The limit of concurrent calls is the account's. Several processes of a gateway share it by an implementation of
SlotPools that knows how they reach each other; `LocalSlots` is for a process that has the account for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class CallLimit:
    """How many calls may run at once at an account, in all processes together. It adapts as in TCP: a refusal for too
    many calls lowers it to one less than the calls that ran, and rounds of successful calls raise it one by one."""

    calls: int
    max_calls: int

    def lowered(self, active: int) -> CallLimit:
        """After a refusal while `active` calls ran."""
        return CallLimit(max(1, min(self.calls, active) - 1), self.max_calls)

    def raised(self) -> CallLimit:
        return CallLimit(min(self.calls + 1, self.max_calls), self.max_calls)

    def reported(self, max_calls: int) -> CallLimit:
        """After the provider reported its maximum."""
        return CallLimit(max_calls, max_calls)


LimitChange = Callable[[CallLimit, int], CallLimit]
"""Returns the new limit for the limit and the number of calls that run in all processes."""


@dataclass(frozen=True)
class Demand:
    """What a process needs: calls that run, calls that wait, the clients that they belong to, and the slots that it
    gave back since the last grant. `admissions` counts the calls since the start, so that an idle process shows."""

    active: int
    waiting: int
    clients: int
    returned: int
    admissions: int


@dataclass(frozen=True)
class Grant:
    """The slots that a process may use, until `expires_at` by time.monotonic, and the limit of all processes. With
    `must_return` it gives back the slot of each call that ends, since another process waits for one."""

    slots: int
    limit: CallLimit
    must_return: bool = False
    expires_at: float = math.inf


class SlotHolder(Protocol):
    """The side of a process. All methods are thread-safe."""

    def demand(self) -> Demand: ...

    def shrink(self, slots: int) -> int:
        """Begin no call beyond `slots` from now on. Returns how many run."""

    def on_granted(self, grant: Grant, *, returned: int) -> None:
        """Use the grant from now on. It takes account of `returned` slots that were given back."""


class SlotPool(Protocol):
    """The slots of one account."""

    def request(self) -> None:
        """Consider the holder's demand, which has changed. `on_granted` is called with the result, now or later."""

    def change_limit(self, change: LimitChange) -> None: ...


class SlotPools(Protocol):
    """Opens the pool of an account. It begins with `limit`, unless other processes have learned another."""

    def open(self, name: str, limit: CallLimit, holder: SlotHolder) -> SlotPool: ...


class LocalSlots:
    """Pools that no other process uses."""

    def open(self, name: str, limit: CallLimit, holder: SlotHolder) -> SlotPool:
        return _LocalPool(limit, holder)


class _LocalPool:
    def __init__(self, limit: CallLimit, holder: SlotHolder) -> None:
        self._limit = limit
        self._holder = holder
        self.change_limit(lambda limit, _: limit)

    def request(self) -> None:
        pass  # The holder has all slots.

    def change_limit(self, change: LimitChange) -> None:
        self._limit = change(self._limit, self._holder.demand().active)
        self._holder.on_granted(Grant(self._limit.calls, self._limit), returned=0)
