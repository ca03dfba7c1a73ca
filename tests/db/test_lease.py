"""A lease is held by one living process, and is released when that process dies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import environment, wait_until
from voxport.db.lease import Leases

_HOLD = (
    "import sys; from voxport.db.lease import Leases; lease = Leases(sys.argv[1]).try_acquire(sys.argv[2]); "
    "print('held' if lease else 'refused', flush=True); sys.stdin.readline()"
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'voxport.db'}"


@pytest.fixture
def holder(url: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease `worker-0`."""
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, url, "worker-0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()


def test_a_look_at_a_lease_tells_whether_its_process_lives(url: str, holder: subprocess.Popen[str]) -> None:
    leases = Leases(url)
    assert leases.is_held("worker-0")
    holder.kill()
    holder.wait()
    assert not leases.is_held("worker-0")
    own = leases.try_acquire("worker-0")  # checking did not take the lease
    assert own is not None
    assert leases.is_held("worker-0")


def test_a_look_at_a_lease_that_never_was_leaves_nothing(url: str, tmp_path: Path) -> None:
    assert not Leases(url).is_held("calls_nobody")
    assert list(tmp_path.rglob("calls_nobody")) == []


def test_a_lease_is_not_taken_twice(url: str) -> None:
    first = Leases(url).try_acquire("worker-0")
    assert first is not None
    assert Leases(url).try_acquire("worker-0") is None
    assert Leases(url).try_acquire("worker-1") is not None
    first.release()
    assert Leases(url).try_acquire("worker-0") is not None


def test_giving_back_twice_gives_back_once(url: str) -> None:
    leases = Leases(url)
    first = leases.try_acquire("worker-0")
    assert first is not None
    first.release()
    second = leases.try_acquire("worker-0")
    assert second is not None
    first.release()
    assert leases.try_acquire("worker-0") is None


def test_another_process_holds_its_lease_while_it_lives(url: str, holder: subprocess.Popen[str]) -> None:
    assert Leases(url).try_acquire("worker-0") is None
    assert Leases(url).try_take_over("worker-0") is None


def test_a_killed_process_gives_its_lease_back(url: str, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    wait_until(lambda: Leases(url).try_acquire("worker-0") is not None, seconds=20, what="the dead process's lease")


def test_a_process_takes_over_the_name_of_a_dead_one(url: str, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    lease = Leases(url).try_take_over("worker-0")
    assert lease is not None
    lease.release()


def test_each_process_gets_a_name_of_its_own(url: str) -> None:
    leases = Leases(url)
    first, second = leases.acquire_own("worker"), leases.acquire_own("worker")
    assert first.name != second.name
    first.require()  # cannot be lost: the kernel releases the lease of no living process
    assert not first.is_lost


def test_the_names_of_dead_processes_are_swept_and_those_of_living_ones_stay(
    url: str, holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    leases = Leases(url)
    own = leases.acquire_own("calls")
    assert leases.sweep() == 0
    holder.kill()
    holder.wait()
    assert leases.sweep() == 1
    assert [path.name for path in tmp_path.rglob("*.leases/*")] == [own.name]


def test_a_child_does_not_inherit_a_lease(url: str) -> None:
    lease = Leases(url).try_acquire("worker-0")
    assert lease is not None
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE, close_fds=False
    )
    try:
        lease.release()
        # The kernel may close descriptors that a child must not inherit shortly after the child counts as started.
        wait_until(lambda: Leases(url).try_acquire("worker-0") is not None, seconds=20, what="the lease")
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
