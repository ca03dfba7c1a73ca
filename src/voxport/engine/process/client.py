"""A thread-safe client of the engine's process. It serves one call at a time and is fair to its callers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.process.call_queue import CallQueue, CallTicket
from voxport.engine.process.connection import EngineConnection
from voxport.engine.process.protocol import Header
from voxport.engine_errors import EngineUnavailable

OnProgress = Callable[[float, bytes], None]
"""Called with the progress of a call (0 to 1) and a checkpoint to resume from (empty when there is no new one)."""


@dataclass(frozen=True)
class _Progress:
    progress: float
    state: bytes


CallEvent = _Progress | tuple[Header, bytes] | BaseException
"""An event of a call: its progress, its answer, or the error that ended it."""


@dataclass
class _EngineCall:
    header: Header
    body: bytes = b""
    events: queue.SimpleQueue[CallEvent] = field(default_factory=queue.SimpleQueue)
    is_abandoned: bool = False

    @property
    def is_short(self) -> bool:
        """Whether the call takes a few seconds at most. Only the fit of a voice takes longer: half a minute or more."""
        return self.header["call"] != "enrol" or bool(self.header["instant"])


class EngineProcess:
    """A client of the engine's process, which any thread may call.

    One call is served at a time; the next is that of the `caller` that has used the process least (CallQueue). A call
    without a caller counts as a caller of its own. Other calls are served between the steps of an enrolment.

    `start` or the first call starts the process, and the next call restarts it after it died. A call raises
    EngineUnavailable when the process dies during it or does not answer within `call_timeout` seconds (progress counts
    as an answer); waiting calls are not affected. The process ends with its parent, however the parent ends.
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
        """`threads` is the number of computing threads; `niceness` is added to that of this process; `fit_steps` is
        the length of a fit; timeouts are in seconds."""
        self._options: dict[str, Any] = {
            "threads": threads,
            "niceness": niceness,
            "fit_steps": fit_steps,
            "model_path": model_path,
        }
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._calls: CallQueue[_EngineCall] = CallQueue()
        self._lock = threading.Lock()
        self._server_thread: threading.Thread | None = None
        self._connection: EngineConnection | None = None
        self._calls_in_service: list[_EngineCall] = []  # a stack: the call, then one served between its steps
        self._is_closed = False

    def start(self) -> None:
        """Start the process without waiting for it; `is_ready` says when it is loaded."""
        self._enqueue(_EngineCall({"call": "start"}), None)

    def is_ready(self) -> bool:
        connection = self._connection
        return connection is not None and connection.is_ready()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs, for monitoring."""
        connection = self._connection
        return connection.pid if connection is not None and connection.is_alive() else None

    def plan(
        self, text: str, language: str, *, short_first_chunk: bool = False, caller: Hashable = None
    ) -> list[Chunk]:
        """See `Engine.plan`."""
        request = {"call": "plan", "text": text, "language": language, "short_first_chunk": short_first_chunk}
        header, _ = self._request(request, caller=caller)
        return [Chunk.from_json(chunk) for chunk in header["chunks"]]

    def speak(
        self, chunk: Chunk, voice: bytes | str, speed: float = 1.0, *, start_sample: int = 0, caller: Hashable = None
    ) -> FloatArray:
        """Speak a chunk: float32 mono, 24 kHz. `voice` is a voice file's bytes or the id of a stock voice;
        `start_sample` is that of `Engine.speak`."""
        stock, file = (voice, b"") if isinstance(voice, str) else (None, voice)
        request = {
            "call": "speak",
            "chunk": chunk.to_json(),
            "speed": speed,
            "start_sample": start_sample,
            "stock": stock,
        }
        return np.frombuffer(self._request(request, file, caller=caller)[1], "<f4")

    def enrol(
        self,
        audio: FloatArray,
        *,
        instant: bool = False,
        on_progress: OnProgress | None = None,
        checkpoint: bytes | None = None,
    ) -> bytes:
        """Make the voice file of the speaker in `audio` (float32 mono, 24 kHz).

        `on_progress` is called in the caller's own thread, at least twice a second. When it raises, the enrolment is
        abandoned and its process killed. `checkpoint` resumes a killed enrolment of the same recording: it is the
        last state that `on_progress` received from that one.
        """
        state = checkpoint or b""
        request = {"call": "enrol", "instant": instant, "checkpoint": len(state)}
        return self._request(request, state + _to_bytes(audio), on_progress=on_progress)[1]

    def embed(self, audio: FloatArray) -> FloatArray:
        """The speaker embedding of `audio` (float32 mono, 24 kHz): float32 [256] of length 1."""
        return np.asarray(self.embed_each([audio])[0])

    def embed_each(self, clips: Sequence[FloatArray]) -> FloatArray:
        """The embedding of each clip, float32 [clips, 256], in one call."""
        request = {"call": "embed", "sizes": [len(clip) for clip in clips]}
        content = self._request(request, b"".join(_to_bytes(clip) for clip in clips))[1]
        return np.frombuffer(content, "<f4").reshape(len(clips), -1)

    def close(self) -> None:
        """End the process. Calls in service and waiting calls raise EngineUnavailable."""
        with self._lock:
            self._is_closed = True
            server_thread = self._server_thread
        connection = self._connection
        if connection is not None:
            connection.kill()
        if server_thread is not None:
            self._calls.close()
            server_thread.join()

    def _request(
        self, header: Header, body: bytes = b"", *, on_progress: OnProgress | None = None, caller: Hashable = None
    ) -> tuple[Header, bytes]:
        call = _EngineCall(header, body)
        self._enqueue(call, caller)
        try:
            while True:
                event = call.events.get()
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, tuple):
                    return event
                if on_progress is not None:
                    self._report_progress(call, on_progress, event)
        finally:
            call.is_abandoned = True

    def _report_progress(self, call: _EngineCall, on_progress: OnProgress, event: _Progress) -> None:
        try:
            on_progress(event.progress, event.state)
        except BaseException:
            # Nobody needs the rest of the call, which may take minutes, so the process is killed at once and the next
            # call starts another. A call of another caller that is served between two steps finishes first.
            with self._lock:
                call.is_abandoned = True
                if self._calls_in_service[-1:] == [call] and self._connection is not None:
                    self._connection.kill()
            raise

    def _enqueue(self, call: _EngineCall, caller: Hashable) -> None:
        with self._lock:
            if self._is_closed:
                raise EngineUnavailable("The engine is shut down.")
            if self._server_thread is None:
                # One thread starts and serves the process during the lifetime of this object.
                self._server_thread = threading.Thread(target=self._serve, name="engine-process", daemon=True)
                self._server_thread.start()
            self._calls.put(object() if caller is None else caller, call)

    def _serve(self) -> None:
        while (ticket := self._calls.take()) is not None:
            self._serve_one(ticket, self._ensure_connection)
        self._disconnect()

    def _serve_one(self, ticket: CallTicket[_EngineCall], connect: Callable[[], EngineConnection]) -> None:
        call, meter = ticket.item, _ServiceMeter(self._calls, ticket)
        with self._lock:
            self._calls_in_service.append(call)
        try:
            answer: CallEvent = self._exchange(call, connect, meter)
        except BaseException as error:
            answer = error
        with self._lock:
            self._calls_in_service.pop()
        meter.charge()
        self._calls.finish(ticket)
        call.events.put(answer)

    def _exchange(
        self, call: _EngineCall, connect: Callable[[], EngineConnection], meter: _ServiceMeter
    ) -> tuple[Header, bytes]:
        self._raise_if_abandoned(call)

        def report(progress: float, state: bytes) -> None:
            if self._calls_in_service[-1] is call:
                self._raise_if_abandoned(call)
            call.events.put(_Progress(progress, state))

        try:
            connection = connect()
            if call.header["call"] == "start":
                return {}, b""
            return connection.exchange(
                call.header,
                call.body,
                timeout=self._call_timeout,
                on_progress=report,
                on_pause=lambda: self._serve_others(call, connection, meter),
            )
        except EngineUnavailable:
            self._disconnect()
            raise

    def _serve_others(self, call: _EngineCall, connection: EngineConnection, meter: _ServiceMeter) -> None:
        """Serve the calls that are due before the next step of the enrolment `call`, one after the other.

        No other call is served between the steps of these, and none of them is a fit, so memory does not grow with
        the number of waiting calls.
        """
        if self._calls_in_service[0] is not call:
            return
        meter.charge()
        while (
            not call.is_abandoned and (ticket := meter.take_before_next_step(lambda other: other.is_short)) is not None
        ):
            self._serve_one(ticket, lambda: connection)
            if self._connection is not connection:
                raise EngineUnavailable("The engine stopped unexpectedly. Try again.")
        meter.restart()
        self._raise_if_abandoned(call)

    def _raise_if_abandoned(self, call: _EngineCall) -> None:
        if self._is_closed:
            raise EngineUnavailable("The engine is shut down.")
        if call.is_abandoned:
            raise EngineUnavailable("The call was given up.")

    def _ensure_connection(self) -> EngineConnection:
        if self._connection is not None and not self._connection.is_alive():
            self._disconnect()
        if self._connection is None:
            try:
                self._connection = EngineConnection(**self._options)
            except OSError as error:
                raise EngineUnavailable("The engine could not start.") from error
        self._connection.wait_until_ready(self._start_timeout)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _ServiceMeter:
    """Charges a call for its service time, without the time of the calls served between its steps."""

    def __init__(self, calls: CallQueue[_EngineCall], ticket: CallTicket[_EngineCall]) -> None:
        self._calls = calls
        self._ticket = ticket
        self._started_at = time.monotonic()

    def charge(self) -> None:
        now = time.monotonic()
        self._calls.charge(self._ticket, now - self._started_at)
        self._started_at = now

    def restart(self) -> None:
        self._started_at = time.monotonic()

    def take_before_next_step(self, is_wanted: Callable[[_EngineCall], bool]) -> CallTicket[_EngineCall] | None:
        return self._calls.take_if(is_wanted, current=self._ticket)


def _to_bytes(audio: FloatArray) -> bytes:
    return np.ascontiguousarray(audio, "<f4").tobytes()
