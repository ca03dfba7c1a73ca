"""An engine's process without an engine: the real frames, queue and service, in threads of this process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesis import Synthesis
from voxport.engine.process.client import EngineProcess
from voxport.engine.process.connection import EngineConnection
from voxport.engine.process.server import EngineServer
from voxport.engine.process.service import EngineService
from voxport.text.ssml.document import Document


class _ToneVoice:
    def to_bytes(self) -> bytes:
        return b"the file of a voice"


class _ToneEngine:
    """Plans two chunks for any text, and speaks each as half a second of a tone."""

    def __init__(self, on_enrolment_step: Callable[[], None]) -> None:
        self._on_enrolment_step = on_enrolment_step

    def enrol(
        self,
        audio: FloatArray,
        *,
        instant: bool,
        on_progress: Callable[[float, bytes], None],
        checkpoint: bytes | None,
    ) -> _ToneVoice:
        on_progress(0.5, b"half of a fit")
        self._on_enrolment_step()
        return _ToneVoice()

    def load_voice(self, file: bytes) -> bytes:
        return file

    def plan(
        self, text: str, language: str, *, document: Document | None, short_first_chunk: bool, with_words: bool
    ) -> list[Chunk]:
        return [Chunk("a", (43,), 0.0), Chunk("a", (43,), 0.1)]

    def speak(self, chunk: Chunk, voice: Any, speed: float, *, start_sample: int) -> FloatArray:
        if voice == "broken":
            raise RuntimeError("the tone is broken")
        time.sleep(0.01)
        tone = 0.3 * np.sin(np.arange(SAMPLE_RATE // 2) * 2 * np.pi * 220 / SAMPLE_RATE)
        return tone.astype(np.float32)

    def speak_timed(self, chunk: Chunk, voice: Any, speed: float, *, start_sample: int) -> Synthesis:
        tone = self.speak(chunk, voice, speed, start_sample=start_sample)
        return Synthesis(tone, np.array([0, tone.size]))

    def stock_voice(self, voice_id: str) -> str:
        return voice_id


class _LazyToneEngine:
    def __init__(self, on_enrolment_step: Callable[[], None]) -> None:
        self._engine = _ToneEngine(on_enrolment_step)

    def load(self) -> _ToneEngine:
        return self._engine

    def release_memory(self) -> None: ...


class _Client(EngineProcess):
    def close(self) -> None:
        """Does nothing: a provider closes the process of a fit, and here that is the only one."""


@contextlib.contextmanager
def engine_double(*, on_enrolment_step: Callable[[], None] = lambda: None, **options: Any) -> Iterator[EngineProcess]:
    """A client of such a process, which can't be closed by its user. `on_enrolment_step` is called in the middle of an
    enrolment; `options` are those of EngineProcess."""
    ours, theirs = socket.socketpair()
    service = EngineService(_LazyToneEngine(on_enrolment_step))  # type: ignore[arg-type]
    server = EngineServer(service, on_last_client_gone=service.close)
    server.add(theirs)
    threading.Thread(target=service.run, daemon=True).start()
    connection = EngineConnection(ours, None)
    connection.wait_for_hello(10.0)
    client = _Client(**options)
    client._connection = connection
    try:
        yield client
    finally:
        connection.close(wait=True)
