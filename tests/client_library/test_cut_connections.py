"""A billed call whose connection is cut at any moment is charged once, and the caller gets its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.cutting_proxy import CUTS, Cut, CuttingProxy
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from tests.support.jobs import work
from tests.support.server import serving, wait_until
from voxport.billing.verify import verify
from voxport.gateway import open_gateway
from voxport.providers.base import SAMPLE_RATE
from voxport_client import (
    AsyncVoxport,
    ConflictError,
    ConnectionFailedError,
    InstantSpeech,
    StreamBrokenError,
    Voxport,
)
from voxport_client.transport.uploads import upload_source

NO_KEEP_ALIVE = httpx2.Limits(max_keepalive_connections=0)
Call = Callable[[Voxport, str, "str | None"], Any]
AsyncCall = Callable[[AsyncVoxport, str, "str | None"], Any]


@dataclass
class Env:
    """A customer's client, whose connections go through the proxy, at a gateway with a fake provider."""

    client: Voxport
    customer: GatewayClient
    provider: FakeProvider
    proxy: CuttingProxy
    pauses: list[float] = field(default_factory=list)

    def spent(self) -> Decimal:
        """Tokens that were charged or are held."""
        return Decimal(100) - self.client.billing.balance().balance

    def wait_until_settled(self) -> None:
        wait_until(lambda: self.client.billing.balance().held == 0, seconds=20, what="the end of the call")


@pytest.fixture(scope="module")
def shared_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayClient, FakeProvider, CuttingProxy]]:
    """A gateway behind a proxy that the tests of this file share."""
    proxy, provider = CuttingProxy(), FakeProvider(samples=SAMPLE_RATE * 3)
    settings = settings_for(tmp_path_factory.mktemp("cut"), public_url=proxy.url)
    gateway = open_gateway(
        settings, providers=[provider, FakeProvider(name="minimax", stock=[])], samples=AcceptingSamples
    )
    customer = open_client(gateway)
    with serving(customer) as port, proxy.running():
        proxy.gateway_port = port
        yield customer, provider, proxy
    gateway.close()


@pytest.fixture
def env(shared_env: tuple[GatewayClient, FakeProvider, CuttingProxy]) -> Iterator[Env]:
    first, provider, proxy = shared_env
    customer = first.another_customer()
    provider.requests.clear()
    provider.cloned.clear()
    provider.on_piece = lambda _: None
    http = httpx2.Client(limits=NO_KEEP_ALIVE)
    with http, Voxport(api_key=customer.key, base_url=proxy.url, timeout=60, http_client=http) as client:
        env = Env(client, customer, provider, proxy)

        def sleep(seconds: float) -> None:
            env.pauses.append(seconds)
            time.sleep(0.02)  # the gateway still is at the first try

        client._transport.sleep = sleep
        yield env
    proxy.cuts.clear()
    assert verify(customer.gateway.database) == []


def speak(client: Voxport, audio_url: str, key: str | None) -> Any:
    speech = client.speak("Hello.", "hum", idempotency_key=key)
    return speech.file.key, speech.cost, speech.idempotency_key, speech.read()


def submit(client: Voxport, audio_url: str, key: str | None) -> Any:
    job = client.submit("Hello.", "hum", idempotency_key=key)
    return job.id, job.idempotency_key


def instant(client: Voxport, audio_url: str, key: str | None) -> Any:
    return _instant_answer(client.instant(audio_url, "Hello.", idempotency_key=key))


def clone(client: Voxport, audio_url: str, key: str | None) -> Any:
    job = client.voices.clone(audio_url, idempotency_key=key)
    return job.id, job.idempotency_key


def stream(client: Voxport, audio_url: str, key: str | None) -> Any:
    with client.stream("Hello.", "hum", idempotency_key=key) as audio:
        return audio.read(), audio.hold, audio.idempotency_key


def _instant_answer(answer: InstantSpeech) -> Any:
    return answer.audio, answer.voice_id, answer.tokens, answer.balance, answer.idempotency_key


