"""The engine's process with many callers, sudden deaths, and a clean shutdown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from voxport.engine import (
    Chunk,
    Engine,
    EngineError,
    EngineProcess,
    EngineUnavailable,
    TextNotSpeakable,
    VoiceFileError,
)
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.process.connection import PendingCall

pytestmark = pytest.mark.slow

LONG = "The old boat drifted slowly along the quiet river while the children were laughing behind the wall. " * 3


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def shared() -> Iterator[EngineProcess]:
    """An engine process whose parent's environment has a secret and no OMP_WAIT_POLICY. Tests share it: if one ends it,
    the next call starts another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXPORT_BOOTSTRAP_KEY", "vxp_secret")
        patch.delenv("OMP_WAIT_POLICY", raising=False)
        process = EngineProcess(threads=1)
        try:
            process.plan("Hello.", "en-us")
            yield process
        finally:
            process.close()


def environment_of(pid: int | None) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def eventually(true: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def calls_of(process: EngineProcess) -> list[PendingCall]:
    """The calls that wait for an answer."""
    assert process._connection is not None
    return list(process._connection._calls.values())


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def test_the_process_gets_no_secret_of_its_parent(shared: EngineProcess) -> None:
    environment = environment_of(shared.pid)
    assert any(line.startswith(b"PATH=") for line in environment)
    assert not any(b"vxp_secret" in line for line in environment)


def test_threads_that_wait_for_each_other_sleep(shared: EngineProcess) -> None:
    assert b"OMP_WAIT_POLICY=PASSIVE" in environment_of(shared.pid)


def test_it_starts_in_the_background_and_says_when_it_is_ready(process: EngineProcess) -> None:
    process.start()
    assert not process.is_ready()
    assert eventually(process.is_ready, 120)
    pid = process.pid
    process.start()
    assert process.plan("Hello.", "en-us")
    assert process.pid == pid


def test_an_engine_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    process = EngineProcess(threads=1, model_path=tmp_path / "missing.onnx")
    try:
        process.start()
        with pytest.raises(EngineUnavailable, match="model file"):
            assert eventually(process.is_ready)
    finally:
        process.close()


def test_it_answers_as_the_engine_itself_does(shared: EngineProcess, engine: Engine) -> None:
    chunks = shared.plan("Hello there. Good evening!", "en-us")
    assert chunks == engine.plan("Hello there. Good evening!", "en-us")
    long = "When the sun came up over the quiet village, nobody was awake, not even the dogs of the miller."
    assert len(shared.plan(long, "en-us", short_first_chunk=True)) == 2
    voice = engine.stock_voice("am_adam").with_f0(offset=0.1, slope=0.9, median=None)
    audio = shared.speak(chunks[0], voice.to_bytes(), 1.2)
    expected = engine.speak(chunks[0], EngineVoice.from_bytes(voice.to_bytes()), 1.2)
    np.testing.assert_array_equal(audio, expected)
    np.testing.assert_allclose(shared.embed(audio), engine.embed(audio), atol=1e-6)


def test_callers_in_parallel_each_get_their_own_answer(shared: EngineProcess, engine: Engine) -> None:
    names = ["one", "two", "three", "four"]
    voices = ["af_heart", "am_adam"] * 2

    def ask(name: str, voice: str) -> tuple[list[Chunk], int]:
        chunks = shared.plan(f"Number {name}.", "en-us")
        return chunks, shared.speak(chunks[0], voice).size

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, names, voices))
    for name, voice, (chunks, size) in zip(names, voices, answers, strict=True):
        assert chunks[0].text == f"Number {name}."
        assert size == engine.speak(chunks[0], engine.stock_voice(voice)).size


def test_the_engine_s_refusals_arrive_as_they_were(shared: EngineProcess) -> None:
    with pytest.raises(TextNotSpeakable) as refusal:
        shared.plan("Привет", "en-us")
    assert refusal.value.language == "en-us"
    chunk = Chunk("a", (50, 83), 0.0)
    with pytest.raises(VoiceFileError):
        shared.speak(chunk, b"not a voice")
    with pytest.raises(EngineError, match="no stock voice"):
        shared.speak(chunk, "xx_nobody")
    with pytest.raises(EngineError, match="failed on this call"):
        shared.speak(Chunk("too long", (50,) * 600, 0.0), "af_heart")
    assert shared.plan("Still here.", "en-us")


