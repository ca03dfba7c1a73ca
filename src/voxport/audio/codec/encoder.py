"""Runs ffmpeg as an encoder that receives samples as they are made."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
import termios
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.ffmpeg import limited_command
from voxport.errors import Unavailable
from voxport.poll import is_readable, is_writable
from voxport.storage.workdirs import work_dir
from voxport.transient_errors import DISK_ERRORS

# 100,000 characters at half speed are at most 10 hours of audio. Opus, the slowest, takes 0.01 s per second of audio
# (measured); the limit is five times that. No encoded file is larger than the samples at 48 kHz (3.5 GB).
_CPU_SECONDS = 1_800
_FILE_BYTES = 4 * 1024**3
_TIMEOUT_SECONDS = 60.0
STALL_TIMEOUT = 30.0
"""Seconds without output, while input is pending, after which an encoder counts as hung. Normally it takes 0.01 s."""
_POLL_SECONDS = 0.5
# The samples need no probing, so that output starts as early as possible. Tags and the encoder's version are omitted,
# so that files reveal nothing about the machine and the same samples give the same bytes.
_INPUT_OPTIONS = ("-probesize", "32", "-analyzeduration", "0", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1")
_REPRODUCIBLE_OPTIONS = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact")


class EncoderStalled(Unavailable):
    """ffmpeg hangs."""


class FfmpegEncoder:
    """One run of ffmpeg, which is killed when its `with` block is left.

    One thread writes, one may read (with `to_pipe`), and any may call `kill`.
    """

    def __init__(
        self,
        ffmpeg: Path,
        encoder_options: Sequence[str],
        target: str,
        *,
        to_pipe: bool,
        stall_timeout: float = STALL_TIMEOUT,
    ) -> None:
        """`encoder_options` are ffmpeg's options; `target` is a `file:` URL or `pipe:1`."""
        self._stall_timeout = stall_timeout
        arguments = [*_INPUT_OPTIONS, "-i", "pipe:0", *encoder_options, *_REPRODUCIBLE_OPTIONS, "-y", target]
        self._is_piped = to_pipe
        with ExitStack() as stack:
            folder = stack.enter_context(work_dir())
            self._stderr = stack.enter_context(tempfile.TemporaryFile())
            self._child = subprocess.Popen(  # noqa: S603
                limited_command(ffmpeg, arguments, cpu_seconds=_CPU_SECONDS, file_bytes=_FILE_BYTES),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if to_pipe else subprocess.DEVNULL,
                stderr=self._stderr,
                bufsize=0,
                cwd=folder,
                env={},
                start_new_session=True,
            )
            self._files = stack.pop_all()
        assert self._child.stdin is not None
        os.set_blocking(self._child.stdin.fileno(), False)

    def write(self, samples: Pcm) -> None:
        """Writes samples. Raises OSError if the disk is full, Unavailable if ffmpeg was killed or, when it writes a
        file, accepts no input for a minute, otherwise RuntimeError. With a pipe, a slow reader may block it without
        limit."""
        assert self._child.stdin is not None
        descriptor = self._child.stdin.fileno()
        remaining = memoryview(samples.astype("<i2").tobytes())
        while remaining:
            if not is_writable(descriptor, None if self._is_piped else _TIMEOUT_SECONDS):
                self.kill()
            try:
                remaining = remaining[os.write(descriptor, remaining) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._failure() from None

    def end_input(self) -> None:
        """Signals the end of the samples."""
        assert self._child.stdin is not None
        self._child.stdin.close()

    def read(self) -> bytes:
        """Returns encoded bytes as soon as there are any, or b"" at the end. Waits without limit for samples. If input
        is pending but no output comes, kills ffmpeg and raises EncoderStalled."""
        assert self._child.stdout is not None
        descriptor, stalled = self._child.stdout.fileno(), 0.0
        while not is_readable(descriptor, _POLL_SECONDS):
            # Count polls instead of clock time, so that a suspended machine does not look like a hung encoder.
            stalled = stalled + _POLL_SECONDS if self._has_samples() else 0.0
            if stalled >= self._stall_timeout:
                self.kill()
                raise EncoderStalled("The audio could not be encoded. Nothing was charged; please try again.")
        return os.read(descriptor, 1 << 16)

    def _has_samples(self) -> bool:
        """Returns True if samples, or the end of input, are waiting for ffmpeg to read them."""
        assert self._child.stdin is not None
        waiting = array("i", [0])
        try:
            fcntl.ioctl(self._child.stdin.fileno(), termios.FIONREAD, waiting)
        except (OSError, ValueError):  # closed: the end of input was signalled
            return True
        return waiting[0] > 0

    def finish(self) -> None:
        """Waits until ffmpeg has written everything. Raises as `write` does."""
        try:
            self._child.wait(_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._child.wait() != 0:
            raise self._failure()

    def kill(self) -> None:
        self._child.kill()

    def __enter__(self) -> FfmpegEncoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._files.close()

    def _failure(self) -> Exception:
        """Returns the exception for a failed run: distinguishes errors that can be retried from bugs."""
        exit_code = self._child.wait()
        self._stderr.seek(0)
        stderr = self._stderr.read(4096).decode("utf-8", "replace")
        for number in DISK_ERRORS:
            if os.strerror(number) in stderr:
                return OSError(number, os.strerror(number))
        if exit_code < 0:
            return Unavailable("The audio could not be encoded. Nothing was charged; please try again.")
        return RuntimeError(f"ffmpeg could not encode: exit code {exit_code}: {stderr}")
