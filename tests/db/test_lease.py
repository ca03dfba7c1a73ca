"""A lease is held by one living process, and is released when that process dies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import environment, wait_until
from voxport.db.lease import MAX_SLOTS, Leases

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


def test_a_look_at_a_lease_on_postgres_sees_the_session_that_holds_it(postgres_url: str) -> None:
    leases = Leases(postgres_url)
    assert not leases.is_held("calls_a")
    lease = leases.try_acquire("calls_a")
    assert lease is not None
    assert Leases(postgres_url).is_held("calls_a")
    lease.release()
    assert not leases.is_held("calls_a")


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
    name, _ = Leases(url).acquire_slot("worker")
    assert name == "worker-1"


def test_a_killed_process_gives_its_lease_back(url: str, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    wait_until(lambda: Leases(url).try_acquire("worker-0") is not None, seconds=20, what="the dead process's lease")


def test_a_new_process_takes_the_name_of_a_dead_one(url: str, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    name, lease = Leases(url).acquire_slot("worker")
    assert name == "worker-0"
    lease.release()


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


def test_when_all_slots_are_taken_it_says_so(url: str) -> None:
    leases = Leases(url)
    taken = [leases.acquire_slot("worker") for _ in range(MAX_SLOTS)]
    assert len({name for name, _ in taken}) == MAX_SLOTS
    with pytest.raises(RuntimeError, match="slots are taken"):
        leases.acquire_slot("worker")
    for _, lease in taken:
        lease.release()
