"""A job of a gateway is followed to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import FakeProvider, FakeProviderEnv
from tests.support.server import serving
from tests.support.working import working
from voxport.errors import ProviderFailed
from voxport_client import AsyncVoxport, Job, JobCancelledError, JobFailedError, Voxport, WaitTimeoutError


@pytest.fixture
def voxport(fake_env: FakeProviderEnv) -> Iterator[tuple[Voxport, GatewayClient]]:
    """A client of a served gateway with a fake provider, without a worker."""
    customer = open_client(fake_env.gateway)
    with serving(customer) as port, Voxport(api_key=customer.key, base_url=f"http://127.0.0.1:{port}") as client:
        yield client, customer


def test_a_clone_is_followed_to_its_voice(voxport: tuple[Voxport, GatewayClient]) -> None:
    client, customer = voxport
    seen: list[Job] = []
    pending = client.voices.clone(customer.upload()["public_url"], name="Ana")
    with pytest.raises(WaitTimeoutError):
        pending.wait(timeout=0.2)
    with working(customer):
        voice = pending.wait(on_progress=seen.append, timeout=60)
    assert (voice.provider, voice.name) == ("local", "Ana")
    assert client.voices.get(voice.voice_id).name == "Ana"
    assert [job.status for job in seen][-1] == "completed"
    assert sorted({job.progress for job in seen}) == [job.progress for job in seen if job.progress or job is seen[0]]
    assert client.jobs.get(pending.id).token_cost == 5
    assert [job.status for job in pending.events()] == ["completed"]


def test_a_failed_clone_says_why_and_shows_its_key(
    voxport: tuple[Voxport, GatewayClient], fake_provider: FakeProvider
) -> None:
    client, customer = voxport
    fake_provider.failure = ProviderFailed("The provider has no room.")
    pending = client.voices.clone(customer.upload()["public_url"])
    with working(customer), pytest.raises(JobFailedError, match="no room") as raised:
        pending.wait(timeout=60)
    assert raised.value.code == "provider_failed"
    assert raised.value.idempotency_key == pending.idempotency_key is not None
    assert client.billing.balance().balance == 100


def test_a_cancelled_job_ends_the_wait(voxport: tuple[Voxport, GatewayClient]) -> None:
    client, _ = voxport
    pending = client.submit("Hello.", "hum")
    assert pending.cancel().status == "cancelled"
    with pytest.raises(JobCancelledError):
        pending.wait(timeout=60)


def test_the_asyncio_client_waits_too(voxport: tuple[Voxport, GatewayClient]) -> None:
    blocking, customer = voxport
    seen: list[str] = []

    async def run() -> None:
        async with AsyncVoxport(api_key=customer.key, base_url=blocking.base_url) as client:
            pending = await client.submit("Hello.", "hum")
            with pytest.raises(WaitTimeoutError):
                await pending.wait(timeout=0.2)
            with working(customer):
                file = await pending.wait(on_progress=lambda job: seen.append(job.status), timeout=60)
            assert file.duration_seconds == 1.0
            assert [job.status async for job in client.jobs.events(pending.id)] == ["completed"]

    asyncio.run(run())
    assert seen[-1] == "completed"
