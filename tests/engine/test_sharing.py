"""Several clients of one engine: short calls run between the chunks of a long text or the steps of a fit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Chunk, Engine, EngineProcess
from voxport.engine.process import service
from voxport.engine.process.protocol import Header
from voxport.engine.process.server import EngineServer
from voxport.engine.process.service import EngineCall, EngineService, LazyEngine
from voxport.engine.process.socket_file import listen, open_folder, try_lock

pytestmark = pytest.mark.slow

SENTENCE = "The old boat drifted slowly along the quiet river while the children were laughing."
SHORT = "The old boat drifted by."


class LoadedEngine(LazyEngine):
    """The engine that the tests share."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(model_path=None, threads=1, fit_steps=1)
        self._engine = engine


class Server(EngineService):
    """Serves in a thread of the tests what clients send over a socket, as the engine's process does, and records it.

    It calls `on_send` before it serves a call, and `on_pause` after each step of an enrolment, and continues when they
    return. So no test depends on being fast enough.
    """

    def __init__(self, engine: LazyEngine) -> None:
        super().__init__(engine)
        self.forget()

    def forget(self) -> None:
        """Begin a new test."""
        self.sent: list[str] = []
        self.answered: list[str] = []
        self.answered_at_step: list[int] = []
        """The number of answered calls when each step of a fit was reported."""
        self.on_send: Callable[[str], None] = lambda call: None
        self.on_pause: Callable[[], None] = lambda: None

    def until_waiting(self, calls: int) -> None:
        eventually(lambda: len(self._calls) == calls)

    def hold_first_until_waiting(self, calls: int) -> None:
        """Delays the first call until so many others wait."""
        self.on_send = lambda _: self.until_waiting(calls) if len(self.sent) == 1 else None

    @property
    def is_abandoned(self) -> bool:
        """Whether the caller of the outer call has given up."""
        return self._in_service[0].is_abandoned

    def _handle(self, call: EngineCall, on_progress: Callable[[float, bytes], None]) -> tuple[Header, bytes]:
        name = str(call.header["call"])
        self.sent.append(name)
        self.on_send(name)

        def note(progress: float, state: bytes) -> None:
            if state:
                self.answered_at_step.append(len(self.answered))
            self.on_pause()
            on_progress(progress, state)

        answer = super()._handle(call, note)
        self.answered.append(name)
        return answer


