"""The engine in a process of its own, for many threads: calls wait in line and are served one at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voxport.engine.arrays import Floats
from voxport.engine.chunk import Chunk
from voxport.engine.connection import Connection
from voxport.engine.errors import EngineUnavailable
from voxport.engine.protocol import Header

Tell = Callable[[float, bytes], None]
"""Hears how far a call is (0 to 1), and a state to go on from (empty where there is no new one)."""


@dataclass(frozen=True)
class _Told:
    progress: float
    state: bytes


Event = _Told | tuple[Header, bytes] | BaseException
"""What happens to a call: progress, its answer, or why there is none."""


@dataclass
class _Call:
    header: Header
    body: bytes = b""
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    abandoned: bool = False


class EngineProcess:
    """A client of the engine's process. Any thread may call. First come, first served, one at a time.

    The process starts with `start`, or with the first call, and again with the next call after it died. A call
    during which it dies, or does not answer within `call_timeout` seconds (progress counts as an answer), raises
    EngineUnavailable; calls that wait are not touched. The process ends with its parent, however that ends.
    """

    def __init__(
        self,
        *,
        threads: int = 2,
        niceness: int = 10,
        model_path: Path | None = None,
        start_timeout: float = 120,
        call_timeout: float = 120,
    ) -> None:
        """`threads` of computation; `niceness` is added to that of this process; timeouts in seconds."""
        self._options: dict[str, Any] = {
            "threads": threads,
            "niceness": niceness,
            "model_path": model_path,
        }
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._server: threading.Thread | None = None
        self._connection: Connection | None = None
        self._served: _Call | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to start the process; `ready` says when it is loaded."""
        self._enqueue(_Call({"call": "start"}))

    def ready(self) -> bool:
        connection = self._connection
        return connection is not None and connection.ready()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs, for those who watch it."""
        connection = self._connection
        return connection.pid if connection is not None and connection.alive() else None

    def plan(self, text: str, language: str, *, first_short: bool = False) -> list[Chunk]:
        """As `Engine.plan`."""
        header, _ = self._ask({"call": "plan", "text": text, "language": language, "first_short": first_short})
        return [Chunk.from_json(chunk) for chunk in header["chunks"]]

    def speak(self, chunk: Chunk, voice: bytes | str, speed: float = 1.0, *, at: int = 0) -> Floats:
        """float32 mono, 24 kHz. `voice` is a voice file's bytes, or the id of a stock voice; `at` as for Engine."""
        stock, file = (voice, b"") if isinstance(voice, str) else (None, voice)
        request = {"call": "speak", "chunk": chunk.to_json(), "speed": speed, "at": at, "stock": stock}
        return np.frombuffer(self._ask(request, file)[1], "<f4")

    def enrol(
        self, audio: Floats, *, quick: bool = False, tell: Tell | None = None, saved: bytes | None = None
    ) -> bytes:
        """The voice file of the speaker in `audio` (float32 mono, 24 kHz). `tell` is called in the caller's own
        thread, at least twice a second; when it raises, the enrolment is given up and its process ended. `saved` is
        the last state that `tell` heard of an enrolment of the same recording that was killed: this one goes on."""
        state = saved or b""
        return self._ask({"call": "enrol", "quick": quick, "saved": len(state)}, state + _samples(audio), tell)[1]

    def embed(self, audio: Floats) -> Floats:
        """The speaker's embedding, float32 [256] of length 1, of `audio` (float32 mono, 24 kHz)."""
        return np.frombuffer(self._ask({"call": "embed"}, _samples(audio))[1], "<f4")

    def close(self) -> None:
        """End the process. A call that is being served, and those that wait, raise EngineUnavailable."""
        with self._guard:
            self._closed = True
            server = self._server
        connection = self._connection
        if connection is not None:
            connection.kill()
        if server is not None:
            self._calls.put(None)
            server.join()

    def _ask(self, header: Header, body: bytes = b"", tell: Tell | None = None) -> tuple[Header, bytes]:
        call = _Call(header, body)
        self._enqueue(call)
        try:
            while True:
                event = call.events.get()
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, tuple):
                    return event
                if tell is not None:
                    self._tell(call, tell, event)
        finally:
            call.abandoned = True

    def _tell(self, call: _Call, tell: Tell, event: _Told) -> None:
        try:
            tell(event.progress, event.state)
        except BaseException:
            # Nobody waits for the rest of it, which may be minutes: the process goes at once, and the next call
            # starts another.
            with self._guard:
                if self._served is call and self._connection is not None:
                    self._connection.kill()
            raise

    def _enqueue(self, call: _Call) -> None:
        with self._guard:
            if self._closed:
                raise EngineUnavailable("The engine is shut down.")
            if self._server is None:
                # One thread starts and serves the process for as long as this object lives.
                self._server = threading.Thread(target=self._serve, name="engine-process", daemon=True)
                self._server.start()
            self._calls.put(call)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            self._served = call
            try:
                answer: Event = self._answer(call)
            except BaseException as error:
                answer = error
            with self._guard:
                self._served = None
            call.events.put(answer)
        self._drop()

    def _answer(self, call: _Call) -> tuple[Header, bytes]:
        if self._closed:
            raise EngineUnavailable("The engine is shut down.")
        if call.abandoned:
            raise EngineUnavailable("The call was given up.")

        def tell(progress: float, state: bytes) -> None:
            if call.abandoned:
                raise EngineUnavailable("The call was given up.")
            call.events.put(_Told(progress, state))

        try:
            connection = self._running()
            if call.header["call"] == "start":
                return {}, b""
            return connection.exchange(call.header, call.body, timeout=self._call_timeout, progress=tell)
        except EngineUnavailable:
            self._drop()
            raise

    def _running(self) -> Connection:
        if self._connection is not None and not self._connection.alive():
            self._drop()
        if self._connection is None:
            try:
                self._connection = Connection(**self._options)
            except OSError as error:
                raise EngineUnavailable("The engine could not start.") from error
        self._connection.wait(self._start_timeout)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _samples(audio: Floats) -> bytes:
    return np.ascontiguousarray(audio, "<f4").tobytes()
