"""Fixture: a gateway with doubles of both hosted providers, and a customer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import MakeGateway
from tests.support.hosted_env import HostedEnv, open_hosted_env
from voxport.providers import upstream
from voxport.voices import provisioning


@pytest.fixture(autouse=True, scope="session")
def short_pauses() -> Iterator[None]:
    """Retry free requests without a pause, and poll for a free slot every 0.02 s."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(upstream, "_RETRY_PAUSES", (0.0, 0.0))
        patched.setattr(provisioning, "_POLL_SECONDS", 0.02)
        yield


@pytest.fixture
def hosted_env(make_gateway: MakeGateway) -> Iterator[HostedEnv]:
    with open_hosted_env(make_gateway) as opened:
        yield opened
