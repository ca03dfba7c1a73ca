"""Runs ffmpeg as a child process with limits that contain hostile files."""

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

# One thread, no prompts on a terminal, only errors in the log. At most 64 MiB for a single allocation.
COMMON_OPTIONS = (
    *("-nostdin", "-hide_banner", "-loglevel", "error"),
    *("-max_alloc", "67108864", "-threads", "1", "-filter_threads", "1"),
)
# We open the input and pass it as standard input. Through /dev/fd it is seekable, which an index at the end of the
# file requires, and ffmpeg never sees a user's file name.
INPUT_URL = "file:/dev/fd/0"

_MAX_MEMORY_BYTES = 2 * 1024**3
_MAX_OPEN_FILES = 32
_MAX_STDERR_BYTES = 64 * 1024


@dataclass(frozen=True)
class FfmpegLimits:
    """Limits of a run. A run that exceeds one is killed."""

    cpu_seconds: int
    wall_seconds: float
    stdout_bytes: int
    file_bytes: int = 0
    """Maximum size of any file written; 0 allows none."""


@dataclass(frozen=True)
class FfmpegResult:
    exit_code: int
    """A negative value is the signal that ended the run, including a kill for an exceeded limit."""

    stdout: bytes
    stderr: str
    """Standard error, for classifying failures. Never shown to users."""

    timed_out: bool
    exceeded_output: bool
    """True if it wrote more than `stdout_bytes`."""

    cpu_seconds: float
    """CPU time used. It is far below the limit if the machine, and not the file, is slow."""


def find_ffmpeg(configured: Path | None = None, *, search_path: str | None = None) -> Path:
    """Finds ffmpeg: the configured one, else one on PATH (or `search_path`), else imageio-ffmpeg's.

    Raises ValueError if the setting does not name an executable program.
    """
    if configured is None:
        return Path(shutil.which("ffmpeg", path=search_path) or imageio_ffmpeg.get_ffmpeg_exe())
    if not os.access(configured, os.X_OK) or configured.is_dir():
        raise ValueError(f"The ffmpeg setting names {configured}, which is not a program that can be run.")
    return configured.absolute()


def run_ffmpeg(ffmpeg: Path, arguments: Sequence[str], *, stdin: BinaryIO, limits: FfmpegLimits) -> FfmpegResult:
    """Runs ffmpeg in an empty folder and an empty environment, with `stdin` as its input.

    Raises RuntimeError if it can't be started. Other failures are reported in the result.
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
    """Returns the command that runs ffmpeg within limits."""
    limits = map(str, (cpu_seconds, _MAX_MEMORY_BYTES, file_bytes, _MAX_OPEN_FILES))
    return [sys.executable, "-I", "-S", rlimits.__file__, *limits, str(ffmpeg), *COMMON_OPTIONS, *arguments]


def _collect_output(child: subprocess.Popen[bytes], limits: FfmpegLimits) -> FfmpegResult:
    """Reads both pipes until they close or a limit of time or output is reached."""
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
    """Waits up to `timeout` seconds for the child to end. Returns the seconds of CPU time that it used, which Popen's
    `wait` does not report, or None if it is still running."""
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
