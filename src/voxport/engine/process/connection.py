"""The parent's connection to one engine process: starts it, exchanges frames with it and ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from voxport.engine.process.protocol import Header, pack, unpack
from voxport.engine_errors import (
    EngineError,
    EngineUnavailable,
    SampleNotEnrollable,
    TextNotSpeakable,
    VoiceFileError,
)
from voxport.poll import is_readable, is_writable
from voxport.text.languages import LANGUAGES

_INHERITED_VARIABLES: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "XDG_CACHE_HOME")
_INHERITED_PREFIXES: Final = ("LC_", "PYTHON", "OPENBLAS_", "OMP_")
_DEFAULTS: Final = {
    # A waiting thread of the fit sleeps, so that it does not spin on a core that another thread needs.
    "OMP_WAIT_POLICY": "PASSIVE",
}
_ERRORS: Final[dict[str, type[EngineError]]] = {
    error.__name__: error for error in (EngineUnavailable, SampleNotEnrollable, VoiceFileError)
}


class EngineConnection:
    """A child process and its pipes. Used by one thread; only `kill` may be called from another."""

    def __init__(self, *, threads: int, niceness: int, fit_steps: int, model_path: Path | None) -> None:
        """Start the process; `wait_until_ready` waits until it is loaded. Raises OSError when it can't be started."""
        command = [sys.executable, "-P", "-m", "voxport.engine.process.child"]
        command += ["--threads", str(threads), "--niceness", str(niceness), "--fit-steps", str(fit_steps)]
        command += ["--model", str(model_path)] if model_path else []
        self._child = subprocess.Popen(  # noqa: S603 -- our own program, with our own options
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            start_new_session=True,  # ctrl-C in a terminal reaches only the parent, which then ends the child
        )
        assert self._child.stdin is not None and self._child.stdout is not None
        self._stdin_fd, self._stdout_fd = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._stdin_fd, False)
        self._deadline = 0.0
        self._progress_callbacks: dict[int, Callable[[float, bytes], None]] = {}  # by the number of the call
        self._last_number = 0
        self._is_loaded = False

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait_until_ready(self, timeout: float) -> None:
        """Wait until the engine is loaded. Raises EngineUnavailable when loading fails or exceeds `timeout` seconds."""
        if not self._is_loaded:
            self._deadline = time.monotonic() + timeout
            self._receive()
            self._is_loaded = True

    def is_ready(self) -> bool:
        return self._is_loaded and self.is_alive()

    def is_alive(self) -> bool:
        return self._child.poll() is None

    def exchange(
        self,
        header: Header,
        body: bytes,
        *,
        timeout: float,
        on_progress: Callable[[float, bytes], None],
        on_pause: Callable[[], None],
    ) -> tuple[Header, bytes]:
        """Send one request and return its answer. Each frame may take `timeout` seconds.

        `on_pause` is called while the process waits between two steps, and may exchange other requests. Raises the
        engine's error, or EngineUnavailable when the process is dead or late; the connection is unusable after that.
        """
        self._last_number = number = self._last_number + 1
        self._progress_callbacks[number] = on_progress
        try:
            self._deadline = time.monotonic() + timeout
            self._send(pack({**header, "number": number}, body))
            while True:
                answer, content = self._receive()
                # A paused call keeps sending progress, which must not extend the deadline of the call in service.
                if answer["number"] == number:
                    self._deadline = time.monotonic() + timeout
                if answer["kind"] == "progress":
                    self._progress_callbacks[answer["number"]](float(answer["progress"]), content)
                elif answer["kind"] == "pause":
                    on_pause()
                    self._deadline = time.monotonic() + timeout
                    self._send(pack({"call": "resume"}))
                else:
                    return answer, content
        finally:
            del self._progress_callbacks[number]

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        """Kill the process, wait for it and close its pipes."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def _receive(self) -> tuple[Header, bytes]:
        try:
            answer, content = unpack(self._read)
        except (EOFError, OSError, ValueError):
            raise EngineUnavailable("The engine stopped unexpectedly. Try again.") from None
        if answer["kind"] == "error":
            raise _error(answer)
        return answer, content

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            if not is_readable(self._stdout_fd, self._remaining()):
                raise EngineUnavailable("The engine took too long. Try again.")
            part = os.read(self._stdout_fd, min(1 << 20, size - len(parts)))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _send(self, content: bytes) -> None:
        remaining = memoryview(content)
        while remaining:
            if not is_writable(self._stdin_fd, self._remaining()):
                raise EngineUnavailable("The engine took too long. Try again.")
            try:
                remaining = remaining[os.write(self._stdin_fd, remaining[: 1 << 16]) :]
            except OSError:
                raise EngineUnavailable("The engine stopped unexpectedly. Try again.") from None

    def _remaining(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


def _error(answer: Header) -> EngineError:
    message = str(answer["message"])
    if answer["type"] == TextNotSpeakable.__name__:
        return TextNotSpeakable(message, language=str(answer["language"]), spoken=LANGUAGES)
    return _ERRORS.get(str(answer["type"]), EngineError)(message)


def _environment() -> dict[str, str]:
    """The child's environment: the variables it needs, and no secret of its parent."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED_VARIABLES or name.startswith(_INHERITED_PREFIXES)
    }
    return {**_DEFAULTS, **inherited}
