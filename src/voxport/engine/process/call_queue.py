"""A fair queue of calls to one server: it shares the server's time equally between callers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class CallTicket(Generic[T]):
    """A call taken from the queue, and its start in virtual time."""

    caller: Hashable
    item: T
    start: float


class CallQueue(Generic[T]):
    """Weighted fair queueing with equal weights (Demers, Keshav, Shenker 1989), for calls of unknown length.

    `take` returns the call of the caller that has used the fewest seconds of the server since it arrived, and the
    oldest call among equals. Virtual time advances by the seconds served divided by the number of active callers.
    So an idle caller collects no credit, and a waiting caller waits for at most as many seconds of each other caller
    as it has used itself, however many new callers arrive. Short calls are therefore served between the parts of a
    long one. Any thread may call `put`; one thread calls `take`. The queue remembers only callers that are active or
    ahead of virtual time.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Hashable, T]] = []
        self._in_service: list[Hashable] = []  # callers whose calls are taken and not finished
        self._finish_times: dict[Hashable, float] = {}
        self._virtual_time = 0.0
        self._next_number = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """The number of waiting calls."""
        with self._changed:
            return len(self._waiting)

    def put(self, caller: Hashable, item: T) -> None:
        with self._changed:
            start = max(self._virtual_time, self._finish_times.get(caller, 0.0))
            self._waiting.append((start, self._next_number, caller, item))
            self._next_number += 1
            self._changed.notify()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` until a call waits or the queue is closed; returns whether one of them is true."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting) or self._is_closed, seconds)

    def take(self) -> CallTicket[T] | None:
        """Wait for the next call and take it. Returns None when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            return self._pop(lambda _: True)

    def take_if(self, is_wanted: Callable[[T], bool], *, current: CallTicket[T]) -> CallTicket[T] | None:
        """Take the next call that satisfies `is_wanted` and is due before `current` continues, without waiting.

        Returns None when there is none. `current` is in service and is charged for the time it has used so far.
        """
        with self._changed:
            return self._pop(is_wanted, before=self._finish_times.get(current.caller, current.start))

    def charge(self, ticket: CallTicket[T], seconds: float) -> None:
        """Add `seconds` to the service time that the caller of a taken call has used."""
        with self._changed:
            self._virtual_time += seconds / len(self._active() | {ticket.caller})
            self._finish_times[ticket.caller] = max(ticket.start, self._finish_times.get(ticket.caller, 0.0)) + seconds

    def finish(self, ticket: CallTicket[T]) -> None:
        """Remove a taken call from service. It must be charged first."""
        with self._changed:
            self._in_service.remove(ticket.caller)
            active, virtual = self._active(), self._virtual_time
            self._finish_times = {one: at for one, at in self._finish_times.items() if at > virtual or one in active}

    def close(self) -> None:
        """Close the queue: `take` still returns the waiting calls, then None."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _active(self) -> set[Hashable]:
        return {caller for _, _, caller, _ in self._waiting} | set(self._in_service)

    def _pop(self, is_wanted: Callable[[T], bool], before: float = math.inf) -> CallTicket[T] | None:
        # Calls that a caller put at the same time have the same start, so each starts at the end of the previous one.
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
