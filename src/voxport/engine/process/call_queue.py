"""A queue of calls that shares one server fairly between callers, by the time that each has used of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class CallTicket(Generic[T]):
    """A call that was taken from the queue, and when it began in virtual time."""

    caller: Hashable
    item: T
    start: float


class CallQueue(Generic[T]):
    """Weighted fair queueing with equal weights (Demers, Keshav, Shenker 1989), for calls of unknown length.

    The next call is that of the caller who has used the server for the fewest seconds since it came; the oldest where
    several have used the same. Virtual time passes by the seconds that were served over the number of callers: nobody
    saves up turns while away, and whoever waits is reached after at most as much of each other's time as it used
    itself, however many callers come anew. Short calls therefore pass between the parts of a long one. Any thread may
    put; one thread takes. Only callers that wait or are ahead of virtual time are remembered.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Hashable, T]] = []
        self._in_service: list[Hashable] = []  # the callers whose calls were taken and are not done
        self._finish_times: dict[Hashable, float] = {}
        self._virtual_time = 0.0
        self._next_number = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many calls wait."""
        with self._changed:
            return len(self._waiting)

    def put(self, caller: Hashable, item: T) -> None:
        with self._changed:
            start = max(self._virtual_time, self._finish_times.get(caller, 0.0))
            self._waiting.append((start, self._next_number, caller, item))
            self._next_number += 1
            self._changed.notify()

    def take(self) -> CallTicket[T] | None:
        """The next call, as soon as there is one; None when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            return self._pop(lambda _: True)

    def take_if(self, is_wanted: Callable[[T], bool], *, current: CallTicket[T]) -> CallTicket[T] | None:
        """The next call that `is_wanted` and has its turn before the call of `current` goes on; None where there is
        none now. `current` is being served, and was charged for what it has used so far."""
        with self._changed:
            return self._pop(is_wanted, before=self._finish_times.get(current.caller, current.start))

    def charge(self, ticket: CallTicket[T], seconds: float) -> None:
        """Add `seconds` of service to what the caller of a taken call has used."""
        with self._changed:
            self._virtual_time += seconds / len(self._active() | {ticket.caller})
            self._finish_times[ticket.caller] = max(ticket.start, self._finish_times.get(ticket.caller, 0.0)) + seconds

    def finish(self, ticket: CallTicket[T]) -> None:
        """A call that was taken is served, and charged."""
        with self._changed:
            self._in_service.remove(ticket.caller)
            active, virtual = self._active(), self._virtual_time
            self._finish_times = {one: at for one, at in self._finish_times.items() if at > virtual or one in active}

    def close(self) -> None:
        """`take` ends with None after the calls that wait."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _active(self) -> set[Hashable]:
        return {caller for _, _, caller, _ in self._waiting} | set(self._in_service)

    def _pop(self, is_wanted: Callable[[T], bool], before: float = math.inf) -> CallTicket[T] | None:
        # Calls that a caller put together start at one time, and move on with what those before them used.
        candidates = [
            (max(start, self._finish_times.get(caller, 0.0)), number, index)
            for index, (start, number, caller, item) in enumerate(self._waiting)
            if is_wanted(item)
        ]
        if not candidates or min(candidates)[0] > before:
            return None
        start, _, index = min(candidates)
        _, _, caller, item = self._waiting.pop(index)
        self._in_service.append(caller)
        return CallTicket(caller, item, start)
