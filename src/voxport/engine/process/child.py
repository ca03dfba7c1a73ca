"""The program of the engine's process, `python -m voxport.engine.process.child`. Serves standard input and output.

It sends `{"kind": "ready"}` when the engine is loaded, then answers one request at a time, with the request's number.
After each step of an enrolment it sends `{"kind": "pause"}` and answers other requests until it receives `resume`. It
exits as soon as its standard input closes, even during a synthesis, because its parent is then gone.
"""

from __future__ import annotations

import argparse
import os
import queue
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from voxport.engine.engine import Engine
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.process.protocol import Header, pack, unpack
from voxport.engine_errors import EngineError

Send = Callable[[Header, bytes], None]

_HEARTBEAT_SECONDS = 0.5
"""Interval of an enrolment's progress frames. The caller can notice a cancellation only when it receives one."""


def main() -> None:
    arguments = _parse_arguments()
    os.nice(arguments.niceness)
    output_fd = os.dup(1)
    os.dup2(2, 1)  # output that a library prints must not corrupt the frames
    requests: queue.Queue[tuple[Header, bytes]] = queue.Queue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()

    send_lock = threading.Lock()

    def send(header: Header, body: bytes = b"") -> None:
        content = memoryview(pack(header, body))
        with send_lock:
            while content:
                content = content[os.write(output_fd, content) :]

    try:
        engine = Engine.load(model_path=arguments.model, threads=arguments.threads, fit_steps=arguments.fit_steps)
    except EngineError as error:
        send({"kind": "error", "type": type(error).__name__, "message": str(error)})
        return
    send({"kind": "ready"})
    _serve(engine, requests, send)


def _serve(engine: Engine, requests: queue.Queue[tuple[Header, bytes]], send: Send) -> None:
    """Answer one request at a time until a `resume` request arrives, which continues the paused call."""
    while True:
        header, body = requests.get()
        if header["call"] == "resume":
            return
        number = header["number"]

        def reply(header: Header, body: bytes = b"", number: int = number) -> None:
            send({**header, "number": number}, body)

        def pause(reply: Send = reply) -> None:
            reply({"kind": "pause"}, b"")
            _serve(engine, requests, send)

        try:
            _handle(engine, header, body, reply, pause)
        except EngineError as error:
            language = getattr(error, "language", None)
            reply({"kind": "error", "type": type(error).__name__, "message": str(error), "language": language})
        except Exception:  # the caller gets a generic message, the traceback goes to standard error
            traceback.print_exc()
            reply({"kind": "error", "type": "EngineError", "message": "The engine failed on this call."})


def _handle(engine: Engine, header: Header, body: bytes, send: Send, pause: Callable[[], None]) -> None:
    match header["call"]:
        case "plan":
            chunks = engine.plan(header["text"], header["language"], short_first_chunk=header["short_first_chunk"])
            send({"kind": "answer", "chunks": [chunk.to_json() for chunk in chunks]}, b"")
        case "speak":
            chunk = Chunk.from_json(header["chunk"])
            audio = engine.speak(
                chunk, _requested_voice(engine, header, body), header["speed"], start_sample=header["start_sample"]
            )
            send({"kind": "answer"}, audio.astype("<f4").tobytes())
        case "enrol":
            checkpoint, samples = body[: header["checkpoint"]], body[header["checkpoint"] :]
            with _Heartbeat(send, pause) as heartbeat:
                voice = engine.enrol(
                    np.frombuffer(samples, "<f4"),
                    instant=header["instant"],
                    on_progress=heartbeat.report_progress,
                    checkpoint=checkpoint or None,
                )
            send({"kind": "answer"}, voice.to_bytes())
        case "embed":
            clips = np.split(np.frombuffer(body, "<f4"), np.cumsum(header["sizes"])[:-1])
            send({"kind": "answer"}, engine.embed_each(clips).astype("<f4").tobytes())
        case unknown:
            raise EngineError(f"The engine knows no call {unknown!r}.")


class _Heartbeat:
    """Sends each new progress and then pauses the call; in between, repeats the last progress at a fixed interval."""

    def __init__(self, send: Send, pause: Callable[[], None]) -> None:
        self._send = send
        self._pause = pause
        self._progress = 0.0
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> _Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_event.set()
        self._thread.join()

    def report_progress(self, progress: float, state: bytes) -> None:
        self._progress = progress
        self._send({"kind": "progress", "progress": progress}, state)
        self._pause()

    def _beat(self) -> None:
        while not self._stop_event.wait(_HEARTBEAT_SECONDS):
            self._send({"kind": "progress", "progress": self._progress}, b"")


def _requested_voice(engine: Engine, header: Header, body: bytes) -> EngineVoice:
    stock: Any = header["stock"]
    return engine.load_voice(body) if stock is None else engine.stock_voice(stock)


def _read_requests(requests: queue.Queue[tuple[Header, bytes]]) -> None:
    """Put the requests from standard input into the queue, and exit the process when standard input ends."""
    try:
        while True:
            requests.put(unpack(_read_exactly))
    finally:
        os._exit(0)


def _read_exactly(size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(0, min(1 << 20, size - len(parts)))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="voxport.engine.process.child")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--niceness", type=int, default=0)
    parser.add_argument("--fit-steps", type=int, default=FIT_STEPS)
    parser.add_argument("--model", type=Path, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
