"""Several callers of one engine process: short calls pass between the chunks of a long one, and the steps of a fit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from voxport.engine import SAMPLE_RATE, Chunk, EngineProcess, EngineUnavailable
from voxport.engine.arrays import Floats

pytestmark = pytest.mark.slow

SENTENCE = "The old boat drifted slowly along the quiet river while the children were laughing."
SHORT = "The old boat drifted by."


@pytest.fixture(scope="module")
def shared() -> EngineProcess:
    """A process that no test kills."""
    return EngineProcess()


@pytest.fixture(scope="module", autouse=True)
def closed(shared: EngineProcess) -> object:
    yield
    shared.close()


@pytest.fixture(scope="module")
def chunk(shared: EngineProcess) -> Chunk:
    return shared.plan(SHORT, "en-us")[0]


@pytest.fixture(scope="module")
def recording(shared: EngineProcess) -> Floats:
    return shared.speak(shared.plan(SENTENCE, "en-us")[0], "am_adam")


class GaveUp(Exception):
    pass


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def test_a_check_of_a_recording_is_served_after_one_chunk_of_a_long_text(
    shared: EngineProcess, chunk: Chunk, recording: Floats
) -> None:
    order: list[str] = []
    clips = [recording[start : start + SAMPLE_RATE] for start in range(0, 2 * SAMPLE_RATE, SAMPLE_RATE // 2)]

    def speak(number: int) -> None:
        shared.speak(chunk, "af_heart", caller="a long text")
        order.append(f"chunk {number}")

    def check() -> None:
        assert shared.embed_each(clips).shape == (len(clips), 256)
        order.append("check")

    with ThreadPoolExecutor(5) as pool:
        calls = []
        for number in range(4):
            calls.append(pool.submit(speak, number))
            eventually(lambda number=number: len(shared._calls) == number)  # type: ignore[misc]
        calls.append(pool.submit(check))
        for call in calls:
            call.result(120)
    assert order[:2] == ["chunk 0", "check"]


def test_clips_are_embedded_together_as_each_by_itself(shared: EngineProcess, recording: Floats) -> None:
    clips = [recording[:SAMPLE_RATE], recording[SAMPLE_RATE : 3 * SAMPLE_RATE]]
    np.testing.assert_array_equal(shared.embed_each(clips), np.stack([shared.embed(clip) for clip in clips]))


def test_speech_is_served_between_the_steps_of_a_fit(shared: EngineProcess, chunk: Chunk, recording: Floats) -> None:
    expected = shared.speak(chunk, "af_heart")
    spoken: list[Floats] = []
    steps_after: list[float] = []

    def speak() -> None:
        spoken.extend(shared.speak(chunk, "af_heart", caller="speech") for _ in range(2))

    speaking = threading.Thread(target=speak)

    def tell(progress: float, state: bytes) -> None:
        if state and not speaking.ident:
            speaking.start()
        if state and len(spoken) == 2:
            steps_after.append(progress)
            raise GaveUp  # the fit has gone on after the speech: the rest of it shows nothing more

    with pytest.raises(GaveUp):
        shared.enrol(recording, tell=tell)
    speaking.join()
    assert len(spoken) == 2 and steps_after[0] < 0.9
    for audio in spoken:
        np.testing.assert_array_equal(audio, expected)


def test_speech_is_served_between_the_steps_of_an_instant_enrolment(
    shared: EngineProcess, chunk: Chunk, recording: Floats
) -> None:
    order: list[str] = []

    def serve(name: str, call: Callable[[], object]) -> None:
        call()
        order.append(name)

    calls: dict[str, Callable[[], object]] = {
        "first": lambda: shared.speak(chunk, "af_heart"),
        "enrolment": lambda: shared.enrol(recording, quick=True),
        "speech": lambda: shared.speak(chunk, "af_heart"),
    }
    with ThreadPoolExecutor(len(calls)) as pool:
        served = []
        for waiting, (name, call) in enumerate(calls.items()):
            served.append(pool.submit(serve, name, call))
            eventually(lambda waiting=waiting: len(shared._calls) == waiting)  # type: ignore[misc]
        for one in served:
            one.result(300)
    assert order[0] == "first"
    assert order.index("speech") < order.index("enrolment")


def test_a_fit_that_is_given_up_takes_no_speech_along(shared: EngineProcess, chunk: Chunk, recording: Floats) -> None:
    spoken: list[Floats] = []
    speaking = threading.Thread(target=lambda: spoken.append(shared.speak(chunk, "af_heart")))

    def tell(progress: float, state: bytes) -> None:
        if state and not speaking.ident:
            speaking.start()
        if len(shared._served) == 2:
            raise GaveUp

    with pytest.raises(GaveUp):
        shared.enrol(recording, tell=tell)
    speaking.join()
    assert len(spoken) == 1 and spoken[0].size > SAMPLE_RATE


def test_a_second_fit_waits_for_the_first(shared: EngineProcess, recording: Floats) -> None:
    told: list[str] = []
    firsts = threading.Event()

    def first(progress: float, state: bytes) -> None:
        told.append("first")
        if state:
            firsts.set()
        if len(shared._calls) == 1 and progress > 0.25:
            raise GaveUp

    def second(progress: float, state: bytes) -> None:
        told.append("second")
        raise GaveUp

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(shared.enrol, recording, tell=first)
        assert firsts.wait(120)
        other = pool.submit(shared.enrol, recording, tell=second)
        for call in (one, other):
            with pytest.raises(GaveUp):
                call.result(300)
    assert told[-1] == "second" and told.count("second") == 1


def test_a_death_between_two_steps_fails_the_fit_and_what_was_served_and_nobody_else(
    process: EngineProcess, recording: Floats
) -> None:
    long = process.plan(" ".join([SENTENCE] * 3), "en-us")[0]
    calls: list[str] = []

    def speak() -> None:
        try:
            process.speak(long, "af_heart")
        except EngineUnavailable:
            calls.append("speech failed")

    speaking = threading.Thread(target=speak)

    def tell(progress: float, state: bytes) -> None:
        if state and not speaking.ident:
            speaking.start()
        if len(process._served) == 2 and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(EngineUnavailable):
        process.enrol(recording, tell=tell)
    speaking.join()
    assert calls == ["speech failed"]
    assert process.plan("On we go.", "en-us")
