"""Shares a limited number of slots for calls fairly between clients."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Waiter = TypeVar("Waiter")
_DECAY: Final = 0.9
"""Factor by which every client's recent admissions shrink at each further admission of any client."""
_FORGOTTEN: Final = 0.01


class FairQueue(Generic[Waiter]):
    """`capacity` slots, with one queue of waiters per client.

    The next slot goes to the client with the lowest sum of active calls and decayed recent admissions, so a client with
    a thousand calls starves neither one with two nor later ones. A client's own calls are admitted in order. Nothing
    here blocks: `admit` is called with a waiter that gets its slot. Not thread-safe: use it in one event loop, or under
    a lock.
    """

    def __init__(self, capacity: int, admit: Callable[[Waiter], object]) -> None:
        self.capacity = capacity
        self.active = 0
        """How many slots are taken."""

        self._admit = admit
        self._active: defaultdict[str, int] = defaultdict(int)
        self._recent: defaultdict[str, float] = defaultdict(float)
        self._queues: dict[str, deque[Waiter]] = {}

    @property
    def available(self) -> int:
        """How many slots are free. Negative if the capacity was lowered below the active calls."""
        return self.capacity - self.active

    @property
    def waiting(self) -> int:
        """How many waiters are queued. Thread-safe."""
        return sum(len(queue) for queue in list(self._queues.values()))

    @property
    def clients(self) -> int:
        """How many clients have active calls or waiters."""
        return len(self._active.keys() | self._queues.keys())

    def try_acquire(self, client: str) -> bool:
        """Take a slot if one is free and nobody waits for it. Returns whether it did."""
        if self.active >= self.capacity or self._queues:
            return False
        self._count(client)
        return True

    def acquire(self, client: str, new_waiter: Callable[[], Waiter]) -> Waiter | None:
        """Take a slot. Returns None if one was free, else the waiter that `admit` will be called with."""
        if self.try_acquire(client):
            return None
        waiter = new_waiter()
        self._queues.setdefault(client, deque()).append(waiter)
        return waiter

    def leave(self, client: str, waiter: Waiter) -> None:
        """Remove a waiter that was not admitted."""
        queue = self._queues[client]
        queue.remove(waiter)
        if not queue:
            del self._queues[client]

    def release(self, client: str) -> None:
        """Release a slot."""
        self.active -= 1
        self._active[client] -= 1
        if not self._active[client]:
            del self._active[client]
        self._admit_next()

    def resize(self, capacity: int) -> None:
        """Change the number of slots. Active calls keep theirs."""
        self.capacity = capacity
        self._admit_next()

    def _admit_next(self) -> None:
        while self._queues and self.active < self.capacity:
            client = min(self._queues, key=lambda name: self._active.get(name, 0) + self._recent.get(name, 0.0))
            queue = self._queues.pop(client)
            waiter = queue.popleft()
            if queue:
                self._queues[client] = queue  # behind other clients with the same sum
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
