"""Exit codes of the `voxport` command, by class of error. docs/commands.md explains them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    OTHER = 1
    """A bug, or anything that has no code of its own; all errors of `voxport admin`."""
    USAGE = 2
    BAD_INPUT = 3
    BAD_KEY = 4
    NO_CREDITS = 5
    NOT_FOUND = 6
    BUSY = 7
    UNREACHABLE = 8
    """The gateway, the provider, or what the gateway needs does not answer."""
    CANCELLED = 9
    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of the signal, as shells count."""
    CLOSED_OUTPUT = 141
    """The reader of standard output has gone, as after `| head`."""
