"""Waiting for a pipe. By poll: select takes no descriptor over 1023, and a busy server has more than that open."""

from __future__ import annotations

import select

_MILLISECONDS = 1000


def is_readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read, or its end, within so many seconds."""
    return _polled(descriptor, select.POLLIN, seconds)


def is_writable(descriptor: int, seconds: float | None) -> bool:
    """Whether it takes something, or breaks, within so many seconds; None waits for ever."""
    return _polled(descriptor, select.POLLOUT, seconds)


def _polled(descriptor: int, event: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(None if seconds is None else max(0.0, seconds) * _MILLISECONDS))
