"""Several processes share the slots of an account: never too many calls at once, fairly, whoever dies or is cut off."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.postgres import Postgres
from tests.support.server import environment, wait_until
from voxport.coordination.file_states import FileStates
from voxport.coordination.postgres_states import PostgresStates
from voxport.coordination.states import open_states
from voxport.db.session import Database
from voxport.errors import ProviderBusy
from voxport.migrations.migrate import migrate
from voxport.providers.limiter import Limiter
from voxport.providers.shared_slots import SharedSlots

NewLimiter = Callable[..., Limiter]
SECONDS = 30.0


@pytest.fixture
def new_limiter(database_url: str) -> Iterator[NewLimiter]:
    """Opens limiters as different processes have them: each with a store of its own."""
    opened: list[SharedSlots] = []

    def new(*, max_calls: int = 4, timeout: float = SECONDS) -> Limiter:
        slots = SharedSlots(open_states(database_url))
        opened.append(slots)
        return Limiter(
            "ElevenLabs", max_calls=max_calls, initial_calls=max_calls, timeout=timeout, name="eleven", slots=slots
        )

    yield new
    for slots in opened:
        slots.close()


def pool_of(limiter: Limiter) -> SharedSlots:
    """The pools of a limiter, which its process would close at its end."""
    slots = limiter._pool._wake.__self__  # type: ignore[attr-defined]
    assert isinstance(slots, SharedSlots)
    return slots


class Running:
    """Counts the calls that run at once, by client."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.done: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def call(self, client: str) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        yield
        with self._lock:
            self.now -= 1
            self.done[client] += 1


