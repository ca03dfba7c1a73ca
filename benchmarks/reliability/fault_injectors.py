"""Injects the faults of `faults.py`: mounts, a held lock, stopped processes, a hanging program, a shifted clock."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from voxport.audio.codec.ffmpeg import find_ffmpeg

# A sitecustomize module: Python imports it at start, before any other module, if its folder is on the path.
_CLOCK = """
import os, time
from datetime import UTC, datetime
_real = time.time

def _shifted():
    with open(os.environ["FAULT_CLOCK"]) as file:
        return _real() + float(file.read() or 0)

if "FAULT_CLOCK" in os.environ:
    time.time = _shifted
    import voxport.clock
    voxport.clock.now = lambda: datetime.fromtimestamp(_shifted(), UTC)
"""
_HANGING = """#!/bin/sh
if [ -e "{flag}" ]; then kill -STOP $$; fi
exec "{ffmpeg}" "$@"
"""


@functools.cache
def can_mount() -> bool:
    """Whether this process may mount, which the disk faults need."""
    with tempfile.TemporaryDirectory() as name:
        try:
            with tmpfs(Path(name), mebibytes=1):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


@contextlib.contextmanager
def tmpfs(folder: Path, *, mebibytes: int) -> Iterator[None]:
    """Mount an in-memory file system of this size on the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    try:
        yield
    finally:
        unmount(folder)


@contextlib.contextmanager
def bind_mounted(folder: Path) -> Iterator[None]:
    """Mount the folder on itself, so that it can be made read-only."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "--bind", str(folder), str(folder))
    try:
        yield
    finally:
        unmount(folder)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Remount a bound folder read-only, as soon as no file is open for writing."""
    for attempt in range(100):
        try:
            _run("mount", "-o", "remount,bind,ro", str(folder))
            break
        except subprocess.CalledProcessError:
            if attempt == 99:
                raise
            time.sleep(0.05)
    try:
        yield
    finally:
        _run("mount", "-o", "remount,bind,rw", str(folder))


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Keep the folder's file system filled to the last byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4_096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def write_locked(database: Path) -> Iterator[None]:
    """Hold SQLite's write lock on the database."""
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextlib.contextmanager
def suspended(pid: int) -> Iterator[None]:
    """Stop the process with SIGSTOP, and continue it afterwards."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class HangingFfmpeg:
    """A wrapper around ffmpeg that stops itself as soon as it is started within the `hanging` block."""

    def __init__(self, folder: Path) -> None:
        self._flag = folder / "ffmpeg-hangs"
        self.program = folder / "ffmpeg-that-may-hang"
        self.program.write_text(_HANGING.format(flag=self._flag, ffmpeg=find_ffmpeg()))
        self.program.chmod(0o755)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        self._flag.touch()
        try:
            yield
        finally:
            self._flag.unlink()


class ShiftedClock:
    """Shifts the time of day of the processes that are started with `settings`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock-is-off-by"
        (folder / "clock").mkdir()
        (folder / "clock" / "sitecustomize.py").write_text(_CLOCK)
        path = os.pathsep.join([str(folder / "clock"), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.settings = {"PYTHONPATH": path, "FAULT_CLOCK": str(self._file)}
        self.set(0)

    def set(self, seconds: float) -> None:
        """Set the shift in seconds, at once for all processes."""
        other = self._file.with_suffix(".new")
        other.write_text(str(seconds))
        other.replace(self._file)

    @contextlib.contextmanager
    def set_back(self, seconds: float) -> Iterator[None]:
        self.set(-seconds)
        try:
            yield
        finally:
            self.set(0)


def children(pid: int) -> list[int]:
    """Return the pids of all descendants of the process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [*found, *(grandchild for child in found for grandchild in _children_if_alive(child))]


def children_by_command(pid: int, *words: str) -> list[int]:
    """Return the descendants of the process whose command line contains every one of the words."""
    return [child for child in children(pid) if all(word in _command(child) for word in words)]


def unmount(folder: Path) -> None:
    for attempt in range(100):
        try:
            _run("umount", str(folder))
            return
        except subprocess.CalledProcessError:
            if attempt == 99:
                _run("umount", "--lazy", str(folder))
            time.sleep(0.1)


def _children_if_alive(pid: int) -> list[int]:
    try:
        return children(pid)
    except OSError:
        return []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