@pytest.fixture(scope="module")
def served(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server, and the folder in which clients find it."""
    path = tmp_path_factory.mktemp("served") / "engine"
    queue = Server(LoadedEngine(engine))
    server = EngineServer(queue, on_last_client_gone=lambda: None)
    folder = open_folder(path)
    name = client_of(path)._shared._name  # type: ignore[union-attr]
    lock = try_lock(folder, name)
    assert lock is not None
    with listen(folder, name) as listener:
        threading.Thread(target=server.accept_from, args=(listener,), daemon=True).start()
        thread = threading.Thread(target=queue.run)
        thread.start()
        yield queue, path
        queue.close()
        thread.join()
        os.close(lock)
        os.close(folder)


def client_of(path: Path) -> EngineProcess:
    return EngineProcess(threads=1, shared_in=path)


@pytest.fixture(scope="module")
def clients(served: tuple[Server, Path]) -> Iterator[tuple[EngineProcess, EngineProcess]]:
    """Two clients of the server, as two processes have."""
    pair = client_of(served[1]), client_of(served[1])
    yield pair
    for client in pair:
        client.close()


@pytest.fixture(scope="module")
def shared(clients: tuple[EngineProcess, EngineProcess]) -> EngineProcess:
    return clients[0]


@pytest.fixture(scope="module")
def other(clients: tuple[EngineProcess, EngineProcess]) -> EngineProcess:
    return clients[1]


@pytest.fixture(scope="module")
def chunk(shared: EngineProcess) -> Chunk:
    return shared.plan(SHORT, "en-us")[0]


@pytest.fixture(scope="module")
def recording(shared: EngineProcess, chunk: Chunk) -> FloatArray:
    return shared.speak(shared.plan(SENTENCE, "en-us")[0], "am_adam")


@pytest.fixture
def server(served: tuple[Server, Path], recording: FloatArray) -> Server:
    """Records the calls of the test alone: those for `chunk` and `recording` were answered before."""
    eventually(lambda: not served[0]._in_service)
    served[0].forget()
    return served[0]


class CallerLeft(Exception):
    pass


def eventually(true: Callable[[], bool], seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def test_calls_are_served_in_the_order_they_came(shared: EngineProcess, other: EngineProcess, server: Server) -> None:
    names = ["zero", "one", "two", "three", "four"]
    server.hold_first_until_waiting(4)
    with ThreadPoolExecutor(5) as pool:
        calls = []
        for waiting, name in enumerate(names):
            calls.append(pool.submit((shared, other)[waiting % 2].plan, name, "en-us"))
            if waiting < 4:  # with the last one the first goes on
                eventually(lambda waiting=waiting: bool(server.sent) and len(server._calls) == waiting)  # type: ignore[misc]
        assert [call.result(60)[0].text for call in calls] == names


def test_a_check_of_another_process_is_served_after_one_chunk_of_a_long_text(
    shared: EngineProcess, other: EngineProcess, server: Server, chunk: Chunk, recording: FloatArray
) -> None:
    clips = [recording[start : start + SAMPLE_RATE] for start in range(0, 2 * SAMPLE_RATE, SAMPLE_RATE // 2)]
    server.hold_first_until_waiting(3)
    with ThreadPoolExecutor(4) as pool:
        chunks = [pool.submit(shared.speak, chunk, "af_heart", caller="a long text")]
        eventually(lambda: server.sent == ["speak"])
        for waiting in (1, 2):
            chunks.append(pool.submit(shared.speak, chunk, "af_heart", caller="a long text"))
            server.until_waiting(waiting)
        check = pool.submit(other.embed_each, clips)
        assert check.result(300).shape == (len(clips), 256)
        for one in chunks:
            one.result(300)
    assert server.sent == ["speak", "embed", "speak", "speak"]


def test_clips_are_embedded_together_as_each_by_itself(shared: EngineProcess, recording: FloatArray) -> None:
    clips = [recording[:SAMPLE_RATE], recording[SAMPLE_RATE : 3 * SAMPLE_RATE]]
    np.testing.assert_array_equal(shared.embed_each(clips), np.stack([shared.embed(clip) for clip in clips]))


def test_speech_of_another_process_is_served_between_the_steps_of_an_instant_enrolment(
    shared: EngineProcess, other: EngineProcess, server: Server, chunk: Chunk, recording: FloatArray
) -> None:
    server.hold_first_until_waiting(2)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(shared.speak, chunk, "af_heart")]
        eventually(lambda: server.sent == ["speak"])
        enrolment = pool.submit(shared.enrol, recording, instant=True)
        server.until_waiting(1)
        calls.append(pool.submit(other.speak, chunk, "af_heart"))
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
        if progress > 0:  # before, it waits
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


def test_the_memory_of_a_long_chunk_is_released_when_nobody_calls(
    shared: EngineProcess, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    released_mib = 0.0
    release = LazyEngine.release_memory
    is_released = threading.Event()

    def measured(engine: LazyEngine) -> None:
        nonlocal released_mib
        before = psutil.Process().memory_info().rss
        release(engine)
        released_mib = (before - psutil.Process().memory_info().rss) / 2**20
        is_released.set()

    monkeypatch.setattr(service, "_REST_SECONDS", 0.05)
    monkeypatch.setattr(LazyEngine, "release_memory", measured)
    chunk = max(shared.plan(SENTENCE.replace(".", ", ") * 3, "en-us"), key=lambda chunk: len(chunk.tokens))
    is_released.clear()
    before = shared.speak(chunk, "af_heart")
    assert is_released.wait(60)
    assert released_mib > 100
    np.testing.assert_array_equal(shared.speak(chunk, "af_heart"), before)
