"""Several callers of one engine process: short calls run between the chunks of a long text or the steps of a fit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Chunk, EngineProcess, EngineUnavailable
from voxport.engine.process.connection import EngineConnection
from voxport.engine.process.protocol import Header

pytestmark = pytest.mark.slow

SENTENCE = "The old boat drifted slowly along the quiet river while the children were laughing."
SHORT = "The old boat drifted by."


@pytest.fixture(scope="module")
def shared() -> Iterator[EngineProcess]:
    """An engine process. If a test ends it, the next call starts another."""
    process = EngineProcess(threads=1)
    yield process
    process.close()


@pytest.fixture(scope="module")
def chunk(shared: EngineProcess) -> Chunk:
    return shared.plan(SHORT, "en-us")[0]


@pytest.fixture(scope="module")
def recording(shared: EngineProcess) -> FloatArray:
    return shared.speak(shared.plan(SENTENCE, "en-us")[0], "am_adam")


class CallerLeft(Exception):
    pass


class Server:
    """Records what the thread that serves `process` sends to the engine, and what is answered, in that order.

    It calls `on_send` before it sends a call, and `on_pause` where a call lets others in, and continues when they
    return. So no test depends on being fast enough.
    """

    def __init__(self, process: EngineProcess, patch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self.answered: list[str] = []
        self.answered_at_step: list[int] = []
        """The number of answered calls when each step of a fit was reported."""
        self.on_send: Callable[[str], None] = lambda call: None
        self.on_pause: Callable[[], None] = lambda: None
        self._process = process
        exchange = EngineConnection.exchange

        def watched(
            connection: EngineConnection,
            header: Header,
            body: bytes,
            *,
            timeout: float,
            on_progress: Callable[[float, bytes], None],
            on_pause: Callable[[], None],
        ) -> tuple[Header, bytes]:
            def note_progress(done: float, state: bytes) -> None:
                if state:
                    self.answered_at_step.append(len(self.answered))
                on_progress(done, state)

            def note_pause() -> None:
                self.on_pause()
                on_pause()

            call = str(header["call"])
            self.sent.append(call)
            self.on_send(call)
            answer = exchange(connection, header, body, timeout=timeout, on_progress=note_progress, on_pause=note_pause)
            self.answered.append(call)
            return answer

        patch.setattr(EngineConnection, "exchange", watched)

    def until_waiting(self, calls: int) -> None:
        eventually(lambda: len(self._process._calls) == calls)

    def hold_first_until_waiting(self, calls: int) -> None:
        """Delays the first call until so many others wait."""
        self.on_send = lambda _: self.until_waiting(calls) if len(self.sent) == 1 else None

    @property
    def is_abandoned(self) -> bool:
        """Whether the caller of the outer call has given up."""
        return self._process._calls_in_service[0].is_abandoned


@pytest.fixture
def server(shared: EngineProcess, chunk: Chunk, recording: FloatArray, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Records the calls of the test alone: those for `chunk` and `recording` were answered before."""
    return Server(shared, monkeypatch)


