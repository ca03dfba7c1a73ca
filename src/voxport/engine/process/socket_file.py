"""The socket by which several processes reach one engine, and the lock that one of them holds to start it.

Both are files in a folder that only this user may enter. Their names depend on the engine's version and options, so
that a gateway never meets an engine that works differently. The engine's process inherits the lock and holds it until
it ends: a socket whose lock is free is left over from a kill.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

_BACKLOG: Final = 64
_PEER: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid


def open_folder(path: Path) -> int:
    """Create the folder for this user only. Returns its file descriptor. Raises OSError, PermissionError also where it
    belongs to another user."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            raise PermissionError(f"{path} belongs to another user")
        if stat.S_IMODE(status.st_mode) & 0o077:
            os.fchmod(descriptor, 0o700)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def try_lock(folder: int, name: str) -> int | None:
    """Take the lock. Returns the file descriptor that holds it, or None while another process holds it. Raises
    OSError."""
    file = f"{name}.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have removed the file between the two calls: a lock of a file without a name is none.
        if os.fstat(descriptor).st_ino == os.stat(file, dir_fd=folder, follow_symlinks=False).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def listen(folder: int, name: str) -> socket.socket:
    """Make the socket and listen. Replaces the one of a killed process; the caller holds the lock. Raises OSError."""
    remove(folder, name)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(_address(folder, name))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def connect(folder: int, name: str) -> socket.socket | None:
    """Connect to the process that listens. Returns None if there is none, or it is another user's."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(_address(folder, name))
        if _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1] == os.geteuid():
            return connection
    except OSError:
        pass
    connection.close()
    return None


def peer_pid(connection: socket.socket) -> int | None:
    """Return the id of the process that listens at the other end; None if it is invisible from this container."""
    pid: int = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
    return pid or None


def remove(folder: int, name: str) -> None:
    """Remove the socket. The caller holds the lock."""
    with contextlib.suppress(OSError):
        os.unlink(f"{name}.sock", dir_fd=folder)


def sweep(folder: int, name: str) -> None:
    """Remove the files of engines of other versions and options that no longer run."""
    with contextlib.suppress(OSError):
        for file in os.listdir(folder):
            other, _, suffix = file.rpartition(".")
            if suffix == "lock" and other != name and (lock := try_lock(folder, other)) is not None:
                remove(folder, other)
                os.unlink(file, dir_fd=folder)
                os.close(lock)


def _address(folder: int, name: str) -> str:
    """Return a short path of the socket. That of a data folder may exceed the 107 bytes of a socket's address."""
    return f"/proc/self/fd/{folder}/{name}.sock"
