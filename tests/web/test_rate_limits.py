"""Rate limits per key and per address."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import MakeClient
from tests.support import backend
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.server import serving, wait_until
from voxport.accounts import rate_limits as ratelimits
from voxport.accounts.keys import new_key
from voxport.gateway import open_gateway
from voxport.settings import Settings
from voxport.web.token_bucket import MemoryStore, RateLimitPolicy, TokenBuckets

BALANCE = "/v2/billing/balance"
POLICY = RateLimitPolicy("default", rate=20, burst=60)


class RateLimitClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    clock = RateLimitClock()
    buckets = TokenBuckets(POLICY, clock=clock)
    assert [buckets.take("a").is_allowed for _ in range(61)] == [True] * 60 + [False]
    assert buckets.take("b").is_allowed
    clock.now += 0.05
    assert buckets.take("a").is_allowed
    assert not buckets.take("a").is_allowed
    clock.now += 3
    assert [buckets.take("a").is_allowed for _ in range(61)] == [True] * 60 + [False]


def test_over_a_minute_no_more_pass_than_the_burst_and_the_rate() -> None:
    clock = RateLimitClock()
    buckets = TokenBuckets(POLICY, clock=clock)
    passed = 0
    for _ in range(60_000):
        clock.now += 0.001
        passed += buckets.take("a").is_allowed
    assert 60 + 20 * 60 - 1 <= passed <= 60 + 20 * 60


def test_a_refusal_costs_no_token_and_says_when_there_is_one() -> None:
    clock = RateLimitClock()
    buckets = TokenBuckets(RateLimitPolicy("strangers", rate=0.5, burst=1), clock=clock)
    assert buckets.take("a").is_allowed
    for _ in range(100):
        assert buckets.take("a").retry_after == 2
    clock.now += 2
    assert buckets.take("a").is_allowed


def test_addresses_without_end_take_no_more_room_than_the_most() -> None:
    clock = RateLimitClock()
    store = MemoryStore(max_buckets=1_000)
    buckets = TokenBuckets(POLICY, store, clock=clock)
    for number in range(50_000):
        buckets.take(str(number))
    assert len(store) == 1_000


def test_the_headers_say_the_policy_and_what_remains() -> None:
    buckets = TokenBuckets(POLICY, clock=RateLimitClock())
    for _ in range(10):
        verdict = buckets.take("a")
    assert verdict.headers() == {"RateLimit-Policy": '"default";q=60;w=3', "RateLimit": '"default";r=50;t=1'}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> RateLimitClock:
    """The clock of the gateways opened after this fixture; it advances only when a test advances it."""
    clock = RateLimitClock()
    monkeypatch.setattr(ratelimits, "TokenBuckets", partial(TokenBuckets, clock=clock))
    return clock


@pytest.fixture
def limited(clock: RateLimitClock, make_client: MakeClient) -> GatewayClient:
    return make_client(rate_limit_per_second=1, rate_limit_burst=3)


def test_a_key_that_calls_too_often_is_told_when_to_come_again(limited: GatewayClient, clock: RateLimitClock) -> None:
    for remaining in (2, 1, 0):
        answer = limited.get(BALANCE)
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"default";q=3;w=3'
        assert answer.headers["RateLimit"].startswith(f'"default";r={remaining};t=')
    answer = limited.get(BALANCE)
    assert answer.status_code == 429
    error = error_of(answer)
    assert error["code"] == "rate_limited"
    assert error["details"] == {
        "retry_after": 1,
        "policy": "default",
        "calls_per_second": 1.0,
        "burst": 3,
    }
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["RateLimit"].startswith('"default";r=0;')
    clock.now += 1
    # On Postgres the clock is that of the database.
    wait_until(lambda: limited.get(BALANCE).status_code == 200, seconds=20, what="the next token")


def test_a_key_that_calls_too_often_is_refused_before_its_body_is_read(limited: GatewayClient) -> None:
    for _ in range(3):
        assert limited.post_raw("/v1/proxy/core-tts", b"{not json").status_code in (400, 422)
    assert limited.post_raw("/v1/proxy/core-tts", b"{not json").status_code == 429


def test_another_key_goes_on(limited: GatewayClient) -> None:
    other = limited.another_customer()
    while limited.get(BALANCE).status_code == 200:
        pass
    assert other.get(BALANCE).status_code == 200


def test_health_is_never_refused(make_client: MakeClient) -> None:
    client = make_client(rate_limit_address_per_second=0.1)
    answers = [client.http.get("/v1/nowhere").status_code for _ in range(3)]
    assert answers == [404, 429, 429]
    assert all(client.http.get("/healthz").status_code == 200 for _ in range(10))


def test_the_limit_of_an_address_also_holds_for_good_keys(make_client: MakeClient) -> None:
    client = make_client(rate_limit_address_per_second=0.1)
    answers = [one.get(BALANCE) for one in (client, client.another_customer())]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert error_of(answers[-1])["details"]["policy"] == "address"


def test_as_shipped_60_calls_come_at_once_and_20_a_second_after_them(tmp_path: Path) -> None:
    given: dict[str, Any] = {"_env_file": None, "data_dir": tmp_path, **backend.settings(tmp_path)}
    gateway = open_gateway(Settings(**given))
    try:
        client = open_client(gateway)
        began = time.monotonic()
        answers = [client.get(BALANCE)]
        while answers[-1].status_code == 200:
            answers.append(client.get(BALANCE))
        assert answers[-1].status_code == 429
        assert 60 <= len(answers) - 1 <= 60 + 20 * (time.monotonic() - began)
        assert answers[0].headers["RateLimit-Policy"] == '"default";q=60;w=3'
    finally:
        gateway.close()


@pytest.fixture
def guarded(clock: RateLimitClock, make_client: MakeClient) -> GatewayClient:
    return make_client(rate_limit_strangers_per_minute=5)


def guess(client: GatewayClient, headers: dict[str, str]) -> int:
    return client.http.get(BALANCE, headers=headers).status_code


@pytest.mark.parametrize(
    "headers", [{}, {"X-API-Key": "vxp_nonsense"}, {"X-API-Key": new_key()}], ids=["none", "nonsense", "unknown"]
)
def test_who_comes_without_a_good_key_is_soon_refused(guarded: GatewayClient, headers: dict[str, str]) -> None:
    assert [guess(guarded, headers) for _ in range(7)] == [401] * 5 + [429] * 2


def test_a_guess_that_would_be_right_is_not_looked_at_after_too_many_wrong_ones(guarded: GatewayClient) -> None:
    for _ in range(6):
        guess(guarded, {"X-API-Key": new_key()})
    answer = guarded.get(BALANCE)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_customer_goes_on_though_a_stranger_of_the_same_address_guesses(guarded: GatewayClient) -> None:
    assert guarded.get(BALANCE).status_code == 200
    for _ in range(6):
        guess(guarded, {"X-API-Key": new_key()})
    assert guarded.get(BALANCE).status_code == 200


def test_guesses_that_come_at_once_are_no_more_than_those_that_come_in_turn(guarded: GatewayClient) -> None:
    keys = [new_key() for _ in range(40)]
    with serving(guarded) as port, caller() as http, ThreadPoolExecutor(40) as pool:
        answers = sorted(pool.map(lambda key: called(http, port, key), keys))
    assert answers == [401] * 5 + [429] * 35


def test_the_first_calls_of_a_good_key_may_all_come_at_once(guarded: GatewayClient) -> None:
    with serving(guarded) as port, caller() as http, ThreadPoolExecutor(40) as pool:
        assert list(pool.map(lambda _: called(http, port, guarded.key), range(40))) == [200] * 40


def caller() -> httpx2.Client:
    """A client that can have 40 connections open at once."""
    return httpx2.Client(timeout=60, limits=httpx2.Limits(max_connections=40))


def called(http: httpx2.Client, port: int, key: str) -> int:
    return http.get(f"http://127.0.0.1:{port}{BALANCE}", headers={"X-API-Key": key}).status_code


def test_the_operators_key_is_not_guessed_either(make_client: MakeClient) -> None:
    right = "an operator's key of more than 32 letters"
    client = make_client(admin_key=right, rate_limit_strangers_per_minute=5)

    def metrics(key: str) -> int:
        return client.http.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code

    assert [metrics(f"{right}{number}") for number in range(7)] == [401] * 5 + [429] * 2
    assert metrics(right) == 429
    assert guess(client, {"X-API-Key": new_key()}) == 429  # all guesses of an address count together
    other = make_client(admin_key=right, rate_limit_strangers_per_minute=5)
    assert other.http.get("/metrics", headers={"Authorization": f"Bearer {right}"}).status_code == 200


def test_a_revoked_key_counts_as_none(guarded: GatewayClient) -> None:
    assert guarded.get(BALANCE).status_code == 200
    with guarded.gateway.database.transaction() as tx:
        guarded.gateway.accounts.revoke_key(tx, guarded.key_id)
    assert [guarded.get(BALANCE).status_code for _ in range(6)] == [401] * 5 + [429]


def forwarded(port: int, address: str) -> int:
    headers = {"X-Forwarded-For": address, "X-API-Key": "vxp_nonsense"}
    return httpx2.get(f"http://127.0.0.1:{port}{BALANCE}", headers=headers).status_code


def test_x_forwarded_for_is_not_believed_by_accident(guarded: GatewayClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable
    with serving(guarded) as port:
        assert [forwarded(port, f"203.0.113.{number}") for number in range(6)] == [401] * 5 + [429]


def test_a_trusted_proxy_says_who_calls_and_its_client_can_not(make_client: MakeClient) -> None:
    client = make_client(rate_limit_strangers_per_minute=5, trusted_proxies=("127.0.0.0/8",))
    with serving(client) as port:
        assert [forwarded(port, f"203.0.113.{number}") for number in range(8)] == [401] * 8
        # The proxy appends the address it sees; earlier addresses are written by the client and are ignored.
        assert [forwarded(port, f"198.51.100.{number}, 203.0.113.99") for number in range(6)] == [401] * 5 + [429]


def test_the_addresses_of_one_ipv6_network_are_one(make_client: MakeClient) -> None:
    client = make_client(rate_limit_strangers_per_minute=5, trusted_proxies=("127.0.0.1",))
    with serving(client) as port:
        assert [forwarded(port, f"2001:db8::{number:x}") for number in range(6)] == [401] * 5 + [429]
        assert forwarded(port, "2001:db8:0:1::1") == 401


def test_a_policy_is_what_it_was_set_to() -> None:
    assert replace(POLICY, burst=90).window == 5


def test_the_operators_key_speaks_for_no_customer(make_client: MakeClient) -> None:
    right = "an-operators-key-of-forty-characters-abcd"
    client = make_client(admin_key=right)
    headers = {"Authorization": f"Bearer {right}"}
    assert client.http.get("/v2/admin/profiles", headers=headers).status_code == 200
    body = {"text": "Hello.", "voice_id": "af_heart", "provider": "local", "stream": True}
    assert client.http.post("/v1/proxy/core-tts", json=body, headers=headers).status_code == 401