def eventually(true: Callable[[], bool], seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def test_a_check_of_a_recording_is_served_after_one_chunk_of_a_long_text(
    shared: EngineProcess, server: Server, chunk: Chunk, recording: FloatArray
) -> None:
    clips = [recording[start : start + SAMPLE_RATE] for start in range(0, 2 * SAMPLE_RATE, SAMPLE_RATE // 2)]
    server.hold_first_until_waiting(3)
    with ThreadPoolExecutor(4) as pool:
        chunks = [pool.submit(shared.speak, chunk, "af_heart", caller="a long text")]
        eventually(lambda: server.sent == ["speak"])
        for waiting in (1, 2):
            chunks.append(pool.submit(shared.speak, chunk, "af_heart", caller="a long text"))
            server.until_waiting(waiting)
        check = pool.submit(shared.embed_each, clips)
        assert check.result(300).shape == (len(clips), 256)
        for one in chunks:
            one.result(300)
    assert server.sent == ["speak", "embed", "speak", "speak"]


def test_clips_are_embedded_together_as_each_by_itself(shared: EngineProcess, recording: FloatArray) -> None:
    clips = [recording[:SAMPLE_RATE], recording[SAMPLE_RATE : 3 * SAMPLE_RATE]]
    np.testing.assert_array_equal(shared.embed_each(clips), np.stack([shared.embed(clip) for clip in clips]))


def test_speech_is_served_between_the_steps_of_an_instant_enrolment(
    shared: EngineProcess, server: Server, chunk: Chunk, recording: FloatArray
) -> None:
    server.hold_first_until_waiting(2)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(shared.speak, chunk, "af_heart")]
        eventually(lambda: server.sent == ["speak"])
        enrolment = pool.submit(shared.enrol, recording, instant=True)
        server.until_waiting(1)
        calls.append(pool.submit(shared.speak, chunk, "af_heart"))
        assert enrolment.result(300)
        for call in calls:
            call.result(300)
    assert server.sent == ["speak", "enrol", "speak"]
    assert server.answered == ["speak", "speak", "enrol"]


def test_speech_is_served_between_the_steps_of_a_fit(
    shared: EngineProcess, server: Server, chunk: Chunk, recording: FloatArray
) -> None:
    expected = shared.speak(chunk, "af_heart")
    speeches: list[Future[FloatArray]] = []
    events: list[float] = []

    def on_pause() -> None:
        if server.answered_at_step and not speeches:
            speeches.extend(pool.submit(shared.speak, chunk, "af_heart") for _ in range(2))
            server.until_waiting(2)

    def tell(progress: float, state: bytes) -> None:
        if state:
            events.append(progress)
        if len(events) == 2:
            raise CallerLeft  # the fit has continued after the speech, and its remaining steps show nothing more

    with ThreadPoolExecutor(2) as pool:
        server.on_pause = on_pause
        with pytest.raises(CallerLeft):
            shared.enrol(recording, on_progress=tell)
        for one in speeches:
            np.testing.assert_array_equal(one.result(300), expected)
    assert server.sent == ["speak", "enrol", "speak", "speak"]
    assert server.answered_at_step[:2] == [1, 3]
    assert events[-1] < 0.9


def test_a_fit_that_is_given_up_takes_no_speech_along(
    shared: EngineProcess, server: Server, chunk: Chunk, recording: FloatArray
) -> None:
    speeches: list[Future[FloatArray]] = []
    is_served = threading.Event()

    def on_pause() -> None:
        if not speeches:
            speeches.append(pool.submit(shared.speak, chunk, "af_heart"))
            server.until_waiting(1)

    def on_send(call: str) -> None:
        if call == "speak":
            is_served.set()
            eventually(lambda: server.is_abandoned)

    def tell(progress: float, state: bytes) -> None:
        assert is_served.wait(100)
        raise CallerLeft

    with ThreadPoolExecutor(1) as pool:
        server.on_pause, server.on_send = on_pause, on_send
        with pytest.raises(CallerLeft):
            shared.enrol(recording, on_progress=tell)
        assert speeches[0].result(300).size > SAMPLE_RATE
    assert server.answered == ["speak"]


def test_a_second_fit_waits_for_the_first(shared: EngineProcess, server: Server, recording: FloatArray) -> None:
    events: list[str] = []
    seconds: list[Future[bytes]] = []

    def on_pause() -> None:
        if not seconds:
            seconds.append(pool.submit(shared.enrol, recording, on_progress=second))
            server.until_waiting(1)

    def first(progress: float, state: bytes) -> None:
        events.append("first")
        if progress >= 0.1:
            raise CallerLeft  # after three pauses

    def second(progress: float, state: bytes) -> None:
        events.append("second")
        raise CallerLeft

    with ThreadPoolExecutor(1) as pool:
        server.on_pause = on_pause
        with pytest.raises(CallerLeft):
            shared.enrol(recording, on_progress=first)
        with pytest.raises(CallerLeft):
            seconds[0].result(300)
    assert events[-1] == "second" and events.count("second") == 1
    assert server.sent == ["enrol", "enrol"]


def test_a_death_between_two_steps_fails_the_fit_and_what_was_served_and_nobody_else(
    shared: EngineProcess, server: Server, chunk: Chunk, recording: FloatArray
) -> None:
    calls: list[Future[object]] = []

    def on_pause() -> None:
        if not calls:
            calls.append(pool.submit(shared.speak, chunk, "af_heart"))
            server.until_waiting(1)

    def on_send(call: str) -> None:
        if call == "speak":
            calls.append(pool.submit(shared.plan, "I waited in line.", "en-us"))
            server.until_waiting(1)
            assert shared.pid is not None
            os.kill(shared.pid, signal.SIGSTOP)  # it does not answer before the kill
            threading.Timer(0.2, os.kill, (shared.pid, signal.SIGKILL)).start()

    with ThreadPoolExecutor(2) as pool:
        server.on_pause, server.on_send = on_pause, on_send
        with pytest.raises(EngineUnavailable):
            shared.enrol(recording)
        with pytest.raises(EngineUnavailable):
            calls[0].result(300)
        assert calls[1].result(300)
    assert server.sent == ["enrol", "speak", "plan"]
    assert server.answered == ["plan"]