CALLS: list[Call] = [speak, submit, instant, clone, stream]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_cut_call_is_charged_once_and_gives_one_answer(env: Env, call: Call, cut: Cut) -> None:
    url = env.customer.upload()["public_url"]
    # A stream that breaks off before its audio is whole is charged and can't be replayed: another test's subject.
    cuts = [cut] if call is not stream or cut == "before the request" else []
    env.proxy.cuts.extend(cuts)
    first = call(env.client, url, None)
    assert not env.proxy.cuts, "the cut has come"
    spent = env.spent()
    again = call(env.client, url, first[-1] if call is not speak else first[2])
    assert again == first
    assert env.spent() == spent > 0
    _assert_called_once(env, call)


def _assert_called_once(env: Env, call: Call) -> None:
    if call in (speak, instant, stream):
        assert len(env.provider.requests) == 1
        assert len([*env.client.billing.ledger()]) == 2, "the credit and one charge"
    else:
        assert len([*env.client.jobs.list()]) == 1


@pytest.mark.parametrize("cut", CUTS)
def test_several_cuts_in_a_row_are_survived(env: Env, cut: Cut) -> None:
    env.proxy.cuts.extend([cut] * 3)
    speech = env.client.speak("Hello.", "hum")
    assert speech.cost.tokens == Decimal("0.03")
    assert len(env.provider.requests) == 1
    keys = {line for sent in env.proxy.requests for line in sent.split(b"\r\n") if line.startswith(b"Idempotency-Key")}
    assert f"Idempotency-Key: {speech.idempotency_key}".encode() in keys
    assert env.spent() == Decimal("0.03")


def test_the_key_of_a_call_that_was_given_up_finds_its_answer(env: Env) -> None:
    env.proxy.cuts.append("before the answer")
    with pytest.raises(ConnectionFailedError) as failed:
        env.client.with_options(max_retries=0).speak("Hello.", "hum")
    key = failed.value.idempotency_key
    assert key is not None and key in str(failed.value)
    env.wait_until_settled()
    assert env.client.speak("Hello.", "hum", idempotency_key=key).cost.tokens == Decimal("0.03")
    assert env.spent() == Decimal("0.03")


def test_a_stream_is_resumed_where_the_gateway_has_the_whole_audio(env: Env) -> None:
    with env.client.stream("Hello.", "hum") as audio:
        whole = audio.read()
    # The gateway has stored the audio, so the repeated call is answered whatever becomes of the connection.
    env.proxy.cuts.extend(["in the answer", "in the answer", "before the answer"])
    with env.client.stream("Hello.", "hum", idempotency_key=audio.idempotency_key) as again:
        assert again.read() == whole
    assert len(env.provider.requests) == 1
    assert len(env.pauses) == 3


def test_a_stream_that_broke_off_while_it_was_made_is_charged_once_and_says_so(env: Env) -> None:
    env.provider.pieces = 3
    env.provider.on_piece = lambda number: (
        None if number == 0 else wait_until(lambda: not env.proxy.cuts and env.pauses, seconds=20, what="the cut")
    )
    try:
        env.proxy.cuts.append("in the answer")
        with (
            pytest.raises(StreamBrokenError) as broken,
            env.client.stream("Hello.", "hum", output_format="wav") as audio,
        ):
            audio.read()
    finally:
        env.provider.pieces = 1
    error = broken.value
    assert error.code == "idempotency_consumed"
    assert error.received_bytes == audio.received_bytes > 0
    assert error.idempotency_key == audio.idempotency_key is not None
    env.wait_until_settled()
    cost = env.client.billing.request(error.details["request_id"])
    assert cost.tokens == env.spent() > 0
    assert len(env.provider.requests) == 1


@pytest.mark.parametrize("cut", CUTS)
def test_a_stream_that_was_cut_is_charged_once_at_most(env: Env, cut: Cut) -> None:
    env.proxy.cuts.append(cut)
    try:
        with env.client.stream("Hello.", "hum") as audio:
            audio.read()
    except (ConflictError, StreamBrokenError) as error:
        assert error.code == "idempotency_consumed"
    env.wait_until_settled()
    assert 0 < env.spent() <= Decimal("0.03")
    assert len(env.provider.requests) == 1


