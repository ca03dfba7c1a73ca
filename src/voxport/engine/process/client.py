"""The engine in a process of its own, for many threads: one call at a time, shared fairly between callers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voxport.audio.arrays import Floats
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.process.call_queue import CallQueue, Ticket
from voxport.engine.process.connection import Connection
from voxport.engine.process.protocol import Header
from voxport.engine_errors import EngineUnavailable

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

    @property
    def is_short(self) -> bool:
        """Whether it takes seconds at most: all but the fit of a voice, which takes half a minute and more."""
        return self.header["call"] != "enrol" or bool(self.header["quick"])


class EngineProcess:
    """A client of the engine's process. Any thread may call. One call is served at a time; the next is that of the
    `caller` who has used the process least (CallQueue). A call without a caller is a caller of its own. Between the
    steps of an enrolment the calls of others are served.

    The process starts with `start`, or with the first call, and again with the next call after it died. A call
    during which it dies, or does not answer within `call_timeout` seconds (progress counts as an answer), raises
    EngineUnavailable; calls that wait are not touched. The process ends with its parent, however that ends.
    """

    def __init__(
        self,
        *,
        threads: int = 2,
        niceness: int = 0,
        fit_steps: int = FIT_STEPS,
        model_path: Path | None = None,
        start_timeout: float = 120,
        call_timeout: float = 120,
    ) -> None:
        """`threads` of computation; `niceness` is added to that of this process; `fit_steps` is the length
        of a fit; timeouts in seconds."""
        self._options: dict[str, Any] = {
            "threads": threads,
            "niceness": niceness,
            "fit_steps": fit_steps,
            "model_path": model_path,
        }
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._calls: CallQueue[_Call] = CallQueue()
        self._guard = threading.Lock()
        self._server: threading.Thread | None = None
        self._connection: Connection | None = None
        self._served: list[_Call] = []  # the call, and above it one that is served between its steps
        self._closed = False

    def start(self) -> None:
        """Begin to start the process; `ready` says when it is loaded."""
        self._enqueue(_Call({"call": "start"}), None)

    def ready(self) -> bool:
        connection = self._connection
        return connection is not None and connection.ready()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs, for those who watch it."""
        connection = self._connection
        return connection.pid if connection is not None and connection.alive() else None

    def plan(self, text: str, language: str, *, first_short: bool = False, caller: Hashable = None) -> list[Chunk]:
        """As `Engine.plan`."""
        request = {"call": "plan", "text": text, "language": language, "first_short": first_short}
        header, _ = self._ask(request, caller=caller)
        return [Chunk.from_json(chunk) for chunk in header["chunks"]]

    def speak(
        self, chunk: Chunk, voice: bytes | str, speed: float = 1.0, *, at: int = 0, caller: Hashable = None
    ) -> Floats:
        """float32 mono, 24 kHz. `voice` is a voice file's bytes, or the id of a stock voice; `at` as for Engine."""
        stock, file = (voice, b"") if isinstance(voice, str) else (None, voice)
        request = {"call": "speak", "chunk": chunk.to_json(), "speed": speed, "at": at, "stock": stock}
        return np.frombuffer(self._ask(request, file, caller=caller)[1], "<f4")

    def enrol(
        self, audio: Floats, *, quick: bool = False, tell: Tell | None = None, saved: bytes | None = None
    ) -> bytes:
        """The voice file of the speaker in `audio` (float32 mono, 24 kHz). `tell` is called in the caller's own
        thread, at least twice a second; when it raises, the enrolment is given up and its process ended. `saved` is
        the last state that `tell` heard of an enrolment of the same recording that was killed: this one goes on."""
        state = saved or b""
        request = {"call": "enrol", "quick": quick, "saved": len(state)}
        return self._ask(request, state + _samples(audio), tell=tell)[1]

    def embed(self, audio: Floats) -> Floats:
        """The speaker's embedding, float32 [256] of length 1, of `audio` (float32 mono, 24 kHz)."""
        return np.asarray(self.embed_each([audio])[0])

    def embed_each(self, clips: Sequence[Floats]) -> Floats:
        """float32 [clips, 256]: as `embed` for each clip, in one call."""
        request = {"call": "embed", "sizes": [len(clip) for clip in clips]}
        content = self._ask(request, b"".join(_samples(clip) for clip in clips))[1]
        return np.frombuffer(content, "<f4").reshape(len(clips), -1)

    def close(self) -> None:
        """End the process. A call that is being served, and those that wait, raise EngineUnavailable."""
        with self._guard:
            self._closed = True
            server = self._server
        connection = self._connection
        if connection is not None:
            connection.kill()
        if server is not None:
            self._calls.close()
            server.join()

    def _ask(
        self, header: Header, body: bytes = b"", *, tell: Tell | None = None, caller: Hashable = None
    ) -> tuple[Header, bytes]:
        call = _Call(header, body)
        self._enqueue(call, caller)
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
            # starts another. A call of somebody else that is served between two steps is finished first.
            with self._guard:
                call.abandoned = True
                if self._served[-1:] == [call] and self._connection is not None:
                    self._connection.kill()
            raise

    def _enqueue(self, call: _Call, caller: Hashable) -> None:
        with self._guard:
            if self._closed:
                raise EngineUnavailable("The engine is shut down.")
            if self._server is None:
                # One thread starts and serves the process for as long as this object lives.
                self._server = threading.Thread(target=self._serve, name="engine-process", daemon=True)
                self._server.start()
            self._calls.put(object() if caller is None else caller, call)

    def _serve(self) -> None:
        while (ticket := self._calls.take()) is not None:
            self._serve_one(ticket, self._running)
        self._drop()

    def _serve_one(self, ticket: Ticket[_Call], connect: Callable[[], Connection]) -> None:
        call, meter = ticket.item, _Meter(self._calls, ticket)
        with self._guard:
            self._served.append(call)
        try:
            answer: Event = self._answer(call, connect, meter)
        except BaseException as error:
            answer = error
        with self._guard:
            self._served.pop()
        meter.charge()
        self._calls.done(ticket)
        call.events.put(answer)

    def _answer(self, call: _Call, connect: Callable[[], Connection], meter: _Meter) -> tuple[Header, bytes]:
        self._require_wanted(call)

        def tell(progress: float, state: bytes) -> None:
            if self._served[-1] is call:
                self._require_wanted(call)
            call.events.put(_Told(progress, state))

        try:
            connection = connect()
            if call.header["call"] == "start":
                return {}, b""
            return connection.exchange(
                call.header,
                call.body,
                timeout=self._call_timeout,
                progress=tell,
                pause=lambda: self._let_others_in(call, connection, meter),
            )
        except EngineUnavailable:
            self._drop()
            raise

    def _let_others_in(self, call: _Call, connection: Connection, meter: _Meter) -> None:
        """Serve the calls whose turn it is before the next step of the enrolment `call`. One after the other, none
        between the steps of these, and no fit: memory does not grow with those who wait."""
        if self._served[0] is not call:
            return
        meter.charge()
        while not call.abandoned and (ticket := meter.next_before(lambda other: other.is_short)) is not None:
            self._serve_one(ticket, lambda: connection)
            if self._connection is not connection:
                raise EngineUnavailable("The engine stopped unexpectedly. Try again.")
        meter.restart()
        self._require_wanted(call)

    def _require_wanted(self, call: _Call) -> None:
        if self._closed:
            raise EngineUnavailable("The engine is shut down.")
        if call.abandoned:
            raise EngineUnavailable("The call was given up.")

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


class _Meter:
    """Charges a call for the time in which it is served, without that of the calls between its steps."""

    def __init__(self, calls: CallQueue[_Call], ticket: Ticket[_Call]) -> None:
        self._calls = calls
        self._ticket = ticket
        self._began = time.monotonic()

    def charge(self) -> None:
        now = time.monotonic()
        self._calls.charge(self._ticket, now - self._began)
        self._began = now

    def restart(self) -> None:
        self._began = time.monotonic()

    def next_before(self, is_wanted: Callable[[_Call], bool]) -> Ticket[_Call] | None:
        return self._calls.take_if(is_wanted, behind=self._ticket)


def _samples(audio: Floats) -> bytes:
    return np.ascontiguousarray(audio, "<f4").tobytes()
