"""Three HTTP processes of one database, started as an operator does: limits hold for all of them together."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from tests.support.client import settings_for
from tests.support.postgres import Postgres
from tests.support.server import wait_until
from voxport.accounts.keys import new_key
from voxport.billing.money import to_micro
from voxport.gateway import Gateway, open_gateway
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, Fault, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, running_gateway

pytestmark = pytest.mark.slow

KEY = "a-key-for-a-test"
VOICE = "21m00Tcm4TlvDq8ikWAM"
TEXT = "The ferry leaves the island at seven in the morning."
MAX_CONCURRENCY = 3
SPEECH = "/v1/text-to-speech"
BURST, RATE, STRANGERS = 60, 0.1, 30


@dataclass(frozen=True)
class Several:
    """The running processes, the provider's double, and the gateway as the command line opens it."""

    processes: list[LiveGateway]
    double: ElevenLabsDouble
    gateway: Gateway

    def new_key(self) -> str:
        """Creates a profile with credits. Returns its key."""
        with self.gateway.database.transaction() as tx:
            profile = self.gateway.accounts.create_profile(tx, "Customer")
            self.gateway.billing.add_credits(tx, profile.id, to_micro(Decimal(100)))
            return self.gateway.accounts.create_key(tx, profile.id, "test")[1]

    def balance(self, number: int, key: str) -> httpx2.Response:
        """Asks one of the processes for the balance."""
        url = f"{self.processes[number].url}/v2/billing/balance"
        return httpx2.get(url, headers={"X-API-Key": key}, timeout=60)

    def speak(self, number: int, key: str, timeout: float = 120) -> int:
        """Speaks at one of the processes. Returns the status of the response."""
        body = {"text": TEXT, "voice_id": VOICE, "provider": "elevenlabs", "output_format": "wav"}
        url = f"{self.processes[number].url}/v1/proxy/core-tts"
        return httpx2.post(url, json=body, headers={"X-API-Key": key}, timeout=timeout).status_code


@contextlib.contextmanager
def several(folder: Path, count: int, database_url: str | None) -> Iterator[Several]:
    synthesize(TEXT, 0)
    account = ElevenLabsAccount(
        keys={KEY: ALL_SCOPES}, concurrency=MAX_CONCURRENCY, latency=0.05, character_limit=10**9
    )
    double, data_dir = ElevenLabsDouble(account), folder / "data"
    more = {} if database_url is None else {"database_url": database_url}
    gateway = open_gateway(settings_for(data_dir, **more))
    with serve_app(double.app) as url, contextlib.ExitStack() as stack:
        stack.callback(gateway.close)
        shared = {
            "VOXPORT_ELEVENLABS_API_KEY": KEY,
            "VOXPORT_ELEVENLABS_BASE_URL": url,
            "VOXPORT_ELEVENLABS_MAX_CONCURRENCY": str(MAX_CONCURRENCY),
            "VOXPORT_RATE_LIMIT_PER_SECOND": str(RATE),
            "VOXPORT_RATE_LIMIT_BURST": str(BURST),
            "VOXPORT_RATE_LIMIT_STRANGERS_PER_MINUTE": str(STRANGERS),
            **{f"VOXPORT_{name.upper()}": value for name, value in more.items()},
        }
        arguments = ("--no-worker", "--data-dir", str(data_dir))
        processes = [
            stack.enter_context(running_gateway(folder / str(number), *arguments, ready=False, **shared))
            for number in range(count)
        ]
        yield Several(processes, double, gateway)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    url = None
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database(request.getfixturevalue("postgres_template"))
    with several(tmp_path_factory.mktemp("several"), 3, url) as opened:
        yield opened


def test_all_processes_together_call_a_provider_no_more_often_at_once_than_its_limit(servers: Several) -> None:
    keys = [servers.new_key() for _ in range(3)]
    servers.double.requests.clear()
    spoken = len(servers.double.spoken)
    calls = [(number, key) for key in keys for number in range(3) for _ in range(4)]
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = Counter(pool.map(lambda call: servers.speak(*call), calls))
    assert answers == {200: len(calls)}
    sent = sum(path.startswith(SPEECH) for _, path in servers.double.requests)
    # The double refuses a call too many, which would be sent again.
    assert sent == len(calls) == len(servers.double.spoken) - spoken


def test_the_rate_limit_of_a_key_holds_for_all_processes_together(servers: Several) -> None:
    began, key = time.monotonic(), servers.new_key()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: servers.balance(number % 3, key), range(120)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 429}
    refilled = RATE * (time.monotonic() - began)
    # A process that has not heard of the others yet lets a sixtieth of the burst pass.
    assert BURST * 0.75 <= statuses[200] <= BURST + 2 * (BURST // 60) + refilled + 1
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {f'"default";q={BURST};w={BURST / RATE:.0f}'}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers if answer.status_code == 429)


def test_a_killed_process_blocks_the_others_for_15_s_at_most(servers: Several) -> None:
    key, go_on = servers.new_key(), threading.Event()
    servers.double.faults.add(Fault(SPEECH, until=go_on, times=MAX_CONCURRENCY))
    servers.double.requests.clear()
    with ThreadPoolExecutor(MAX_CONCURRENCY) as pool:
        hanging = [pool.submit(servers.speak, 2, key) for _ in range(MAX_CONCURRENCY)]
        wait_until(lambda: len(servers.double.requests) == MAX_CONCURRENCY, seconds=60, what="the calls that hang")
        servers.processes[2].process.kill()
        began = time.monotonic()
        assert servers.speak(0, key) == 200
        assert time.monotonic() - began < 20  # 15, and the call itself on a busy machine
        go_on.set()
        assert all(isinstance(call.exception(60), httpx2.TransportError) for call in hanging)


def test_guesses_at_all_processes_are_counted_together(servers: Several) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(lambda n: servers.balance(n % 2, new_key()).status_code, range(60)))
    assert set(statuses) == {401, 429}
    assert statuses[401] <= STRANGERS + STRANGERS / 60 * (time.monotonic() - began) + 1
