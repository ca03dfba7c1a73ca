"""Measures the processor time of a slot at a provider, and of counting a call for a rate limit, in one process and in
four at once, beside the same in the memory of one process:

    python benchmarks/speed/slots.py [--seconds 2]

The processes share a new SQLite database, and then a Postgres server that is started for it. Prints microseconds a call
in the process itself (all its threads), and as a ratio to the memory of one process. Exits with 1 if a slot in steady
state takes over 300 µs, counting a call over 200 µs, or more calls run at once than the limit allows.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier, Lock
from pathlib import Path
from typing import Any

from benchmarks.support import describe_machine
from voxport.coordination.postgres_tokens import PostgresTokens
from voxport.coordination.states import open_states
from voxport.coordination.tokens import open_tokens
from voxport.db.session import Database
from voxport.migrations.migrate import migrate
from voxport.providers.limiter import Limiter
from voxport.providers.shared_slots import SharedSlots
from voxport.web.leased_buckets import LeasedBuckets
from voxport.web.token_bucket import Buckets, RateLimitPolicy, RateLimitStatus, TokenBuckets
from voxport.web.token_exchange import TokenExchange

LIMIT = 8
CALL_SECONDS = 0.01
MAX_SLOT_MICROSECONDS, MAX_TAKE_MICROSECONDS = 300, 200
KEYS, CALLS_PER_SECOND = 20, 200
POLICY = RateLimitPolicy("default", rate=20, burst=60)
LOOSE = RateLimitPolicy("loose", rate=1e9, burst=10**9)

Measure = Callable[["str | None", float, "Shared"], float]


class Shared:
    """What the processes of one measurement share: a start, and how many calls run at once."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.start: Barrier = context.Barrier(count)
        self.lock: Lock = context.Lock()
        self.running: Synchronized[int] = context.Value("i", 0)
        self.most: Synchronized[int] = context.Value("i", 0)
        self.calls: Synchronized[int] = context.Value("i", 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    print(describe_machine())
    from tests.support.postgres import running_postgres

    with tempfile.TemporaryDirectory(prefix="voxport-slots-") as folder, running_postgres() as server:
        urls = {"memory": None, "SQLite": f"sqlite:///{Path(folder) / 'voxport.db'}", "Postgres": server.new_database()}
        for url in filter(None, urls.values()):
            database = Database(url)
            migrate(database)
            database.close()
        print(f"{'':58} {'memory':>9} {'SQLite':>17} {'Postgres':>17}")
        is_good = _table("a slot that the process has", slot_in_steady_state, urls, seconds, MAX_SLOT_MICROSECONDS)
        is_good &= _table(f"a slot of {LIMIT}, while 8 threads a process want one", contended_slot, urls, seconds, None)
        is_good &= _table("a call of one key, one after the other", hot_key, urls, seconds, MAX_TAKE_MICROSECONDS)
        title = f"a call of one of {KEYS} keys, {CALLS_PER_SECOND} a second"
        is_good &= _table(title, paced_keys, urls, seconds, MAX_TAKE_MICROSECONDS)
        is_good &= _table("a call of a key that calls once a second, 20 a second", rare_keys, urls, seconds, None)
    return 0 if is_good else 1


def _table(
    title: str, measure: Measure, urls: dict[str, str | None], seconds: float, max_microseconds: float | None
) -> bool:
    """Print a measurement with one and with four processes. Returns whether the goal is reached."""
    is_good, memory = True, 0.0
    for count in (1, 4):
        cells = []
        for name, url in urls.items():
            shared = Shared(count)
            found = _run(measure, url, seconds, shared, count)
            if name == "memory":
                memory = found
                cells.append(f"{found:6.1f} µs")
                continue
            good = max_microseconds is None or found <= max_microseconds
            good &= measure is not contended_slot or shared.most.value <= LIMIT
            is_good &= good
            more = ""
            if measure is contended_slot:
                ideal = LIMIT / CALL_SECONDS * seconds
                more = f" {100 * shared.calls.value / ideal:.0f} % of the ideal rate, at most {shared.most.value}"
            cells.append(f"{found:6.1f} µs {found / memory:5.1f} x{more}{'' if good else ' NOT REACHED'}")
        print(f"{title:50} {count} proc. " + "  ".join(cells), flush=True)
    return is_good


def _run(measure: Measure, url: str | None, seconds: float, shared: Shared, count: int) -> float:
    """Return the median of what the processes measured."""
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    arguments = (measure.__name__, url, seconds, shared, results)
    children = [context.Process(target=_child, args=arguments) for _ in range(count)]
    for child in children:
        child.start()
    found: list[float] = [results.get(timeout=120) for _ in children]
    for child in children:
        child.join()
    return float(statistics.median(found))


def _child(name: str, url: str | None, seconds: float, shared: Shared, results: Any) -> None:
    results.put(globals()[name](url, seconds, shared))


def slot_in_steady_state(url: str | None, seconds: float, shared: Shared) -> float:
    with ExitStack() as stack:
        limiter = _limiter(url, stack, max_calls=64)
        with limiter.slot("a"):
            shared.start.wait()
        time.sleep(0.5)  # the other processes have their slots as well
        began, calls, until = time.process_time(), 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(100):
                with limiter.slot("a"):
                    pass
            calls += 100
        return (time.process_time() - began) / calls * 1e6


def contended_slot(url: str | None, seconds: float, shared: Shared) -> float:
    calls = [0]
    with ExitStack() as stack:
        limiter = _limiter(url, stack, max_calls=LIMIT)
        shared.start.wait()
        until = time.monotonic() + seconds

        def work(client: str) -> None:
            while time.monotonic() < until:
                with limiter.slot(client):
                    with shared.lock:
                        shared.running.value += 1
                        shared.most.value = max(shared.most.value, shared.running.value)
                    time.sleep(CALL_SECONDS)
                    with shared.lock:
                        shared.running.value -= 1
                        shared.calls.value += 1
                        calls[0] += 1

        threads = [threading.Thread(target=work, args=(str(number % 2),)) for number in range(8)]
        began = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (time.process_time() - began) / max(1, calls[0]) * 1e6


def hot_key(url: str | None, seconds: float, shared: Shared) -> float:
    """For a limit that is never reached, so that only the counting is measured."""

    async def run(buckets: Buckets) -> float:
        await _take(buckets, "a")
        shared.start.wait()
        began, calls, until = time.process_time(), 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(100):
                await _take(buckets, "a")
            await asyncio.sleep(0)
            calls += 100
        return (time.process_time() - began) / calls * 1e6

    return asyncio.run(_with_buckets(url, LOOSE, run))


def paced_keys(url: str | None, seconds: float, shared: Shared) -> float:
    return asyncio.run(_with_buckets(url, POLICY, lambda buckets: _paced(buckets, KEYS, 1.0, seconds, shared)))


def rare_keys(url: str | None, seconds: float, shared: Shared) -> float:
    return asyncio.run(_with_buckets(url, POLICY, lambda buckets: _paced(buckets, 20, 0.1, seconds, shared)))


async def _paced(buckets: Buckets, keys: int, share: float, seconds: float, shared: Shared) -> float:
    """Return the processor time of a call beyond that of a loop that does nothing."""
    names = [f"key-{number}" for number in range(keys)]
    pause = 1 / (CALLS_PER_SECOND * share)

    async def loop(is_empty: bool) -> float:
        began, until = time.process_time(), time.monotonic() + seconds
        for calls, name in enumerate(itertools.cycle(names)):
            if time.monotonic() >= until:
                return (time.process_time() - began) / calls * 1e6
            if not is_empty:
                await _take(buckets, name)
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    for name in names:
        await _take(buckets, name)
    await asyncio.sleep(1)  # there is a connection now
    shared.start.wait()
    return max(0.1, await loop(False) - await loop(True))


async def _take(buckets: Buckets, name: str) -> RateLimitStatus:
    found = buckets.take(name)
    return found if isinstance(found, RateLimitStatus) else await found


async def _with_buckets(url: str | None, policy: RateLimitPolicy, run: Callable[[Buckets], Awaitable[float]]) -> float:
    tokens = None if url is None else open_tokens(url)
    if not isinstance(tokens, PostgresTokens):
        return await run(TokenBuckets(policy, tokens))
    exchange = TokenExchange(tokens)
    try:
        return await run(LeasedBuckets(policy, exchange))
    finally:
        exchange.close()


def _limiter(url: str | None, stack: ExitStack, *, max_calls: int) -> Limiter:
    slots = None
    if url is not None:
        slots = SharedSlots(open_states(url))
        stack.callback(slots.close)
    return Limiter(
        "A provider", max_calls=max_calls, initial_calls=max_calls, timeout=60, name="benchmark", slots=slots
    )


if __name__ == "__main__":
    sys.exit(main())
