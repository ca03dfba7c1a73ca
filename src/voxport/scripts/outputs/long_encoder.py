"""Runs ffmpeg on the audio of a whole book, with limits that grow with its length."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.ffmpeg import limited_command
from voxport.errors import Unavailable
from voxport.poll import is_writable
from voxport.storage.workdirs import work_dir
from voxport.transient_errors import DISK_ERRORS

PCM_INPUT: Final = (
    *("-probesize", "32", "-analyzeduration", "0", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0"),
)
_BASE_CPU_SECONDS: Final = 120
_CPU_SHARE: Final = 0.1
"""Seconds of processor time for a second of audio. AAC takes 0.003 (measured)."""
_BASE_FILE_BYTES: Final = 32 * 1024**2
_BYTES_PER_SECOND: Final = 24_000
"""Twice 96 kbit/s."""
_MAX_ALLOC: Final = ("-max_alloc", str(1024**3))
"""ffmpeg holds a row for each frame of AAC in one block of memory: about 5 MB an hour."""
_WRITE_TIMEOUT: Final = 60.0
_FINISH_TIMEOUT: Final = 600.0
"""Seconds. With faststart ffmpeg moves the whole file at its end."""


def run_long_ffmpeg(ffmpeg: Path, arguments: Sequence[str], *, seconds: float, pieces: Iterable[Pcm] = ()) -> None:
    """Run ffmpeg on `pieces` as its standard input (`PCM_INPUT`), one after another. `seconds` is the length of the
    audio, for the limits of processor time and file size. ffmpeg is killed if `pieces` or this function fails.

    Raises OSError if the disk is full, Unavailable if ffmpeg was killed or hangs, RuntimeError if it fails otherwise.
    """
    command = limited_command(
        ffmpeg,
        [*_MAX_ALLOC, *arguments],
        cpu_seconds=round(_BASE_CPU_SECONDS + _CPU_SHARE * seconds),
        file_bytes=round(_BASE_FILE_BYTES + _BYTES_PER_SECOND * seconds),
    )
    with (
        work_dir() as folder,
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            bufsize=0,
            cwd=folder,
            env={},
            start_new_session=True,
        ) as child,
    ):
        try:
            is_read = _write(child, pieces)
            exit_code = child.wait(_FINISH_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Unavailable("The audio could not be encoded. Nothing was charged; please try again.") from None
        finally:
            child.kill()
        if exit_code != 0 or not is_read:
            stderr.seek(0)
            raise _failure(exit_code, stderr.read(4096).decode("utf-8", "replace"))


def _write(child: subprocess.Popen[bytes], pieces: Iterable[Pcm]) -> bool:
    """Write the samples and end the input. Returns False if ffmpeg stopped to read."""
    assert child.stdin is not None
    descriptor = child.stdin.fileno()
    os.set_blocking(descriptor, False)
    try:
        for piece in pieces:
            remaining = memoryview(piece.astype("<i2").tobytes())
            while remaining:
                if not is_writable(descriptor, _WRITE_TIMEOUT):
                    raise subprocess.TimeoutExpired(child.args, _WRITE_TIMEOUT)
                try:
                    remaining = remaining[os.write(descriptor, remaining) :]
                except BlockingIOError:
                    continue
    except BrokenPipeError:
        return False
    finally:
        child.stdin.close()
    return True


def _failure(exit_code: int, stderr: str) -> Exception:
    for number in DISK_ERRORS:
        if os.strerror(number) in stderr:
            return OSError(number, os.strerror(number))
    if exit_code < 0:
        return Unavailable("The audio could not be encoded. Nothing was charged; please try again.")
    return RuntimeError(f"ffmpeg could not encode: exit code {exit_code}: {stderr}")