def test_a_call_during_which_the_process_is_killed_fails_and_the_next_works(shared: EngineProcess) -> None:
    chunk = shared.plan(LONG, "en-us")[0]
    pid = shared.pid
    assert pid is not None
    with ThreadPoolExecutor(2) as pool:
        struck = pool.submit(shared.speak, chunk, "af_heart")
        assert eventually(lambda: [call.has_started for call in calls_of(shared)] == [True])
        os.kill(pid, signal.SIGSTOP)  # it does not answer before the kill
        waiting = pool.submit(shared.plan, "I waited in line.", "en-us")
        assert eventually(lambda: len(calls_of(shared)) == 2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineUnavailable):
            struck.result(60)
        assert waiting.result(120)[0].text == "I waited in line."
    assert shared.pid != pid


def test_a_process_that_died_while_idle_is_started_again_unnoticed(shared: EngineProcess) -> None:
    shared.plan("Hello.", "en-us")
    pid = shared.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not shared.is_ready())
    assert shared.plan("Hello again.", "en-us")


def test_a_call_that_takes_too_long_fails_and_the_next_works(shared: EngineProcess) -> None:
    chunk = shared.plan("Stopped.", "en-us")[0]
    assert shared.pid is not None
    os.kill(shared.pid, signal.SIGSTOP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "_call_timeout", 0.3)  # for this call only: a plan may take longer on a busy machine
        with pytest.raises(EngineUnavailable, match="too long"):
            shared.speak(chunk, "af_heart")
    assert shared.plan("On we go.", "en-us")


def test_closing_ends_the_process_and_what_it_started(process: EngineProcess) -> None:
    process.plan("Hello.", "en-us")
    pid = process.pid
    assert pid is not None
    family = [pid, *children_of(pid)]
    assert len(family) == 2  # the engine and its phonemizer
    process.close()
    assert eventually(lambda: not any(alive(member) for member in family))
    with pytest.raises(EngineUnavailable, match="shut down"):
        process.plan("Hello?", "en-us")


PARENT = """
import sys
from voxport.engine import EngineProcess
process = EngineProcess(threads=1)
chunk = process.plan(sys.argv[1], "en-us")[0]
print(process.pid, flush=True)
while True:
    process.speak(chunk, "af_heart")
"""


def test_it_ends_with_a_parent_that_is_killed_in_the_middle_of_a_synthesis() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, LONG], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    family = [pid, *children_of(pid)]
    assert all(alive(member) for member in family)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: not any(alive(member) for member in family))


NOISE = """
import os, threading, time
def babble():
    while True:
        os.write(1, b"noise ")
        print("more noise", flush=True)
        time.sleep(0.01)
if "voxport.engine.process.server" in " ".join(getattr(__import__("sys"), "orig_argv", [])):
    threading.Thread(target=babble, daemon=True).start()
"""


def test_what_a_library_prints_does_not_get_into_the_answers(
    process: EngineProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOISE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (chunk,) = process.plan("Quiet, please.", "en-us")
    assert process.speak(chunk, "af_heart").size > 10_000
    printed = capfd.readouterr()
    assert "noise" in printed.err
    assert "noise" not in printed.out


def test_it_runs_at_the_priority_that_was_asked_for(shared: EngineProcess) -> None:
    process = EngineProcess(niceness=7, threads=1)
    try:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        for one, niceness in ((shared, 0), (process, 7)):
            one.plan("Hello.", "en-us")
            assert one.pid is not None
            assert os.getpriority(os.PRIO_PROCESS, one.pid) == min(19, own + niceness)
    finally:
        process.close()


def test_a_process_started_by_a_thread_outlives_it(process: EngineProcess) -> None:
    starter = threading.Thread(target=process.plan, args=("Hello.", "en-us"))
    starter.start()
    starter.join()
    pid = process.pid
    assert pid is not None
    assert eventually(lambda: not Path(f"/proc/self/task/{starter.native_id}").exists())
    assert alive(pid)
    assert process.plan("Still here.", "en-us")
    assert process.pid == pid
