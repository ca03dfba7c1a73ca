"""The client's end of a connection to an engine's process, and the start of the process."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from voxport.engine.process.protocol import PROTOCOL, Header, pack, unpack
from voxport.engine_errors import (
    EngineError,
    EngineUnavailable,
    SampleNotEnrollable,
    TextNotSpeakable,
    VoiceFileError,
    VoiceNotMixable,
)
from voxport.poll import is_hung_up, is_readable, is_writable
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
_STOPPED: Final = "The engine stopped unexpectedly. Try again."
_PINGS: Final = 4
"""A silent process is asked this many times within the time-out whether it still runs."""


@dataclass(frozen=True)
class EngineOptions:
    """The options of an engine's process."""

    threads: int
    niceness: int
    fit_steps: int
    model_path: Path | None

    def to_arguments(self) -> list[str]:
        arguments = ["--threads", str(self.threads), "--niceness", str(self.niceness)]
        arguments += ["--fit-steps", str(self.fit_steps)]
        return arguments + (["--model", str(self.model_path)] if self.model_path else [])


Answer = tuple[Header, bytes] | EngineError


@dataclass
class PendingCall:
    """A call that is sent: its answers arrive in `answers`, progress first."""

    number: int
    loads: bool
    spans: list[tuple[str, int, int]] = field(default_factory=list)
    """What the process did for it: name, begin and end (Unix nanoseconds)."""
    started_at: float | None = None
    """When the process began to serve it (monotonic)."""
    answers: queue.SimpleQueue[Answer] = field(default_factory=queue.SimpleQueue)
    sent_at: float = field(default_factory=time.monotonic)

    @property
    def has_started(self) -> bool:
        return self.started_at is not None


class ConnectionClosed(EngineUnavailable):
    """The connection ended before the call was served: it may be sent again to another process."""


class ProtocolMismatch(EngineUnavailable):
    """The process runs other code than this one."""


