"""Rate limits of processes on several hosts are counted together, in a table of Postgres."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import pytest
from sqlalchemy import text

from tests.support.postgres import Postgres
from voxport.coordination.postgres_tokens import PostgresTokens, TokenAnswer, TokenRequest
from voxport.db.session import Database
from voxport.web.leased_buckets import LeasedBuckets
from voxport.web.token_bucket import RateLimitPolicy, RateLimitStatus
from voxport.web.token_exchange import TokenExchange

POLICY = RateLimitPolicy("default", rate=0.01, burst=60)
PATIENCE_SECONDS = 20.0  # so that no test takes a busy machine for a store that is down
names = map(str, itertools.count())


class CountingStore(PostgresTokens):
    """Counts the exchanges. `before` is called in each."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked = 0
        self.before: Callable[[], object] = lambda: None

    def exchange(self, requests: Sequence[TokenRequest]) -> dict[str, TokenAnswer]:
        self.asked += 1
        self.before()
        return super().exchange(requests)


class Process:
    """The buckets of one process."""

    def __init__(self, url: str, policy: RateLimitPolicy, **options: float) -> None:
        self.store = CountingStore(url)
        self.exchange = TokenExchange(self.store, **options)
        self.buckets = LeasedBuckets(policy, self.exchange)

    async def take(self, name: str) -> RateLimitStatus:
        return await status(self.buckets.take(name))

    async def peek(self, name: str) -> RateLimitStatus:
        return await status(self.buckets.peek(name))

    async def take_all(self, name: str) -> int:
        """Takes until a call is refused. Returns how many were allowed."""
        count = 0
        while (await self.take(name)).is_allowed:
            count += 1
            await asyncio.sleep(0)
        return count


async def status(found: RateLimitStatus | Awaitable[RateLimitStatus]) -> RateLimitStatus:
    return found if isinstance(found, RateLimitStatus) else await found


@pytest.fixture(scope="module")
def url(postgres: Postgres, postgres_template: str) -> str:
    return postgres.new_database(postgres_template)


NewProcess = Callable[..., Process]


@pytest.fixture
def new_process(url: str) -> Iterator[NewProcess]:
    opened: list[Process] = []

    def new(policy: RateLimitPolicy = POLICY, **options: float) -> Process:
        opened.append(Process(url, policy, **{"wait_seconds": PATIENCE_SECONDS, **options}))
        return opened[-1]

    yield new
    for process in opened:
        process.exchange.close()


