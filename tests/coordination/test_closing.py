"""What processes share is closed once, although several threads close it at the same moment."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from voxport.coordination.file_states import FileStates
from voxport.coordination.wake_pipe import WakePipe
from voxport.db.file_leases import FileLeases

ROUNDS = 400


@pytest.fixture(autouse=True)
def _switch_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def errors_of(action: Callable[[], object], *, threads: int = 4) -> list[Exception]:
    """What `action` raises in several threads that begin together. A second close of a descriptor is an OSError here,
    and the close of another file elsewhere."""
    barrier, errors = threading.Barrier(threads), list[Exception]()

    def run() -> None:
        barrier.wait()
        try:
            action()
        except Exception as error:
            errors.append(error)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return errors


def test_a_wake_pipe_is_closed_once() -> None:
    for _ in range(ROUNDS):
        assert errors_of(WakePipe().close) == []


def test_the_pipe_of_a_process_is_closed_once(tmp_path: Path) -> None:
    for _ in range(ROUNDS):
        states = FileStates(str(tmp_path))
        states.update("slots", lambda shared, members: False, renew=False)
        assert errors_of(states.close) == []


def test_the_pipe_of_a_process_is_opened_once(tmp_path: Path) -> None:
    for _ in range(ROUNDS // 4):
        states = FileStates(str(tmp_path))
        assert errors_of(lambda: states.update("slots", lambda shared, members: False, renew=False)) == []  # noqa: B023
        states.close()
        assert list((tmp_path / "members").iterdir()) == []


def test_a_lease_is_released_once(tmp_path: Path) -> None:
    leases = FileLeases(str(tmp_path / "voxport.db"))
    for _ in range(ROUNDS):
        lease = leases.try_acquire("call", lambda: None, is_process=False)
        assert lease is not None
        assert errors_of(lease.release) == []
