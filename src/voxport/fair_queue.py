"""A number of slots for calls, shared fairly between those who make them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Waiter = TypeVar("Waiter")
_DECAY: Final = 0.9
"""What is left of each client's recent admissions with each further one, whosever it is."""
_FORGOTTEN: Final = 0.01


class FairQueue(Generic[Waiter]):
    """`capacity` slots, and the clients' queues for them.

    The next slot goes to the client that was admitted least lately, where each call that is active counts once more:
    one with a thousand calls starves neither one with two nor those that came later. A client's own calls come in
    their order. Nothing here waits: `admit` tells a waiter that it has its slot. Nothing locks either: one event loop
    uses it, or threads that hold a lock.
    """

    def __init__(self, capacity: int, admit: Callable[[Waiter], object]) -> None:
        self.capacity = capacity
        self.active = 0
        """How many have a slot."""

        self._admit = admit
        self._active: defaultdict[str, int] = defaultdict(int)
        self._recent: defaultdict[str, float] = defaultdict(float)
        self._queues: dict[str, deque[Waiter]] = {}

    @property
    def available(self) -> int:
        """How many slots are left. Under 0 where the capacity was lowered meanwhile."""
        return self.capacity - self.active

    @property
    def waiting(self) -> int:
        """How many wait. Any thread may ask."""
        return sum(len(queue) for queue in list(self._queues.values()))

    def acquire(self, client: str, new_waiter: Callable[[], Waiter]) -> Waiter | None:
        """Take a slot; None where there is one at once, else the waiter that `admit` will be called with."""
        if self.active < self.capacity and not self._queues:
            self._count(client)
            return None
        waiter = new_waiter()
        self._queues.setdefault(client, deque()).append(waiter)
        return waiter

    def leave(self, client: str, waiter: Waiter) -> None:
        """Stop waiting. Only for a waiter that was not admitted."""
        queue = self._queues[client]
        queue.remove(waiter)
        if not queue:
            del self._queues[client]

    def release(self, client: str) -> None:
        """Give a slot back."""
        self.active -= 1
        self._active[client] -= 1
        if not self._active[client]:
            del self._active[client]
        self._admit_next()

    def resize(self, capacity: int) -> None:
        """Change the number of slots. Nobody loses one."""
        self.capacity = capacity
        self._admit_next()

    def _admit_next(self) -> None:
        while self._queues and self.active < self.capacity:
            client = min(self._queues, key=lambda name: self._active.get(name, 0) + self._recent.get(name, 0.0))
            queue = self._queues.pop(client)
            waiter = queue.popleft()
            if queue:
                self._queues[client] = queue  # behind the others with as few
            self._count(client)
            self._admit(waiter)

    def _count(self, client: str) -> None:
        self.active += 1
        self._active[client] += 1
        for name in list(self._recent):
            self._recent[name] *= _DECAY
            if self._recent[name] < _FORGOTTEN:
                del self._recent[name]
        self._recent[client] += 1.0