class EngineConnection:
    """A connection over which any thread may send calls. A thread of its own receives the answers."""

    def __init__(
        self,
        connection: socket.socket,
        pid: int | None,
        *,
        child: subprocess.Popen[bytes] | None = None,
        idle_seconds: float | None = None,
    ) -> None:
        """`child` is the process, if this connection alone uses it: it is killed when the connection ends. The
        connection is closed when it had no call for `idle_seconds` (None: never)."""
        connection.setblocking(False)
        self._socket = connection
        self.pid = pid
        self._child = child
        self._reader: threading.Thread | None = None
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()  # of the calls and of `_is_open`
        self._write_lock = threading.Lock()  # of the socket: its reading thread closes it under this lock
        self._calls: dict[int, PendingCall] = {}
        self._last_number = 0
        self._is_open = True
        self._is_loaded = False
        self._received_at = self._pinged_at = self._used_at = time.monotonic()

    @classmethod
    def start(
        cls,
        options: EngineOptions,
        timeout: float,
        *,
        inherited: tuple[int, int, str] | None = None,
        idle_seconds: float | None = None,
    ) -> EngineConnection:
        """Start a process and connect to it. `inherited` is the folder and the lock by which others can share it, and
        its name there. Raises EngineUnavailable when it does not answer within `timeout` seconds."""
        ours, theirs = socket.socketpair()
        arguments = ["--client-fd", str(theirs.fileno()), *options.to_arguments()]
        descriptors = [theirs.fileno()]
        if inherited is not None:
            folder, lock, name = inherited
            arguments += ["--folder-fd", str(folder), "--lock-fd", str(lock), "--name", name]
            descriptors += [folder, lock]
        try:
            with theirs:
                child = subprocess.Popen(  # noqa: S603 -- our own program, with our own options
                    [sys.executable, "-P", "-m", "voxport.engine.process.server", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # what a library prints must not be mixed with this process's output
                    env=_environment(),
                    pass_fds=descriptors,
                    start_new_session=True,  # ctrl-C in a terminal reaches only its clients, and it ends with the last
                )
        except OSError as error:
            ours.close()
            raise EngineUnavailable("The engine could not start.") from error
        connection = cls(ours, child.pid, child=child, idle_seconds=idle_seconds)
        try:
            connection.wait_for_hello(timeout)
        except (EOFError, TimeoutError):
            connection.kill()
            child.wait()
            raise EngineUnavailable("The engine could not start.") from None
        except ProtocolMismatch:
            connection.kill()
            child.wait()
            raise
        if inherited is not None:
            connection._share(child)
        return connection

    def wait_for_hello(self, timeout: float) -> None:
        """Wait until the process answers, then receive its answers in a thread. Raises EOFError, TimeoutError and
        ProtocolMismatch."""
        deadline = time.monotonic() + timeout
        try:
            hello, _ = unpack(lambda size: self._read(size, deadline))
        except TimeoutError:
            raise
        except (OSError, ValueError):
            raise EOFError from None
        if hello.get("protocol") != PROTOCOL:
            raise ProtocolMismatch("The engine was updated. Start the gateway again.")
        self._received_at = self._used_at = time.monotonic()
        self._reader = threading.Thread(target=self._receive_all, name="engine", daemon=True)
        self._reader.start()

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def is_loaded(self) -> bool:
        """Whether the process has loaded the network, and answers at once."""
        return self._is_open and self._is_loaded

    @property
    def pending_count(self) -> int:
        return len(self._calls)

    def disable_idle_timeout(self) -> None:
        """Don't close the connection when it is idle."""
        self._idle_seconds = None

    def send(self, header: Header, body: bytes, *, timeout: float) -> PendingCall:
        """Send a call. Raises ConnectionClosed when the connection has ended, and EngineUnavailable when the process
        does not take the call within `timeout` seconds: it is killed."""
        with self._lock:
            if not self._is_open:
                raise ConnectionClosed(_STOPPED)
            self._last_number = number = self._last_number + 1
            self._calls[number] = call = PendingCall(number, loads=header["call"] != "embed")
        self._write(pack({**header, "number": number}, body), timeout)
        return call

    def abandon(self, call: PendingCall) -> None:
        """Tell the process that nobody waits for the call, if it has not ended."""
        with self._lock:
            if self._calls.pop(call.number, None) is None or not self._is_open:
                return
        with contextlib.suppress(EngineUnavailable):
            self._write(pack({"call": "abandon", "number": call.number}), timeout=1.0)

    def require_answering(self, call: PendingCall, timeout: float) -> None:
        """Raise EngineUnavailable, and kill the process, if it sent nothing for `timeout` seconds. It is asked for a
        sign of life before."""
        now = time.monotonic()
        silent_since = max(self._received_at, call.sent_at)
        if now - silent_since > timeout:
            # This process may have been stopped itself, while the answers arrived.
            with self._lock:
                has_answers = self._is_open and is_readable(self._socket.fileno(), 0)
            if not has_answers and silent_since == max(self._received_at, call.sent_at):
                self.kill()
                raise EngineUnavailable("The engine took too long. Try again.")
        elif now - max(silent_since, self._pinged_at) > timeout / _PINGS:
            self._pinged_at = now
            self._write(pack({"call": "ping"}), timeout)

    def kill(self) -> None:
        """Kill the process and close the connection. Its calls raise EngineUnavailable."""
        if self._child is not None:
            self._child.kill()
        elif self.pid is not None:
            self._kill_peer(self.pid)
        self.close()

    def close(self, *, wait: bool = False) -> None:
        """Close the connection; with `wait`, until its thread and its child have ended. A shared process ends itself
        when nobody else is connected."""
        with self._lock, contextlib.suppress(OSError):
            if self._is_open:
                self._is_open = False
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader is None:
            self._socket.close()
        elif wait:
            self._reader.join()

    def _share(self, child: subprocess.Popen[bytes]) -> None:
        """Leave the child to all its clients: it is not killed with this connection. A thread awaits its end."""
        self._child = None
        threading.Thread(target=child.wait, name="engine-reaper", daemon=True).start()

    def _kill_peer(self, pid: int) -> None:
        """Kill a process that this one did not start, if it is still the one at the other end."""
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(pid)
            try:
                with self._lock:
                    # While the other end is open, the number is not another process's.
                    if self._is_open and not is_hung_up(self._socket.fileno()):
                        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)

    def _receive_all(self) -> None:
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                if is_readable(self._socket.fileno(), self._idle_seconds):
                    self._receive(*unpack(lambda size: self._read(size, None)))
                elif self._close_if_idle():
                    break
        with self._lock:
            self._is_open = False
            calls, self._calls = list(self._calls.values()), {}
        with self._write_lock:
            self._socket.close()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        for call in calls:
            call.answers.put(EngineUnavailable(_STOPPED) if call.has_started else ConnectionClosed(_STOPPED))

    def _close_if_idle(self) -> bool:
        with self._lock:
            idle = self._idle_seconds
            if idle is not None and not self._calls and time.monotonic() - self._used_at >= idle:
                self._is_open = False
            return not self._is_open

    def _receive(self, answer: Header, content: bytes) -> None:
        self._received_at = self._used_at = time.monotonic()
        if answer["kind"] == "pong":
            return
        is_last = answer["kind"] not in ("started", "progress")
        with self._lock:
            call = self._calls.pop(answer["number"], None) if is_last else self._calls.get(answer["number"])
        if call is None:
            return
        if answer["kind"] == "started":
            call.started_at = time.monotonic()
        else:
            call.spans += [(str(name), int(start), int(end)) for name, start, end in answer.get("spans", ())]
            self._is_loaded = self._is_loaded or (call.loads and answer["kind"] == "answer")
            call.answers.put(_error(answer) if answer["kind"] == "error" else (answer, content))

    def _read(self, size: int, deadline: float | None) -> bytes:
        """Read exactly `size` bytes. Raises TimeoutError after `deadline` (monotonic), EOFError, OSError."""
        content = bytearray(size)
        rest = memoryview(content)
        while rest:
            if not is_readable(self._socket.fileno(), None if deadline is None else deadline - time.monotonic()):
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                count = self._socket.recv_into(rest)
                if count == 0:
                    raise EOFError
                rest = rest[count:]
        return bytes(content)

    def _write(self, content: bytes, timeout: float) -> None:
        """Raises ConnectionClosed when the connection has ended, and EngineUnavailable after `timeout` seconds: it
        kills the process then, as it would get the next call in the middle of this one."""
        rest = memoryview(content)
        deadline = time.monotonic() + timeout
        try:
            with self._write_lock:
                while rest:
                    if not self._is_open:
                        raise ConnectionClosed(_STOPPED)
                    if not is_writable(self._socket.fileno(), deadline - time.monotonic()):
                        break
                    with contextlib.suppress(BlockingIOError):
                        rest = rest[self._socket.send(rest[: 1 << 16]) :]
        except OSError:
            self.close()
            raise ConnectionClosed(_STOPPED) from None
        if rest:
            self.kill()
            raise EngineUnavailable("The engine took too long. Try again.")


def _error(answer: Header) -> EngineError:
    message = str(answer["message"])
    if answer["type"] == TextNotSpeakable.__name__:
        return TextNotSpeakable(message, language=str(answer["language"]), spoken=LANGUAGES)
    if answer["type"] == VoiceNotMixable.__name__:
        return VoiceNotMixable(message, setting=str(answer["setting"]))
    return _ERRORS.get(str(answer["type"]), EngineError)(message)


def _environment() -> dict[str, str]:
    """The process's environment: the variables it needs, and no secret of its parent."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED_VARIABLES or name.startswith(_INHERITED_PREFIXES)
    }
    return {**_DEFAULTS, **inherited}