def together(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_processes_together_make_no_more_calls_than_the_limit(new_limiter: NewLimiter) -> None:
    limiters, running = [new_limiter() for _ in range(3)], Running()

    def call(limiter: Limiter) -> None:
        for _ in range(4):
            with limiter.slot("a"), running.call("a"):
                time.sleep(0.005)

    together([lambda one=one: call(one) for one in limiters for _ in range(8)])  # type: ignore[misc]
    assert running.done["a"] == 96
    assert running.most == 4


def test_an_idle_process_hands_its_slots_over_at_once(new_limiter: NewLimiter) -> None:
    first, second = new_limiter(max_calls=2), new_limiter(max_calls=2)
    with first.slot("a"), first.slot("a"):
        pass
    began = time.monotonic()
    with second.slot("b", timeout=SECONDS), second.slot("b", timeout=SECONDS):
        pass
    assert time.monotonic() - began < 3  # the first one would give them up by itself after four seconds at least


def test_calls_of_a_process_that_has_slots_ask_nobody(new_limiter: NewLimiter) -> None:
    limiter = new_limiter()
    with limiter.slot("a"):
        pass
    store = pool_of(limiter)._store
    asked: list[str] = []
    before = store.update
    store.update = lambda name, *rest, **more: asked.append(name) or before(name, *rest, **more)  # type: ignore[method-assign,func-returns-value]
    for _ in range(1_000):
        with limiter.slot("a"):
            pass
    assert len(asked) <= 1  # the renewal, if four seconds have passed


def test_processes_with_endless_calls_get_shares_by_their_clients(new_limiter: NewLimiter) -> None:
    limiters, running, stop = [new_limiter(), new_limiter()], Running(), threading.Event()

    def call(limiter: Limiter, client: str) -> None:
        while not stop.is_set():
            with limiter.slot(client), running.call(client):
                time.sleep(0.01)
            if running.done.total() > 400:
                stop.set()

    crowd = [(limiters[0], "crowd")] * 30 + [(limiters[1], name) for name in ("b", "c", "d") for _ in range(4)]
    together([lambda one=one, name=name: call(one, name) for one, name in crowd])  # type: ignore[misc]
    assert running.most == 4
    assert max(running.done.values()) <= 2 * min(running.done.values()), running.done


def test_a_single_slot_goes_round_among_processes(new_limiter: NewLimiter) -> None:
    limiters, running, stop = [new_limiter(max_calls=1) for _ in range(3)], Running(), threading.Event()

    def call(limiter: Limiter, client: str) -> None:
        while not stop.is_set():
            with limiter.slot(client), running.call(client):
                time.sleep(0.002)
            if running.done.total() > 120:
                stop.set()

    together([lambda n=n: call(limiters[n % 3], str(n % 3)) for n in range(12)])  # type: ignore[misc]
    assert running.most == 1
    assert max(running.done.values()) <= 2 * min(running.done.values()), running.done


def test_a_refusal_lowers_the_limit_of_all_and_success_raises_it(new_limiter: NewLimiter) -> None:
    first, second = new_limiter(max_calls=8), new_limiter(max_calls=8)
    with first.slot("a"), second.slot("b"):
        with contextlib.ExitStack() as calls:
            for _ in range(2):
                calls.enter_context(first.slot("a"))
            first.on_refused()
            wait_until(lambda: first.limit == second.limit == 3, seconds=SECONDS, what="the lower limit")
        for _ in range(3):
            second.on_success()
        wait_until(lambda: first.limit == second.limit == 4, seconds=SECONDS, what="the higher limit")


def test_a_maximum_that_the_provider_reports_holds_for_all(new_limiter: NewLimiter) -> None:
    first, second = new_limiter(max_calls=2), new_limiter(max_calls=2)
    with first.slot("a"), second.slot("b"):
        first.set_max_calls(5)
        wait_until(lambda: second.limit == 5, seconds=SECONDS, what="the reported limit")
        with contextlib.ExitStack() as calls:
            for _ in range(3):
                calls.enter_context(second.slot("b"))
            with pytest.raises(ProviderBusy), second.slot("b", timeout=0.2):
                pass


def test_who_waits_too_long_gets_an_error_and_leaves_nothing_behind(new_limiter: NewLimiter) -> None:
    first, second = new_limiter(max_calls=1), new_limiter(max_calls=1)
    with first.slot("a"), pytest.raises(ProviderBusy), second.slot("b", timeout=0.1):
        pass
    with first.slot("a"), pytest.raises(ProviderBusy), second.slot("b", timeout=0.1):
        pass


def test_a_closed_process_hands_its_slots_over(new_limiter: NewLimiter) -> None:
    first, second = new_limiter(max_calls=1), new_limiter(max_calls=1)
    held = first.slot("a")
    held.__enter__()
    began = time.monotonic()
    threading.Timer(0.2, pool_of(first).close).start()
    with second.slot("b", timeout=SECONDS):
        assert time.monotonic() - began < 8


HOLD = """
import sys, time
from voxport.coordination.states import open_states
from voxport.providers.limiter import Limiter
from voxport.providers.shared_slots import SharedSlots
slots = SharedSlots(open_states(sys.argv[1]))
limiter = Limiter("ElevenLabs", max_calls=2, initial_calls=2, timeout=30, name="eleven", slots=slots)
with limiter.slot("a"), limiter.slot("a"):
    print("held", flush=True)
    time.sleep(300)
"""


@contextlib.contextmanager
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds both slots of an account."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE, text=True, env=environment()
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "held\n"
            yield child
        finally:
            child.kill()


@pytest.mark.slow
def test_the_slots_of_a_killed_process_are_free_within_15_s(new_limiter: NewLimiter, database_url: str) -> None:
    limiter = new_limiter(max_calls=2)
    with holder(database_url) as child:
        with pytest.raises(ProviderBusy), limiter.slot("b", timeout=0.2):
            pass
        child.send_signal(signal.SIGKILL)
        child.wait()
        began = time.monotonic()
        with limiter.slot("b", timeout=60), limiter.slot("b", timeout=60):
            assert time.monotonic() - began < 15


@pytest.mark.slow
def test_a_stopped_process_on_the_same_machine_keeps_its_slots(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'voxport.db'}"
    slots = SharedSlots(open_states(url))
    limiter = Limiter("ElevenLabs", max_calls=2, initial_calls=2, timeout=30, name="eleven", slots=slots)
    with holder(url) as child:
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(ProviderBusy), limiter.slot("b", timeout=1.5):
            pass
    slots.close()


def test_a_process_that_can_not_renew_its_slots_begins_no_call_before_others_have_them(postgres_url: str) -> None:
    database = Database(postgres_url)
    migrate(database)
    database.close()
    cut, beside = (SharedSlots(PostgresStates(postgres_url, ttl_seconds=2.0)) for _ in range(2))
    first, second = (
        Limiter("ElevenLabs", max_calls=1, initial_calls=1, timeout=SECONDS, name="eleven", slots=slots)
        for slots in (cut, beside)
    )
    with first.slot("a"):
        pass
    store = cut._store
    assert isinstance(store, PostgresStates)

    def unreachable() -> None:
        raise OSError("the network is cut")

    store._connection.disconnect()
    store._connection.driver = unreachable  # type: ignore[method-assign]
    with second.slot("b", timeout=SECONDS):
        with pytest.raises(ProviderBusy), first.slot("a", timeout=0.5):
            pass
        del store._connection.driver
        with pytest.raises(ProviderBusy), first.slot("a", timeout=2.5):
            pass
    with first.slot("a", timeout=SECONDS):
        pass
    cut.close()
    beside.close()


def test_a_process_whose_connection_is_ended_goes_on_and_makes_another(
    postgres_template: str, postgres: Postgres
) -> None:
    url = postgres.new_database(postgres_template)
    pools = [SharedSlots(open_states(url)) for _ in range(2)]
    first, second = (
        Limiter("ElevenLabs", max_calls=3, initial_calls=3, timeout=SECONDS, name="eleven", slots=slots)
        for slots in pools
    )
    database = Database(url)
    with first.slot("a"):
        with database.transaction() as tx:
            mine = "datname = current_database() AND application_name = 'voxport-slots'"
            tx.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}"))
        with first.slot("a"), second.slot("b"), pytest.raises(ProviderBusy), second.slot("b", timeout=0.2):
            pass
    for slots in pools:
        slots.close()
    database.close()


def test_a_document_that_can_not_be_read_begins_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'voxport.db'}"
    folder = tmp_path / "voxport.db.states"
    for content in (
        b"{",
        b"[]",
        b'{"shared": 1, "members": {"a": 2}}',
        b"\0" * 100,
        b'{"shared": {}, "members": {"../x": {}}}',
    ):
        folder.mkdir(exist_ok=True)
        (folder / "eleven.json").write_bytes(content)
        slots = SharedSlots(open_states(url))
        limiter = Limiter("ElevenLabs", max_calls=1, initial_calls=1, timeout=5, name="eleven", slots=slots)
        with limiter.slot("a"):
            pass
        slots.close()
    assert list((folder / "members").iterdir()) == []


def test_a_process_whose_pipe_was_removed_makes_another(tmp_path: Path) -> None:
    store = FileStates(str(tmp_path / "states"))
    store.update("x", lambda _, members: bool(members.setdefault(store.owner, {"slots": 1})), renew=False)
    (tmp_path / "states" / "members" / store.owner).unlink()
    other = FileStates(str(tmp_path / "states"))
    seen: list[set[str]] = []
    store.update("x", lambda _, members: bool(members.setdefault(store.owner, {"slots": 1})), renew=False)
    other.update("x", lambda _, members: seen.append(set(members)) or False, renew=False)  # type: ignore[func-returns-value]
    assert seen == [{store.owner}]
    store.close()
    other.close()
