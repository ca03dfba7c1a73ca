"""A thread-safe client of the engine's process."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesis import Synthesis
from voxport.engine.process.connection import ConnectionClosed, EngineConnection, EngineOptions, PendingCall
from voxport.engine.process.protocol import Header
from voxport.engine.process.shared import SharedEngine
from voxport.engine_errors import EngineError, EngineUnavailable
from voxport.telemetry.tracing import record_times, start_span
from voxport.text.reading import ReadSentence
from voxport.text.ssml.document import Document

OnProgress = Callable[[float, bytes], None]
"""Called with the progress of a call (0 to 1) and a checkpoint to resume from (empty when there is no new one)."""

_REPORT_SECONDS: Final = 0.5
"""Interval at which the last progress is repeated. The caller can notice a cancellation only in its callback."""
_CHECKS: Final = 20
"""How often a waiting call checks within the time-out whether the process still answers."""
_BYTES_PER_SECOND: Final = 4 * SAMPLE_RATE
"""Of the float32 audio in an answer."""
_MAX_TRIES: Final = 5
"""How often a call is sent if the process dies each time before it serves the call."""
_IDLE_SECONDS: Final = 300.0


class OnCallEnd(Protocol):
    """Called when a call has ended, with its name, its wait in the queue, its service time and the seconds of audio
    that it made."""

    def __call__(
        self, call: str, *, queue_seconds: float, seconds: float, audio_seconds: float, has_failed: bool
    ) -> None: ...


class EngineProcess:
    """A client of the engine's process, which any thread may call.

    With `shared_in`, a folder, all processes that name the same folder and options use one engine. Otherwise the
    process is this client's own. One call is served at a time, over all clients; the next is that of the `caller` that
    has used the process least (CallQueue). A call without a caller counts as a caller of its own. Other calls are
    served between the steps of an enrolment.

    `start` or the first call starts the process, and the next call restarts it after it died. A call raises
    EngineUnavailable when the process dies during it or sends no sign of life for `call_timeout` seconds; calls that
    wait are sent to the next process. The process ends with its last client, however that ends. A client of a shared
    one leaves it when it had no call for `idle_seconds`, and returns with the next; one that called `start` stays.
    """

    def __init__(
        self,
        *,
        threads: int = 2,
        niceness: int = 0,
        fit_steps: int = FIT_STEPS,
        model_path: Path | None = None,
        shared_in: Path | None = None,
        start_timeout: float = 120,
        call_timeout: float = 120,
        idle_seconds: float = _IDLE_SECONDS,
        on_call_end: OnCallEnd | None = None,
    ) -> None:
        """`threads` is the number of computing threads; `niceness` is added to that of this process; `fit_steps` is
        the length of a fit; timeouts are in seconds."""
        self._options = EngineOptions(threads, niceness, fit_steps, model_path)
        self._shared = None if shared_in is None else SharedEngine(shared_in, self._options, idle_seconds=idle_seconds)
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._on_call_end = on_call_end
        self._connect_lock = threading.Lock()
        self._connection: EngineConnection | None = None
        self._lock = threading.Lock()  # of the state below
        self._starter: threading.Thread | None = None
        self._start_error: EngineError | None = None
        self._is_kept = False
        self._is_closed = False

    def start(self) -> None:
        """Start the process and load the engine, without waiting; `is_ready` says when it is loaded. From then on this
        client keeps the process running."""
        with self._lock:
            self._is_kept = True
            if self._is_closed or (self._starter is not None and self._starter.is_alive()):
                return
            self._starter = threading.Thread(target=self._load, name="engine-start", daemon=True)
            self._starter.start()

    def is_ready(self) -> bool:
        """Whether the engine is loaded and answers at once. Raises the error of the last start, once."""
        with self._lock:
            error, self._start_error = self._start_error, None
        if error is not None:
            raise error
        connection = self._connection
        return connection is not None and connection.is_loaded

    @property
    def pid(self) -> int | None:
        """The process's id while this client is connected, for monitoring."""
        connection = self._connection
        return connection.pid if connection is not None and connection.is_open else None

    @property
    def pending_count(self) -> int:
        """How many calls of this client wait or are served, for monitoring."""
        connection = self._connection
        return connection.pending_count if connection is not None else 0

    def plan(
        self,
        text: str,
        language: str,
        *,
        document: Document | None = None,
        short_first_chunk: bool = False,
        with_words: bool = False,
        caller: str | None = None,
    ) -> list[Chunk]:
        """See `Engine.plan`."""
        request = {
            "call": "plan",
            "text": text,
            "language": language,
            "document": None if document is None else document.to_json(),
            "short_first_chunk": short_first_chunk,
            "with_words": with_words,
        }
        header, _ = self._request(request, caller=caller)
        return [Chunk.from_json(chunk) for chunk in header["chunks"]]

    def read(self, text: str, language: str, *, document: Document | None = None) -> list[ReadSentence]:
        """See `Engine.read`."""
        request = {
            "call": "read",
            "text": text,
            "language": language,
            "document": None if document is None else document.to_json(),
        }
        header, _ = self._request(request)
        return [ReadSentence(**sentence) for sentence in header["sentences"]]

    def speak(
        self,
        chunk: Chunk,
        voice: bytes | str,
        speed: float = 1.0,
        *,
        start_sample: int = 0,
        caller: str | None = None,
    ) -> FloatArray:
        """Speak a chunk: float32 mono, 24 kHz. `voice` is a voice file's bytes or the id of a stock voice;
        `start_sample` is that of `Engine.speak`."""
        return self.speak_timed(chunk, voice, speed, start_sample=start_sample, caller=caller).audio

    def speak_timed(
        self,
        chunk: Chunk,
        voice: bytes | str,
        speed: float = 1.0,
        *,
        start_sample: int = 0,
        caller: str | None = None,
    ) -> Synthesis:
        """Speak a chunk as `speak` does, and say at which sample each token starts: see `Engine.speak_timed`."""
        stock, file = (voice, b"") if isinstance(voice, str) else (None, voice)
        request = {
            "call": "speak",
            "chunk": chunk.to_json(),
            "speed": speed,
            "start_sample": start_sample,
            "stock": stock,
        }
        header, content = self._request(request, file, caller=caller)
        return Synthesis(np.frombuffer(content, "<f4"), np.array(header["token_starts"], np.int64))

    def enrol(
        self,
        audio: FloatArray,
        *,
        instant: bool = False,
        on_progress: OnProgress | None = None,
        checkpoint: bytes | None = None,
    ) -> bytes:
        """Make the voice file of the speaker in `audio` (float32 mono, 24 kHz).

        `on_progress` is called in the caller's own thread, at least twice a second. When it raises, the enrolment ends
        with its next step, and at once where the process is this client's own and has no other call. `checkpoint`
        resumes a killed enrolment of the same recording: it is the last state that `on_progress` received from that
        one.
        """
        state = checkpoint or b""
        request = {"call": "enrol", "instant": instant, "checkpoint": len(state)}
        return self._request(request, state + _to_bytes(audio), on_progress=on_progress)[1]

    def mix_voices(
        self,
        parts: Sequence[tuple[bytes | str, float]],
        *,
        pitch: float = 0.0,
        rate: float = 1.0,
        tone: float = 0.0,
        language: str | None = None,
        caller: str | None = None,
    ) -> tuple[bytes, str]:
        """Make the voice file of a mix, and return it with its language: see `Engine.mix_voices`."""
        files = [b"" if isinstance(part, str) else part for part, _ in parts]
        request = {
            "call": "mix",
            "stocks": [part if isinstance(part, str) else None for part, _ in parts],
            "sizes": [len(file) for file in files],
            "weights": [weight for _, weight in parts],
            "pitch": pitch,
            "rate": rate,
            "tone": tone,
            "language": language,
        }
        header, file = self._request(request, b"".join(files), caller=caller)
        return file, str(header["language"])

    def embed(self, audio: FloatArray) -> FloatArray:
        """The speaker embedding of `audio` (float32 mono, 24 kHz): float32 [256] of length 1."""
        return np.asarray(self.embed_each([audio])[0])

    def embed_each(self, clips: Sequence[FloatArray]) -> FloatArray:
        """The embedding of each clip, float32 [clips, 256], in one call. Loads only the speaker encoder."""
        request = {"call": "embed", "sizes": [len(clip) for clip in clips]}
        content = self._request(request, b"".join(_to_bytes(clip) for clip in clips))[1]
        return np.frombuffer(content, "<f4").reshape(len(clips), -1)

    def close(self) -> None:
        """Leave the process, which ends if this was its last client. Calls that wait raise EngineUnavailable."""
        with self._lock:
            self._is_closed = True
        connection = self._connection
        if connection is not None:
            if self._shared is None:
                connection.kill()
            connection.close(wait=self._shared is None)

    def _request(
        self, header: Header, body: bytes = b"", *, on_progress: OnProgress | None = None, caller: str | None = None
    ) -> tuple[Header, bytes]:
        request = {**header, "caller": caller}
        for tries_left in reversed(range(_MAX_TRIES)):
            try:
                return self._exchange(request, body, on_progress)
            except ConnectionClosed:
                # The process was idle and left, or died of another call: this one has not begun.
                if tries_left == 0:
                    raise
            except EngineUnavailable:
                self._raise_if_closed()
                raise
        raise AssertionError

    def _exchange(self, header: Header, body: bytes, on_progress: OnProgress | None) -> tuple[Header, bytes]:
        with start_span(f"engine {header['call']}", "client") as span:
            if span.traceparent is not None:
                header = {**header, "traceparent": span.traceparent}
            return self._exchange_in_span(header, body, on_progress)

    def _exchange_in_span(self, header: Header, body: bytes, on_progress: OnProgress | None) -> tuple[Header, bytes]:
        connection = self._connect()
        call = connection.send(header, body, timeout=self._call_timeout)
        content, has_failed = b"", False
        try:
            answer, content = self._await_answer(connection, call, on_progress)
            return answer, content
        except EngineError:
            has_failed = True
            raise
        finally:
            for name, start, end in call.spans:
                record_times(name, start, end, kind="server")
            connection.abandon(call)
            self._report_end(str(header["call"]), call, content, has_failed)

    def _report_end(self, name: str, call: PendingCall, content: bytes, has_failed: bool) -> None:
        if self._on_call_end is None:
            return
        ended = time.monotonic()
        started = ended if call.started_at is None else call.started_at
        self._on_call_end(
            name,
            queue_seconds=started - call.sent_at,
            seconds=ended - started,
            audio_seconds=len(content) / _BYTES_PER_SECOND if name == "speak" else 0.0,
            has_failed=has_failed,
        )

    def _await_answer(
        self, connection: EngineConnection, call: PendingCall, on_progress: OnProgress | None
    ) -> tuple[Header, bytes]:
        progress, seconds = 0.0, self._call_timeout / _CHECKS
        while True:
            try:
                answer = call.answers.get(timeout=seconds if on_progress is None else min(seconds, _REPORT_SECONDS))
            except queue.Empty:
                connection.require_answering(call, self._call_timeout)
                answer = {"kind": "progress", "progress": progress}, b""
            if isinstance(answer, EngineError):
                raise answer
            header, content = answer
            if header["kind"] != "progress":
                return header, content
            progress = float(header["progress"])
            if on_progress is not None:
                self._report_progress(connection, on_progress, progress, content)

    def _report_progress(
        self, connection: EngineConnection, on_progress: OnProgress, progress: float, state: bytes
    ) -> None:
        try:
            on_progress(progress, state)
        except BaseException:
            # Nobody needs the rest of the step, which may take long. The next call starts another process.
            if self._shared is None and connection.pending_count == 1:
                connection.kill()
            raise

    def _connect(self) -> EngineConnection:
        with self._connect_lock:
            self._raise_if_closed()
            if self._connection is None or not self._connection.is_open:
                self._connection = None
                connection = (
                    EngineConnection.start(self._options, self._start_timeout)
                    if self._shared is None
                    else self._shared.connect(self._start_timeout)
                )
                self._connection = connection
                if self._is_closed:
                    connection.close()
                self._raise_if_closed()
            if self._is_kept:
                self._connection.disable_idle_timeout()
            return self._connection

    def _raise_if_closed(self) -> None:
        if self._is_closed:
            raise EngineUnavailable("The engine is shut down.")

    def _load(self) -> None:
        try:
            self._request({"call": "load"})
        except EngineError as error:
            with self._lock:
                self._start_error = None if self._is_closed else error


def _to_bytes(audio: FloatArray) -> bytes:
    return np.ascontiguousarray(audio, "<f4").tobytes()