@pytest.mark.parametrize("cut", CUTS)
def test_a_voice_is_bound_once(env: Env, cut: Cut) -> None:
    job = env.client.voices.clone(env.customer.upload()["public_url"], provider="local")
    work(env.customer, job.id)
    voice = job.wait()
    env.proxy.cuts.append(cut)
    binding = env.client.voices.bind(voice.voice_id, "minimax")
    again = env.client.voices.bind(voice.voice_id, "minimax", idempotency_key=binding.idempotency_key)
    assert again.id == binding.id
    work(env.customer, binding.id)
    assert binding.wait().voice_id == voice.voice_id
    assert env.spent() == 10


@pytest.mark.folder_only("PUTs to S3 do not pass the proxy")
def test_an_upload_that_was_cut_is_sent_again_from_its_beginning(env: Env) -> None:
    seen: list[tuple[int, int]] = []
    data = bytes(range(256)) * 4096
    for cut in CUTS:
        env.proxy.cuts.extend([cut])
        # The first call asks for the URL; so the second is the one to cut, too.
        target = env.client.media.upload(data, filename="me.wav", on_progress=lambda *at: seen.append(at))
        assert env.client.media.read_url(target.public_url) == data
    assert seen[0] == (0, len(data))
    assert seen[-1] == (len(data), len(data))
    puts = [sent for sent in env.proxy.requests if sent.startswith(b"PUT")]
    assert puts
    assert all(b"uthorization" not in sent.partition(b"\r\n\r\n")[0] for sent in puts)


@pytest.mark.folder_only("PUTs to S3 do not pass the proxy")
@pytest.mark.parametrize("cut", CUTS)
def test_the_put_of_an_upload_may_be_cut(env: Env, cut: Cut) -> None:
    data = b"RIFF and so on" * 1000
    target = env.client.media.upload_target(
        media_type="audio", filename="me.wav", content_type="audio/wav", size_bytes=len(data)
    )
    env.proxy.cuts.extend([cut, cut])
    with upload_source(data, filename="me.wav") as source:
        env.client._transport.upload(target, source, None)
    assert env.client.media.read_url(target.public_url) == data


async def _async_call(name: str, client: AsyncVoxport, url: str, key: str | None) -> Any:
    if name == "speak":
        speech = await client.speak("Hello.", "hum", idempotency_key=key)
        return speech.file.key, speech.cost, speech.idempotency_key
    if name == "instant":
        return _instant_answer(await client.instant(url, "Hello.", idempotency_key=key))
    if name == "clone":
        job = await client.voices.clone(url, idempotency_key=key)
        return job.id, job.idempotency_key
    if name == "stream":
        async with await client.stream("Hello.", "hum", idempotency_key=key) as audio:
            return await audio.read(), audio.idempotency_key
    pending = await client.submit("Hello.", "hum", idempotency_key=key)
    return pending.id, pending.idempotency_key


@pytest.mark.parametrize("name", ["speak", "submit", "instant", "clone", "stream"])
def test_the_asyncio_client_is_charged_once_too(env: Env, name: str) -> None:
    url = env.customer.upload()["public_url"]

    async def run() -> None:
        async with (
            httpx2.AsyncClient(limits=NO_KEEP_ALIVE) as http,
            AsyncVoxport(api_key=env.customer.key, base_url=env.proxy.url, timeout=60, http_client=http) as client,
        ):

            async def sleep(seconds: float) -> None:
                env.pauses.append(seconds)
                await asyncio.sleep(0)

            client._transport.sleep = sleep
            # A stream that broke off before its audio is whole can't be given again: it is cut when it is replayed.
            key = (await _async_call(name, client, url, None))[-1] if name == "stream" else None
            env.proxy.cuts.extend(CUTS)
            first = await _async_call(name, client, url, key)
            assert not env.proxy.cuts
            assert await _async_call(name, client, url, first[-1]) == first

    asyncio.run(run())
    assert len(env.provider.requests) == (name in ("speak", "instant", "stream"))
    assert env.client.billing.balance().balance < 100
