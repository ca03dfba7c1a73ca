"""A worker is woken by commits only; a lost wake-up or a dead worker disturbs no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.server import environment, wait_until
from voxport.db.session import Database
from voxport.db.wakeups import Topics, WakeupListener, notify

SECONDS = 20
LISTEN = (
    "import sys, time; from voxport.db.wakeups import WakeupListener; "
    "WakeupListener(sys.argv[1], lambda _: print('woken', flush=True)).start(); time.sleep(60)"
)


class WakeupCounter:
    """Counts the wake-ups of its listener."""

    def __init__(self, url: str) -> None:
        self.count = 0
        self.topics: list[Topics] = []
        self._changed = threading.Condition()
        self.listener = WakeupListener(url, self._on_wake)
        self.listener.start()
        self.wait_for(1)

    def _on_wake(self, topics: Topics) -> None:
        with self._changed:
            self.topics.append(topics)
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, SECONDS)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def counter(database: Database) -> Iterator[WakeupCounter]:
    opened = WakeupCounter(database.url)
    yield opened
    opened.listener.close()


def test_a_listener_is_woken_at_its_start_and_by_each_commit(database: Database, counter: WakeupCounter) -> None:
    for count in (2, 3):
        with database.transaction() as tx:
            notify(tx, "work")
        counter.wait_for(count)


def test_a_wake_up_names_its_topic(database: Database, counter: WakeupCounter) -> None:
    with database.transaction() as tx:
        notify(tx, "one")
        notify(tx, "two")
    assert counter.topics[0] is None, "a listener may have missed anything before its start"

    def named() -> set[str]:
        return {topic for topics in counter.topics[1:] for topic in topics or ()}

    wait_until(lambda: named() == {"one", "two"}, seconds=SECONDS, what="both topics")


def test_what_is_rolled_back_wakes_nobody(database: Database, counter: WakeupCounter) -> None:
    with pytest.raises(RuntimeError), database.transaction() as tx:
        notify(tx, "work")
        raise RuntimeError
    with database.transaction() as tx:
        notify(tx, "work")
    counter.wait_for(2)
    assert counter.count == 2


def test_nobody_is_woken_before_the_commit(database: Database, counter: WakeupCounter) -> None:
    with database.transaction() as tx:
        notify(tx, "work")
        tx.execute(text("SELECT 1"))
        assert counter.count == 1
    counter.wait_for(2)


def test_every_listener_is_woken(database: Database, counter: WakeupCounter) -> None:
    second = WakeupCounter(database.url)
    with database.transaction() as tx:
        notify(tx, "work")
    counter.wait_for(2)
    second.wait_for(2)
    second.listener.close()


def test_a_commit_without_a_listener_succeeds(database: Database) -> None:
    with database.transaction() as tx:
        notify(tx, "work")


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'voxport.db'}")
    yield opened
    opened.close()


def test_the_pipe_of_a_killed_listener_is_passed_over_and_then_removed(sqlite: Database, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", LISTEN, sqlite.url], stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "woken\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    folder = tmp_path / "voxport.db.wakeups"
    (dead,) = folder.iterdir()
    with sqlite.transaction() as tx:
        notify(tx, "work")
    counter = WakeupCounter(sqlite.url)
    assert not dead.exists()
    counter.listener.close()
    assert list(folder.iterdir()) == []


def test_a_full_pipe_holds_nobody_up(sqlite: Database, tmp_path: Path) -> None:
    folder = tmp_path / "voxport.db.wakeups"
    folder.mkdir()
    os.mkfifo(folder / "full")
    full = os.open(folder / "full", os.O_RDWR | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(full, bytes(4096))
    with sqlite.transaction() as tx:
        notify(tx, "work")
    os.close(full)


def test_what_is_no_pipe_is_left_alone(sqlite: Database, tmp_path: Path) -> None:
    folder = tmp_path / "voxport.db.wakeups"
    folder.mkdir()
    (folder / "file").write_text("mine")
    (tmp_path / "other").write_text("mine")
    (folder / "link").symlink_to(tmp_path / "other")
    with sqlite.transaction() as tx:
        notify(tx, "work")
    assert (folder / "file").read_text() == (tmp_path / "other").read_text() == "mine"


def test_a_pipe_is_for_its_owner_alone(sqlite: Database, tmp_path: Path) -> None:
    counter = WakeupCounter(sqlite.url)
    folder = tmp_path / "voxport.db.wakeups"
    (pipe,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, pipe.stat().st_mode & 0o777) == (0o700, 0o600)
    counter.listener.close()
