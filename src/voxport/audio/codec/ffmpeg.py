"""ffmpeg, as a child process that a hostile file can't make much of."""

from __future__ import annotations

import math
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import imageio_ffmpeg

from voxport.audio.codec import rlimits
from voxport.storage.workdirs import work_dir

# One thread, no questions on a terminal, no log but errors. 64 MiB for any one allocation.
COMMON_OPTIONS = (
    *("-nostdin", "-hide_banner", "-loglevel", "error"),
    *("-max_alloc", "67108864", "-threads", "1", "-filter_threads", "1"),
)
# The input arrives as standard input, opened by us. Through /dev/fd it can be sought in, which an index at
# the end of the file needs, and no name of a user's ever reaches ffmpeg.
INPUT_URL = "file:/dev/fd/0"

_MAX_MEMORY_BYTES = 2 * 1024**3
_MAX_OPEN_FILES = 32
_MAX_STDERR_BYTES = 64 * 1024


@dataclass(frozen=True)
class FfmpegLimits:
    """What a run may use at most. One that wants more is killed."""

    cpu_seconds: int
    wall_seconds: float
    stdout_bytes: int
    file_bytes: int = 0
    """Size of any file that it writes; 0 allows none."""


@dataclass(frozen=True)
class FfmpegResult:
    exit_code: int
    """Negative: the signal that ended it, a kill for a broken limit included."""

    stdout: bytes
    stderr: str
    """What it said on standard error: to sort failures by, never to show."""

    timed_out: bool
    exceeded_output: bool
    """Whether it wrote more than it may."""

    cpu_seconds: float
    """What it used of processor time: far less than it may where the machine, and not the file, is slow."""


def find_ffmpeg(configured: Path | None = None, *, search_path: str | None = None) -> Path:
    """The ffmpeg program: the one that is set, else one on PATH (or `search_path`), else imageio-ffmpeg's.

    Raises ValueError where the setting names no program.
    """
    if configured is None:
        return Path(shutil.which("ffmpeg", path=search_path) or imageio_ffmpeg.get_ffmpeg_exe())
    if not os.access(configured, os.X_OK) or configured.is_dir():
        raise ValueError(f"The ffmpeg setting names {configured}, which is not a program that can be run.")
    return configured.absolute()


def run_ffmpeg(ffmpeg: Path, arguments: Sequence[str], *, stdin: BinaryIO, limits: FfmpegLimits) -> FfmpegResult:
    """Runs ffmpeg in an empty folder and an empty environment, with `stdin` as its input.

    Raises RuntimeError where it can't be started. All else is told by what it returns.
    """
    with (
        work_dir() as folder,
        subprocess.Popen(  # noqa: S603
            limited_command(ffmpeg, arguments, cpu_seconds=limits.cpu_seconds, file_bytes=limits.file_bytes),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={},
            start_new_session=True,
        ) as child,
    ):
        try:
            result = _collect_output(child, limits)
        finally:
            child.kill()
    if result.exit_code == rlimits.EXIT_CANNOT_START:
        raise RuntimeError(f"ffmpeg can't be started: {ffmpeg}")
    return result


def limited_command(ffmpeg: Path, arguments: Sequence[str], *, cpu_seconds: int, file_bytes: int) -> list[str]:
    """The command that runs ffmpeg within limits."""
    limits = map(str, (cpu_seconds, _MAX_MEMORY_BYTES, file_bytes, _MAX_OPEN_FILES))
    return [sys.executable, "-I", "-S", rlimits.__file__, *limits, str(ffmpeg), *COMMON_OPTIONS, *arguments]


def _collect_output(child: subprocess.Popen[bytes], limits: FfmpegLimits) -> FfmpegResult:
    """Reads both pipes until they close, or until time or room is up."""
    assert child.stdout is not None and child.stderr is not None
    deadline = time.monotonic() + limits.wall_seconds
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as pipes:
        pipes.register(child.stdout, selectors.EVENT_READ, stdout)
        pipes.register(child.stderr, selectors.EVENT_READ, stderr)
        while pipes.get_map() and len(stdout) <= limits.stdout_bytes and time.monotonic() < deadline:
            for key, _ in pipes.select(max(0.0, deadline - time.monotonic())):
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    pipes.unregister(key.fileobj)
                elif key.data is stdout or len(stderr) < _MAX_STDERR_BYTES:
                    key.data.extend(chunk)
    exceeded_output = len(stdout) > limits.stdout_bytes
    if exceeded_output:
        child.kill()
    used = _wait_with_usage(child, deadline - time.monotonic())
    timed_out = used is None
    if used is None:
        child.kill()
        used = _wait_with_usage(child, math.inf) or 0.0
    return FfmpegResult(
        child.returncode, b"" if timed_out else bytes(stdout), _decode_stderr(stderr), timed_out, exceeded_output, used
    )


def _wait_with_usage(child: subprocess.Popen[bytes], timeout: float) -> float | None:
    """Wait for the child's end, so long at most; the seconds of processor time that it used, None while it lives.
    Popen's own `wait` does not tell."""
    deadline = time.monotonic() + timeout
    pause = 0.001
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        if time.monotonic() >= deadline:
            return None
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _decode_stderr(stderr: bytearray) -> str:
    return stderr.decode("utf-8", "replace")
