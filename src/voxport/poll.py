"""Waits for a pipe with poll, because select fails for descriptors over 1023 and a busy server has more."""

from __future__ import annotations

import select

_MILLISECONDS = 1000


def is_readable(descriptor: int, seconds: float) -> bool:
    """Wait up to `seconds` for data or end of file; returns whether there is any."""
    return _polled(descriptor, select.POLLIN, seconds)


def is_writable(descriptor: int, seconds: float | None) -> bool:
    """Wait up to `seconds` (None: for ever) until writing would not block, or would fail; returns whether it is so."""
    return _polled(descriptor, select.POLLOUT, seconds)


def _polled(descriptor: int, event: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(None if seconds is None else max(0.0, seconds) * _MILLISECONDS))
