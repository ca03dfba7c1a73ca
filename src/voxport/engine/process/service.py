"""Serves the calls of all clients with one engine: one at a time, fairly, short ones between the steps of long ones."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.onnx_sessions import releasing_memory
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.engine.engine import Engine
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.process.call_queue import CallQueue, CallTicket
from voxport.engine.process.protocol import Header
from voxport.engine_errors import EngineError
from voxport.malloc_tuning import trim_heaps
from voxport.text.ssml.document import Document

MAX_CALL_SECONDS: Final = 120.0
"""Maximum duration of a call that is no enrolment. One that takes longer hangs."""

_REST_SECONDS: Final = 5.0
"""Memory is released after so long without a call: a stream that is read slowly pauses between its chunks."""
_SHORTEST_CHUNK: Final = Chunk("a", (43,), 0.0)

Reply = Callable[[Header, bytes], None]


@dataclass(eq=False)
class EngineCall:
    """A call of a client. `reply` sends a frame with its number and never blocks."""

    header: Header
    body: bytes
    reply: Reply
    is_abandoned: bool = False
    arrived_at: int = field(default_factory=time.time_ns)

    @property
    def is_traced(self) -> bool:
        return bool(self.header.get("traceparent"))

    @property
    def is_enrolment(self) -> bool:
        return bool(self.header["call"] == "enrol")

    @property
    def is_short(self) -> bool:
        """Whether the call takes a few seconds at most. Only the fit of a voice takes longer: 20 s or more."""
        return not self.is_enrolment or bool(self.header.get("instant"))


class LazyEngine:
    """Loads the engine with the first call that needs it. Speaker embeddings need only the speaker encoder."""

    def __init__(self, *, model_path: Path | None, threads: int, fit_steps: int) -> None:
        self._model_path = model_path
        self._threads = threads
        self._fit_steps = fit_steps
        self._encoder: SpeakerEncoder | None = None
        self._engine: Engine | None = None

    def load(self) -> Engine:
        """Return the engine. Raises EngineUnavailable when the weights are missing or damaged."""
        if self._engine is None:
            self._engine = Engine.load(model_path=self._model_path, threads=self._threads, fit_steps=self._fit_steps)
            self._encoder = None
            trim_heaps()
        return self._engine

    def embed_each(self, clips: list[FloatArray]) -> FloatArray:
        if self._engine is not None:
            return self._engine.embed_each(clips)
        if self._encoder is None:
            self._encoder = SpeakerEncoder(threads=self._threads)
        return self._encoder.embed_each(clips)

    def release_memory(self) -> None:
        """Return the memory of the last calls to the system. Takes a tenth of a second: the networks release theirs
        with a run, of the least possible input."""
        with releasing_memory():
            self.embed_each([np.ones(SAMPLE_RATE // 2, np.float32)])
            if self._engine is not None:
                self._engine.speak(_SHORTEST_CHUNK, self._engine.stock_voice(stock_packs().ids[0]))
        trim_heaps()


class EngineService:
    """A fair queue of calls and the thread that serves them (the caller of `run`).

    A caller is a string that a client chooses; a call without one is a caller of its own. After each step of an
    enrolment the short calls that are due are served, one after the other. None is served between the steps of those,
    and none of them is a fit, so memory does not grow with the number of waiting calls.
    """

    def __init__(self, engine: LazyEngine) -> None:
        self._engine = engine
        self._calls: CallQueue[EngineCall] = CallQueue()
        self._in_service: list[EngineCall] = []  # a stack: the call, then one served between its steps
        self._lock = threading.Lock()
        self._step_began_at = time.monotonic()

    def put(self, call: EngineCall) -> None:
        """Add a call. Any thread may call this."""
        caller = call.header.get("caller")
        self._calls.put(object() if caller is None else caller, call)

    def run(self) -> None:
        """Serve calls until `close`. Memory is released after each burst of calls."""
        while (ticket := self._calls.take()) is not None:
            self._serve(ticket)
            if not self._calls.wait(_REST_SECONDS):
                self._release_memory()

    def close(self) -> None:
        self._calls.close()

    def _release_memory(self) -> None:
        try:
            self._engine.release_memory()
        except Exception:  # calls are served as before
            with contextlib.suppress(OSError):
                traceback.print_exc()

    def is_stuck(self) -> bool:
        """Whether the call in service hangs."""
        with self._lock:
            call = self._in_service[-1] if self._in_service else None
            seconds = time.monotonic() - self._step_began_at
        return call is not None and not call.is_enrolment and seconds > MAX_CALL_SECONDS

    def _serve(self, ticket: CallTicket[EngineCall]) -> None:
        call, meter = ticket.item, _ServiceMeter(self._calls, ticket)
        with self._lock:
            self._in_service.append(call)
            self._step_began_at = time.monotonic()
        began_at = time.time_ns()
        try:
            answer, content = self._answer(call, meter)
        finally:
            with self._lock:
                self._in_service.pop()
                self._step_began_at = time.monotonic()
            meter.charge()
            self._calls.finish(ticket)
        if not call.is_abandoned:
            if call.is_traced:
                served = ("engine serve", began_at, time.time_ns())
                answer = {**answer, "spans": [("engine queue", call.arrived_at, began_at), served]}
            call.reply(answer, content)

    def _answer(self, call: EngineCall, meter: _ServiceMeter) -> tuple[Header, bytes]:
        try:
            if call.is_abandoned:
                raise _Abandoned
            call.reply({"kind": "started"}, b"")
            return self._handle(call, lambda progress, state: self._report_step(call, meter, progress, state))
        except EngineError as error:
            details = {name: getattr(error, name, None) for name in ("language", "setting")}
            return {"kind": "error", "type": type(error).__name__, "message": str(error), **details}, b""
        except _Abandoned:
            return {}, b""
        except Exception:  # the caller gets a generic message, the traceback goes to standard error
            with contextlib.suppress(OSError):  # whoever started this process and read its output may be gone
                if call.is_traced:
                    print(f"traceparent {call.header['traceparent']}", flush=True)
                traceback.print_exc()
            return {"kind": "error", "type": "EngineError", "message": "The engine failed on this call."}, b""

    def _report_step(self, call: EngineCall, meter: _ServiceMeter, progress: float, state: bytes) -> None:
        """Report a step of an enrolment, and serve the calls that are due before the next step."""
        call.reply({"kind": "progress", "progress": progress}, state)
        if self._in_service[0] is call:
            meter.charge()
            while (
                not call.is_abandoned
                and (ticket := meter.take_before_next_step(lambda other: other.is_short)) is not None
            ):
                self._serve(ticket)
            meter.restart()
        if call.is_abandoned:
            raise _Abandoned

    def _handle(self, call: EngineCall, on_progress: Callable[[float, bytes], None]) -> tuple[Header, bytes]:
        header, body = call.header, call.body
        match header["call"]:
            case "load":
                self._engine.load()
                return {"kind": "answer"}, b""
            case "plan":
                chunks = self._engine.load().plan(
                    header["text"],
                    header["language"],
                    document=None if header["document"] is None else Document.from_json(header["document"]),
                    short_first_chunk=header["short_first_chunk"],
                    with_words=header["with_words"],
                )
                return {"kind": "answer", "chunks": [chunk.to_json() for chunk in chunks]}, b""
            case "read":
                sentences = self._engine.load().read(
                    header["text"],
                    header["language"],
                    document=None if header["document"] is None else Document.from_json(header["document"]),
                )
                return {"kind": "answer", "sentences": [asdict(sentence) for sentence in sentences]}, b""
            case "speak":
                engine = self._engine.load()
                chunk, speed, start = Chunk.from_json(header["chunk"]), header["speed"], header["start_sample"]
                spoken = engine.speak_timed(chunk, _requested_voice(engine, header, body), speed, start_sample=start)
                answer = {"kind": "answer", "token_starts": spoken.token_starts.tolist()}
                return answer, spoken.audio.astype("<f4").tobytes()
            case "enrol":
                checkpoint, samples = body[: header["checkpoint"]], body[header["checkpoint"] :]
                voice = self._engine.load().enrol(
                    np.frombuffer(samples, "<f4"),
                    instant=header["instant"],
                    on_progress=on_progress,
                    checkpoint=checkpoint or None,
                )
                return {"kind": "answer"}, voice.to_bytes()
            case "mix":
                files = np.split(np.frombuffer(body, np.uint8), np.cumsum(header["sizes"])[:-1])
                sources = [
                    file.tobytes() if stock is None else stock
                    for stock, file in zip(header["stocks"], files, strict=True)
                ]
                mixed = self._engine.load().mix_voices(
                    list(zip(sources, header["weights"], strict=True)),
                    pitch=header["pitch"],
                    rate=header["rate"],
                    tone=header["tone"],
                    language=header["language"],
                )
                return {"kind": "answer", "language": mixed.language}, mixed.to_bytes()
            case "embed":
                clips = np.split(np.frombuffer(body, "<f4"), np.cumsum(header["sizes"])[:-1])
                return {"kind": "answer"}, self._engine.embed_each(clips).astype("<f4").tobytes()
            case unknown:
                raise EngineError(f"The engine knows no call {unknown!r}.")


class _Abandoned(BaseException):
    """Nobody waits for the call any more. No handler of Exception in the engine may swallow it."""


class _ServiceMeter:
    """Charges a call for its service time, without the time of the calls served between its steps."""

    def __init__(self, calls: CallQueue[EngineCall], ticket: CallTicket[EngineCall]) -> None:
        self._calls = calls
        self._ticket = ticket
        self._started_at = time.monotonic()

    def charge(self) -> None:
        now = time.monotonic()
        self._calls.charge(self._ticket, now - self._started_at)
        self._started_at = now

    def restart(self) -> None:
        self._started_at = time.monotonic()

    def take_before_next_step(self, is_wanted: Callable[[EngineCall], bool]) -> CallTicket[EngineCall] | None:
        return self._calls.take_if(is_wanted, current=self._ticket)


def _requested_voice(engine: Engine, header: Header, body: bytes) -> EngineVoice:
    stock: str | None = header["stock"]
    return engine.load_voice(body) if stock is None else engine.stock_voice(stock)


def _mixed_sources(header: Header, body: bytes) -> list[bytes | str]:
    """Return the voice file or the id of each part of a mix."""
    files = np.split(np.frombuffer(body, np.uint8), np.cumsum(header["sizes"])[:-1])
    return [file.tobytes() if stock is None else stock for stock, file in zip(header["stocks"], files, strict=True)]