@pytest.mark.parametrize("burst", [60, 300, 30, 3])
def test_a_burst_over_four_processes_is_one_burst(new_process: NewProcess, burst: int) -> None:
    async def run() -> list[int]:
        processes = [new_process(RateLimitPolicy("default", 0.01, burst)) for _ in range(4)]
        name = next(names)
        return await asyncio.gather(*(process.take_all(name) for process in processes for _ in range(5)))

    allowed = asyncio.run(run())
    # What a process still has when the others are refused may be given back too late for them. A process that has not
    # heard of the others yet lets a sixtieth pass.
    assert burst * 0.75 <= sum(allowed) <= burst + 3 * (burst // 60)


def test_a_process_that_does_not_know_of_an_empty_bucket_lets_a_sixtieth_pass_and_counts_it(
    new_process: NewProcess,
) -> None:
    async def run() -> None:
        first, second, name = new_process(), new_process(), next(names)
        assert await first.take_all(name) == 60
        assert await second.take_all(name) == 1
        await asyncio.sleep(0.7)  # until it is counted
        assert (await first.peek(name)).remaining == 0
        assert await new_process().take_all(name) == 1

    asyncio.run(run())


def test_a_hundred_calls_ask_the_store_a_few_times(new_process: NewProcess) -> None:
    async def run() -> int:
        process, name = new_process(RateLimitPolicy("default", 20, 200)), next(names)
        for _ in range(100):
            assert (await process.take(name)).is_allowed
            await asyncio.sleep(0.005)
        return process.store.asked

    assert asyncio.run(run()) <= 15


def test_many_names_are_asked_for_together(new_process: NewProcess) -> None:
    async def run() -> int:
        process = new_process()
        for _ in range(500):
            assert (await process.take(next(names))).is_allowed
        await asyncio.sleep(0.7)
        return process.store.asked

    assert asyncio.run(run()) <= 3


def test_tokens_that_are_not_used_are_given_back(new_process: NewProcess) -> None:
    async def run() -> None:
        first, second, name = new_process(), new_process(), next(names)
        for _ in range(10):
            await first.take(name)
        assert first.buckets._bucket(name).tokens > 0
        await asyncio.sleep(2.2)
        assert await second.take_all(name) == 50

    asyncio.run(run())


def test_the_headers_say_what_remains_in_all_processes(new_process: NewProcess) -> None:
    async def run() -> None:
        first, second, name = new_process(), new_process(), next(names)
        for _ in range(20):
            last = await first.take(name)
        assert last.remaining == 40
        await second.take(name)  # may pass without asking
        assert 30 <= (await second.take(name)).remaining <= 40

    asyncio.run(run())


def test_a_refused_call_says_when_there_is_a_token_and_asks_nobody(new_process: NewProcess) -> None:
    async def run() -> None:
        process, name = new_process(RateLimitPolicy("default", 0.5, 3)), next(names)
        assert await process.take_all(name) == 3
        asked = process.store.asked
        refused = [await process.take(name) for _ in range(100)]
        assert {one.is_allowed for one in refused} == {False}
        assert {one.retry_after for one in refused} <= {1, 2}
        assert process.store.asked == asked

    asyncio.run(run())


def test_a_bucket_fills_with_its_rate(new_process: NewProcess) -> None:
    async def run() -> int:
        first, second, name = new_process(RateLimitPolicy("default", 10, 5)), None, next(names)
        assert await first.take_all(name) >= 5
        await asyncio.sleep(0.25)
        second = new_process(RateLimitPolicy("default", 10, 5))
        return await second.take_all(name)

    assert 1 <= asyncio.run(run()) <= 5


def test_while_the_store_is_down_each_process_allows_its_share_and_no_call_waits(new_process: NewProcess) -> None:
    async def run() -> None:
        process, name = new_process(), next(names)
        assert (await process.take(name)).is_allowed
        assert (await process.take(name)).is_allowed  # asks, and so counts the processes
        process.store.processes = 4

        def down() -> None:
            raise OSError("no database")

        process.store.before = down
        began, other = time.monotonic(), next(names)
        assert await process.take_all(other) == 16  # one passes without asking
        assert time.monotonic() - began < 2
        assert (await process.take(other)).headers()["RateLimit-Policy"] == '"default";q=15;w=6000'
        process.store.before = lambda: None
        await asyncio.sleep(2.1)
        assert (await process.take(next(names))).policy == POLICY

    asyncio.run(run())


def test_a_store_that_hangs_holds_a_call_up_for_a_second_at_most(new_process: NewProcess) -> None:
    go_on = threading.Event()

    async def run() -> None:
        process, name = new_process(RateLimitPolicy("default", 0.01, 30), wait_seconds=1.0), next(names)
        process.store.before = lambda: go_on.wait(20)
        began = time.monotonic()
        allowed = await asyncio.gather(*(process.take(name) for _ in range(31)))
        assert sum(one.is_allowed for one in allowed) == 30
        assert time.monotonic() - began < 5
        go_on.set()

    asyncio.run(run())


def test_an_exchange_that_fails_is_made_up_for_by_the_next(new_process: NewProcess) -> None:
    async def run() -> None:
        first, name = new_process(), next(names)
        failures = iter([True])

        def fail_once() -> None:
            if next(failures, False):
                raise OSError("cut")

        assert (await first.take(name)).is_allowed
        first.store.before = fail_once
        await asyncio.sleep(0.7)
        first.exchange._down_until = 0.0
        assert await first.take_all(name) == 59

    asyncio.run(run())


def test_full_buckets_are_swept(url: str) -> None:
    store, database = PostgresTokens(url), Database(url)
    names = [f"sweep:{number}" for number in range(3)]

    def request(name: str, spent: int) -> TokenRequest:
        from voxport.web.token_exchange import TokenRequest as Request

        return Request(name, 1_000.0, 60, spent, 0)

    store.exchange([request(name, 1) for name in names])
    time.sleep(0.05)
    store._sweep_at = 0.0
    store.exchange([request("sweep:other", 60_000)])
    with database.snapshot() as tx:
        rows = tx.execute(text("SELECT name FROM rate_limit_buckets WHERE name LIKE 'sweep:%'")).scalars()
        assert list(rows) == ["sweep:other"]
    database.close()
    store.close()


def test_names_of_any_kind_are_names(url: str) -> None:
    from voxport.web.token_exchange import TokenRequest as Request

    store = PostgresTokens(url)
    odd = ["'; DROP TABLE jobs; --", "%s", "{a,b}", "\\", "\U0001f600" * 20]
    answers: Mapping[str, TokenAnswer] = store.exchange([Request(name, 1.0, 5, 0, 2) for name in odd])
    assert {name: answer.granted for name, answer in answers.items()} == dict.fromkeys(odd, 2)
    store.close()
