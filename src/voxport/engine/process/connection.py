"""One running engine process, seen from its parent: start it, exchange frames with it, end it."""

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

_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "XDG_CACHE_HOME")
_KEPT_PREFIXES: Final = ("LC_", "PYTHON", "OPENBLAS_", "OMP_")
_DEFAULTS: Final = {
    # A thread of the fit that waits for another sleeps in place of burning the core that the other needs.
    "OMP_WAIT_POLICY": "PASSIVE",
}
_ERRORS: Final[dict[str, type[EngineError]]] = {
    error.__name__: error for error in (EngineUnavailable, SampleNotEnrollable, VoiceFileError)
}


class Connection:
    """A child process and its pipes. Used by one thread; only `kill` may be called from another."""

    def __init__(self, *, threads: int, niceness: int, fit_steps: int, model_path: Path | None) -> None:
        """Starts the process; `wait` waits until it is loaded. Raises OSError when it can't be started."""
        command = [sys.executable, "-P", "-m", "voxport.engine.process.child"]
        command += ["--threads", str(threads), "--niceness", str(niceness), "--fit-steps", str(fit_steps)]
        command += ["--model", str(model_path)] if model_path else []
        self._child = subprocess.Popen(  # noqa: S603 -- our own program, with our own options
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            start_new_session=True,  # ctrl-C in a terminal is for the parent, which then ends the child
        )
        assert self._child.stdin is not None and self._child.stdout is not None
        self._to, self._from = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._to, False)
        self._deadline = 0.0
        self._progress: dict[int, Callable[[float, bytes], None]] = {}  # by the number of the call
        self._number = 0
        self._loaded = False

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait(self, timeout: float) -> None:
        """Until the engine is loaded. Raises EngineUnavailable when it can't be, or not in `timeout` seconds."""
        if not self._loaded:
            self._deadline = time.monotonic() + timeout
            self._receive()
            self._loaded = True

    def ready(self) -> bool:
        return self._loaded and self.alive()

    def alive(self) -> bool:
        return self._child.poll() is None

    def exchange(
        self,
        header: Header,
        body: bytes,
        *,
        timeout: float,
        progress: Callable[[float, bytes], None],
        pause: Callable[[], None],
    ) -> tuple[Header, bytes]:
        """The answer to one request. Each frame may take `timeout` seconds. `pause` is called where the process waits
        between two steps, and may exchange other requests. Raises what the engine raised, and EngineUnavailable when
        the process is gone or late: then it is of no use any more."""
        self._number = number = self._number + 1
        self._progress[number] = progress
        try:
            self._deadline = time.monotonic() + timeout
            self._send(pack({**header, "number": number}, body))
            while True:
                answer, content = self._receive()
                # A call that pauses goes on telling that it lives, which says nothing of the one that is served.
                if answer["number"] == number:
                    self._deadline = time.monotonic() + timeout
                if answer["kind"] == "progress":
                    self._progress[answer["number"]](float(answer["progress"]), content)
                elif answer["kind"] == "pause":
                    pause()
                    self._deadline = time.monotonic() + timeout
                    self._send(pack({"call": "resume"}))
                else:
                    return answer, content
        finally:
            del self._progress[number]

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        """End the process and wait for it. The pipes close with it."""
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
            if not is_readable(self._from, self._remaining()):
                raise EngineUnavailable("The engine took too long. Try again.")
            part = os.read(self._from, min(1 << 20, size - len(parts)))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _send(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            if not is_writable(self._to, self._remaining()):
                raise EngineUnavailable("The engine took too long. Try again.")
            try:
                rest = rest[os.write(self._to, rest[: 1 << 16]) :]
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
    """What the child needs, and no secret of its parent."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return {**_DEFAULTS, **kept}
