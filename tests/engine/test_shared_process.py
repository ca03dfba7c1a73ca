"""Several processes with one engine process: kills of each of them, leftovers of kills, and whom the engine serves."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.engine import EngineProcess, EngineUnavailable
from voxport.engine.process.protocol import pack
from voxport.engine.process.socket_file import listen, open_folder, try_lock

pytestmark = pytest.mark.slow

OTHER = """
import sys
from pathlib import Path
from voxport.engine import EngineProcess
process = EngineProcess(threads=1, shared_in=Path(sys.argv[1]))
chunk = process.plan("The old boat drifted by.", "en-us")[0]
print(process.pid, flush=True)
while True:
    try:
        process.speak(chunk, "af_heart", caller="a long text")
    except Exception as error:
        print(type(error).__name__, flush=True)
    else:
        print("spoken", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine"


def client_of(folder: Path, **options: float) -> EngineProcess:
    return EngineProcess(threads=1, shared_in=folder, **options)  # type: ignore[arg-type]


@contextmanager
def other_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that speaks all the time. It prints the engine's process id first, then what came of each
    call."""
    process = subprocess.Popen([sys.executable, "-c", OTHER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def pid_of(process: EngineProcess) -> int:
    assert process.pid is not None
    return process.pid


def test_processes_share_an_engine_and_a_kill_of_each_harms_no_other(folder: Path) -> None:
    """Kills, one after the other: the process that started the engine, the engine, and all its clients."""
    with closing(client_of(folder)) as ours:
        with other_process(folder) as starter:
            engine = int(read_line(starter))
            assert read_line(starter) == "spoken"
            chunk = ours.plan("Hello.", "en-us")[0]
            assert ours.pid == engine
            starter.kill()
            starter.wait()
        assert ours.speak(chunk, "af_heart").size
        assert ours.pid == engine

        with other_process(folder) as second:
            assert int(read_line(second)) == engine
            family = [engine, *(child.pid for child in psutil.Process(engine).children())]
            assert len(family) == 2  # the engine and its phonemizer
            os.kill(engine, signal.SIGKILL)
            eventually(lambda: all(map(is_gone, family)))
            assert len(list(folder.glob("*.sock"))) == 1, "a kill leaves the socket"
            assert ours.plan("Hello again.", "en-us")
            again = pid_of(ours)
            assert again != engine
            lines = [read_line(second) for _ in range(12)]
            assert lines[-1] == "spoken"
            assert set(lines) <= {"spoken", "EngineUnavailable"}
            assert lines.count("EngineUnavailable") <= 1, "only the call that was served"
            family = [again, *(child.pid for child in psutil.Process(again).children())]
            ours.close()
            assert not is_gone(again)
            second.kill()
            second.wait()
        eventually(lambda: all(map(is_gone, family)))
        assert list(folder.glob("*.sock")) == []


def test_clients_that_start_at_once_start_one_engine(folder: Path) -> None:
    clients = [client_of(folder) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len({len(found) for found in pool.map(lambda one: one.plan("Hello.", "en-us"), clients)}) == 1
    engine = pid_of(clients[0])
    assert {client.pid for client in clients} == {engine}
    for client in clients:
        client.close()
    eventually(lambda: is_gone(engine))


def test_a_stopped_process_with_unread_answers_delays_no_other(folder: Path) -> None:
    with closing(client_of(folder)) as ours, other_process(folder) as stopped:
        assert int(read_line(stopped))
        os.kill(stopped.pid, signal.SIGSTOP)
        chunk = ours.plan("Hello.", "en-us")[0]
        assert ours.speak(chunk, "af_heart").size


def test_a_speaker_is_recognised_without_the_weights_of_the_voice(folder: Path) -> None:
    clip = np.sin(np.arange(2 * SAMPLE_RATE) / 20).astype(np.float32)
    with closing(client_of(folder)) as client:
        embedding = client.embed(clip)
        assert not client.is_ready()
        assert psutil.Process(client.pid).children() == []
        assert client.plan("Hello.", "en-us")
        assert client.is_ready()
        np.testing.assert_allclose(client.embed(clip), embedding, atol=1e-6)


def test_an_idle_client_leaves_the_engine_and_returns_and_one_that_started_it_stays(folder: Path) -> None:
    with closing(client_of(folder, idle_seconds=0.2)) as client:
        client.embed(np.ones(SAMPLE_RATE, np.float32))
        engine = pid_of(client)
        eventually(lambda: is_gone(engine))
        client.start()
        eventually(client.is_ready)
        engine = pid_of(client)
        time.sleep(1.0)
        assert client.pid == engine


def test_other_options_and_another_folder_get_another_engine(folder: Path, tmp_path: Path) -> None:
    clip = np.ones(SAMPLE_RATE, np.float32)
    others = [EngineProcess(threads=2, shared_in=folder), EngineProcess(threads=1, shared_in=tmp_path / "two")]
    clients = [client_of(folder), *others]
    for client in clients:
        client.embed(clip)
    engines = [pid_of(client) for client in clients]
    assert len(set(engines)) == 3
    os.kill(engines[1], signal.SIGKILL)
    eventually(lambda: is_gone(engines[1]))
    assert clients[0].embed(clip).size and pid_of(clients[0]) == engines[0]
    clients[0].close()
    eventually(lambda: is_gone(engines[0]))
    clients[1].embed(clip)
    # A process that another thread of this one is just starting may hold the lock of the removed engine for a moment.
    for _ in range(3):
        if len(list(folder.iterdir())) > 2:
            engines.append(pid_of(clients[1]))
            os.kill(engines[-1], signal.SIGKILL)
            eventually(lambda: is_gone(engines[-1]))
            clients[1].embed(clip)
    assert len(list(folder.iterdir())) == 2, "the files of the other options' engine are removed by the next start"
    for client in others:
        client.close()
    eventually(lambda: all(map(is_gone, engines)))


def test_an_engine_of_another_protocol_is_not_used(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(folder)
    descriptor = open_folder(folder)
    name = client._shared._name  # type: ignore[union-attr]
    lock = try_lock(descriptor, name)
    with closing(client), listen(descriptor, name) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: listener.accept()[0].sendall(pack({"kind": "hello", "protocol": 1})))
        assert client.embed(np.ones(SAMPLE_RATE, np.float32)).size
        assert client.pid != os.getpid()
        assert "can't be shared" in caplog.text
    assert lock is not None
    os.close(lock)
    os.close(descriptor)


@pytest.mark.parametrize("kind", ["not a folder", "a link", "no sockets"])
def test_where_an_engine_cannot_be_shared_each_client_has_its_own(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "engine"
    if kind == "not a folder":
        folder.write_text("in the way")
    elif kind == "a link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        # Nothing can be bound: a folder with the socket's name is in the way.
        (folder / f"{client_of(folder)._shared._name}.sock").mkdir()  # type: ignore[union-attr]
    with closing(client_of(folder)) as one, closing(client_of(folder)) as two:
        for client in (one, two):
            assert client.embed(np.ones(SAMPLE_RATE, np.float32)).size
        assert one.pid != two.pid


def test_only_this_user_can_reach_the_socket_also_in_a_folder_with_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 50) / "engine"
    folder.mkdir(parents=True, mode=0o755)
    with closing(client_of(folder)) as one, closing(client_of(folder)) as two:
        for client in (one, two):
            client.embed(np.ones(SAMPLE_RATE, np.float32))
        assert one.pid == two.pid
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_hung_engine_is_killed_by_a_client_that_did_not_start_it(folder: Path) -> None:
    with closing(client_of(folder)) as starter, closing(client_of(folder, call_timeout=2.0)) as client:
        starter.embed(np.ones(SAMPLE_RATE, np.float32))
        client.embed(np.ones(SAMPLE_RATE, np.float32))
        engine = pid_of(starter)
        os.kill(engine, signal.SIGSTOP)
        with pytest.raises(EngineUnavailable, match="too long"):
            client.embed(np.ones(SAMPLE_RATE, np.float32))
        eventually(lambda: is_gone(engine))
        assert starter.embed(np.ones(SAMPLE_RATE, np.float32)).size


def test_what_is_no_frame_disconnects_only_its_sender(folder: Path) -> None:
    with closing(client_of(folder)) as client:
        client.embed(np.ones(SAMPLE_RATE, np.float32))
        engine = pid_of(client)
        with socket.socket(socket.AF_UNIX) as stranger:
            descriptor = os.open(folder, os.O_RDONLY)
            stranger.connect(f"/proc/self/fd/{descriptor}/{client._shared._name}.sock")  # type: ignore[union-attr]
            os.close(descriptor)
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            stranger.settimeout(60)
            # The system sends a reset in place of an end where the engine left bytes unread.
            with suppress(ConnectionResetError):
                while stranger.recv(1 << 16):
                    pass
        assert client.embed(np.ones(SAMPLE_RATE, np.float32)).size
        assert client.pid == engine
