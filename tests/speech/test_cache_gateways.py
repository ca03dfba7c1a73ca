"""The speech cache and what happens to its gateway: settings, age, kills, moderation, S3."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.moderation.test_moderation import moderation_calls
from tests.speech.test_cache import BODY, TTS, charges, is_hit, key_of, rows, spoken
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from tests.support.s3 import S3Server
from tests.support.server import environment, wait_until
from voxport.billing.verify import verify
from voxport.clock import now
from voxport.gateway import Gateway
from voxport.providers.base import Provider

__all__ = ["moderation_calls"]


def reopened(make_gateway: MakeGateway, client: GatewayClient, **options: Any) -> GatewayClient:
    """The same customer at another gateway on the same folder."""
    env = with_fake_provider(make_gateway, data_dir=client.gateway.settings.data_dir, **options)
    other = open_client(env.gateway)
    other.key, other.profile_id = client.key, client.profile_id
    return other


def rename_table(gateway: Gateway, name: str, to: str) -> None:
    with gateway.database.connection() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {to}"))


def test_as_shipped_no_call_touches_the_cache(make_gateway: MakeGateway) -> None:
    client = open_client(with_fake_provider(make_gateway).gateway)
    rename_table(client.gateway, "speech_cache", "elsewhere")
    keys = [key_of(one) for one in (spoken(client), spoken(client), spoken(client, cache=True))]
    assert len(set(keys)) == charges(client) == 3
    rename_table(client.gateway, "elsewhere", "speech_cache")
    assert rows(client) == 0


def test_turned_off_after_it_was_on_it_answers_nothing(make_gateway: MakeGateway) -> None:
    client = open_client(with_fake_provider(make_gateway, speech_cache=True).gateway)
    spoken(client)
    off = reopened(make_gateway, client)
    assert not is_hit(spoken(off))
    assert not is_hit(spoken(off))
    assert (rows(off), charges(off)) == (1, 3)
    on = reopened(make_gateway, client, speech_cache=True)
    assert key_of(spoken(on)) == key_of(spoken(client))


def test_a_cache_that_cannot_be_asked_refuses_the_call_at_no_cost(make_gateway: MakeGateway) -> None:
    env = with_fake_provider(make_gateway, speech_cache=True)
    client = open_client(env.gateway)
    rename_table(client.gateway, "speech_cache", "elsewhere")
    assert client.post(TTS, BODY).status_code in (500, 503)
    assert client.balance()["held"] == 0
    assert (env.provider.requests, charges(client)) == ([], 0)


class MovingClock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead


def test_a_file_answers_for_so_many_days_and_then_its_row_is_swept(make_gateway: MakeGateway) -> None:
    clock = MovingClock()
    client = open_client(
        with_fake_provider(make_gateway, speech_cache=True, speech_cache_days=2.0, clock=clock).gateway
    )
    first = spoken(client)
    clock.ahead = timedelta(days=1.9)
    assert is_hit(spoken(client))
    assert client.gateway.speech_cache.sweep() == 0
    clock.ahead = timedelta(days=2.1)  # a hit makes it no younger
    again = spoken(client)
    assert not is_hit(again)
    assert rows(client) == 2
    assert client.gateway.speech_cache.sweep() == 1
    assert key_of(spoken(client)) == key_of(again)
    assert client.http.get(first.json()["data"]["url"]).status_code == 200


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_lifetime_without_sense_is_refused(tmp_path: Path, days: float) -> None:
    with pytest.raises(ValueError, match="speech_cache_days"):
        settings_for(tmp_path, speech_cache_days=days)


class OtherProvider(FakeProvider):
    """A provider of another package, without a version of its own."""

    def __init__(self) -> None:
        super().__init__(name="acme")


class VersionedProvider(FakeProvider):
    version = "one"

    def speech_version(self) -> str:
        return self.version


def with_provider(make_gateway: MakeGateway, provider: Provider, **options: Any) -> GatewayClient:
    gateway = make_gateway(providers=[provider], speech_cache=True, **options)
    return open_client(gateway)


def test_another_version_of_the_provider_speaks_again(make_gateway: MakeGateway) -> None:
    provider = VersionedProvider()
    client = with_provider(make_gateway, provider)
    first = spoken(client)
    provider.version = "two"
    assert not is_hit(spoken(client))
    provider.version = "one"
    assert key_of(spoken(client)) == key_of(first)


def test_another_setting_of_a_third_partys_provider_speaks_again(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOXPORT_ACME_MODEL", "small")
    client = with_provider(make_gateway, OtherProvider())
    folder = client.gateway.settings.data_dir
    first = spoken(client)
    monkeypatch.setenv("VOXPORT_ACME_MODEL", "large")
    large = with_provider(make_gateway, OtherProvider(), data_dir=folder)
    large.key = client.key
    assert not is_hit(spoken(large))
    monkeypatch.setenv("VOXPORT_ACME_MODEL", "small")
    small = with_provider(make_gateway, OtherProvider(), data_dir=folder)
    small.key = client.key
    assert key_of(spoken(small)) == key_of(first)


def test_the_local_engines_version_is_its_weights(make_gateway: MakeGateway, tmp_path: Path) -> None:
    shipped = make_gateway().local.speech_version()
    weights = tmp_path / "kokoro.onnx"
    weights.write_bytes(b"weights")
    local = make_gateway(engine_model=weights).local
    first = local.speech_version()
    assert first != shipped
    assert local.speech_version() == first
    weights.write_bytes(b"other weights")
    assert local.speech_version() != first


def test_moderation_is_asked_before_a_hit(make_gateway: MakeGateway, moderation_calls: list[Any]) -> None:
    env = with_fake_provider(make_gateway, moderation="acme", speech_cache=True)
    client = open_client(env.gateway)
    spoken(client)
    assert is_hit(spoken(client))
    assert len(moderation_calls) == 2


def test_a_hit_counts_against_the_rate_limit(make_gateway: MakeGateway) -> None:
    env = with_fake_provider(make_gateway, speech_cache=True, rate_limit_per_second=0.001, rate_limit_burst=3)
    client = open_client(env.gateway)
    assert [client.post(TTS, BODY).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_hit_needs_no_place_at_the_provider(make_gateway: MakeGateway) -> None:
    """All places are taken by a call that is being spoken."""
    env = with_fake_provider(make_gateway, speech_cache=True, speech_concurrency=1, speech_queue_seconds=0.01)
    client = open_client(env.gateway)
    spoken(client)
    seen: list[bool] = []
    env.provider.on_piece = lambda _: seen.append(is_hit(spoken(client)))
    spoken(client, text="Another text, which takes the only place.")
    assert seen == [True]


@pytest.fixture
def s3_env(make_gateway: MakeGateway, s3: S3Server) -> FakeProviderEnv:
    return with_fake_provider(make_gateway, speech_cache=True, **s3.new_storage())


def test_on_s3_a_hit_is_a_url_of_the_storage_itself(s3_env: FakeProviderEnv) -> None:
    client = open_client(s3_env.gateway)
    first, hit = spoken(client), spoken(client)
    assert is_hit(hit)
    url = hit.json()["data"]["url"]
    assert url.startswith(f"{client.gateway.settings.s3_endpoint_url}/")
    assert client.http.get(url).content == client.http.get(first.json()["data"]["url"]).content
    client.gateway.storage.delete(key_of(first))  # by hand
    assert not is_hit(spoken(client))


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.support.client import open_client, settings_for
from tests.support.fake_provider import FakeProvider
from voxport.gateway import open_gateway
from voxport.speech_cache import repository
def add(tx, **columns):
    real(tx, **columns)
    os.kill(os.getpid(), signal.SIGKILL)
real, repository.add = repository.add, add
gateway = open_gateway(settings_for(Path(sys.argv[1]), speech_cache=True), providers=[FakeProvider()])
caller = open_client(gateway, "0")
caller.key = sys.argv[2]
caller.post("/v1/proxy/core-tts", {"text": "The ferry leaves the island at seven.", "voice_id": "hum"})
"""
"""A process that is killed after its row of the cache was written, before the charge is committed."""


@pytest.mark.slow
def test_a_kill_between_the_row_and_the_charge_leaves_neither(make_gateway: MakeGateway) -> None:
    client = open_client(with_fake_provider(make_gateway, speech_cache=True).gateway)
    command = [sys.executable, "-c", _KILLED, str(client.gateway.settings.data_dir), client.key]
    root = Path(__file__).resolve().parents[2]
    killed = subprocess.run(command, env=environment(), cwd=root, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (rows(client), charges(client)) == (0, 0)
    # On Postgres the lease of the dead process has to expire first.
    wait_until(lambda: client.gateway.provider_calls.release_dead_owners() == 1, seconds=60, what="the dead lease")
    assert client.balance()["held"] == 0
    first = spoken(client)
    assert not is_hit(first)
    assert key_of(spoken(client)) == key_of(first)
    assert charges(client) == 1
    assert verify(client.gateway.database) == []
