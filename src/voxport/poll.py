"""Waits for a pipe or socket with poll, because select fails for descriptors over 1023 and a busy server has more."""

from __future__ import annotations

import select

_MILLISECONDS = 1000


def is_readable(descriptor: int, seconds: float | None) -> bool:
    """Wait up to `seconds` (None: for ever) until there is data or the end of file; returns whether there is."""
    return _polled(descriptor, select.POLLIN, seconds)


def is_writable(descriptor: int, seconds: float | None) -> bool:
    """Wait up to `seconds` (None: for ever) until the pipe is writable or broken; returns whether it is."""
    return _polled(descriptor, select.POLLOUT, seconds)


def is_hung_up(descriptor: int) -> bool:
    """Return whether the other end of a pipe or socket is closed."""
    return _polled(descriptor, 0, 0.0)


def _polled(descriptor: int, event: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(None if seconds is None else max(0.0, seconds) * _MILLISECONDS))
