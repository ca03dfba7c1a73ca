"""The engine in a process of its own: many callers, sudden deaths, and a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
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
from voxport.engine.voice import Voice

pytestmark = pytest.mark.slow

LONG = "The old boat drifted slowly along the quiet river while the children were laughing behind the wall. " * 3


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def test_it_starts_in_the_background_and_says_when_it_is_ready(process: EngineProcess) -> None:
    process.start()
    assert not process.ready()
    assert eventually(process.ready, 60)


def test_it_answers_as_the_engine_itself_does(process: EngineProcess, engine: Engine) -> None:
    chunks = process.plan("Hello there. Good evening!", "en-us")
    assert chunks == engine.plan("Hello there. Good evening!", "en-us")
    long = "When the sun came up over the quiet village, nobody was awake, not even the dogs of the miller."
    assert len(process.plan(long, "en-us", first_short=True)) == 2
    voice = engine.stock("am_adam").with_f0(offset=0.1, slope=0.9, median=None)
    audio = process.speak(chunks[0], voice.to_bytes(), 1.2)
    expected = engine.speak(chunks[0], Voice.from_bytes(voice.to_bytes()), 1.2)
    np.testing.assert_array_equal(audio, expected)
    np.testing.assert_allclose(process.embed(audio), engine.embed(audio), atol=1e-6)


def test_callers_in_parallel_each_get_their_own_answer(process: EngineProcess, engine: Engine) -> None:
    names = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    voices = ["af_heart", "am_adam"] * 4

    def ask(name: str, voice: str) -> tuple[list[Chunk], int]:
        chunks = process.plan(f"Number {name}.", "en-us")
        return chunks, process.speak(chunks[0], voice).size

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, names, voices))
    for name, voice, (chunks, size) in zip(names, voices, answers, strict=True):
        assert chunks[0].text == f"Number {name}."
        assert size == engine.speak(chunks[0], engine.stock(voice)).size


def test_calls_are_served_in_the_order_they_came(process: EngineProcess) -> None:
    (chunk,) = process.plan("This takes a moment.", "en-us")
    finished: list[int] = []

    def speak(number: int) -> None:
        process.speak(chunk, "af_heart")
        finished.append(number)

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert finished == [0, 1, 2, 3, 4]


def test_the_engine_s_refusals_arrive_as_they_were(process: EngineProcess) -> None:
    with pytest.raises(TextNotSpeakable) as refusal:
        process.plan("Привет", "en-us")
    assert refusal.value.language == "en-us"
    chunk = Chunk("a", (50, 83), 0.0)
    with pytest.raises(VoiceFileError):
        process.speak(chunk, b"not a voice")
    with pytest.raises(EngineError, match="no stock voice"):
        process.speak(chunk, "xx_nobody")
    with pytest.raises(EngineError, match="failed on this call"):
        process.speak(Chunk("too long", (50,) * 600, 0.0), "af_heart")
    assert process.plan("Still here.", "en-us")


def test_a_call_during_which_the_process_is_killed_fails_and_the_next_works(process: EngineProcess) -> None:
    chunk = process.plan(LONG, "en-us")[0]
    pid = process.pid
    assert pid is not None
    with ThreadPoolExecutor(2) as pool:
        struck = pool.submit(process.speak, chunk, "af_heart")
        time.sleep(0.3)
        waiting = pool.submit(process.plan, "I waited in line.", "en-us")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineUnavailable):
            struck.result(60)
        assert waiting.result(60)[0].text == "I waited in line."
    assert process.pid != pid


def test_a_process_that_died_while_idle_is_started_again_unnoticed(process: EngineProcess) -> None:
    process.plan("Hello.", "en-us")
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not process.ready())
    assert process.plan("Hello again.", "en-us")


def test_a_call_that_takes_too_long_fails_and_the_next_works(process: EngineProcess) -> None:
    chunk = process.plan("Stopped.", "en-us")[0]
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_call_timeout", 0.3)  # only here: a plan on a busy machine may take longer
        with pytest.raises(EngineUnavailable, match="too long"):
            process.speak(chunk, "af_heart")
    assert process.plan("On we go.", "en-us")


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
import sys, threading
from voxport.engine import EngineProcess
process = EngineProcess()
chunk = process.plan(sys.argv[1], "en-us")[0]
threading.Thread(target=process.speak, args=(chunk, "af_heart"), daemon=True).start()
print(process.pid, flush=True)
threading.Event().wait()
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
    assert eventually(lambda: not any(alive(member) for member in family), 20)


NOISE = """
import os, threading, time
def babble():
    # From the moment that the engine's frames go elsewhere, on every name that standard output has.
    while os.readlink("/proc/self/fd/1") != os.readlink("/proc/self/fd/2"):
        time.sleep(0.01)
    while True:
        os.write(1, b"noise ")
        print("more noise", flush=True)
        time.sleep(0.01)
if "voxport.engine.child" in " ".join(getattr(__import__("sys"), "orig_argv", [])):
    threading.Thread(target=babble, daemon=True).start()
"""


def test_what_a_library_prints_does_not_get_into_the_answers(
    process: EngineProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOISE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (chunk,) = process.plan("Quiet, please.", "en-us")
    assert process.speak(chunk, "af_heart").size > 10_000
    assert "noise" in capfd.readouterr().err


def test_the_process_gets_no_secret_of_its_parent(process: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXPORT_BOOTSTRAP_KEY", "vxp_secret")
    process.plan("Hello.", "en-us")
    assert process.pid is not None
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"vxp_secret" not in environment


@pytest.mark.parametrize("niceness", [0, 7])
def test_it_runs_at_the_priority_that_was_asked_for(niceness: int) -> None:
    process = EngineProcess(niceness=niceness)
    try:
        process.plan("Hello.", "en-us")
        assert process.pid is not None
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, own + niceness)
    finally:
        process.close()


def test_threads_that_wait_for_each_other_sleep(process: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    process.plan("Hello.", "en-us")
    assert b"OMP_WAIT_POLICY=PASSIVE" in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")


def test_a_process_started_by_a_thread_outlives_it(process: EngineProcess) -> None:
    starter = threading.Thread(target=process.plan, args=("Hello.", "en-us"))
    starter.start()
    starter.join()
    pid = process.pid
    assert pid is not None
    time.sleep(0.5)
    assert alive(pid)
    assert process.plan("Still here.", "en-us")
    assert process.pid == pid
