"""A customer with a receiver on loopback, and a gateway whose clock the test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeClient
from tests.support.client import GatewayClient
from voxport.testing.doubles.clock import ManualClock
from voxport.testing.receiver import WebhookReceiver

CLONE = "/v1/proxy/core-voice-clone"
AUDIO = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
LOG = "/v2/webhooks/deliveries"

OpenReceiver = Callable[..., WebhookReceiver]


@dataclass
class WebhookEnv:
    """A customer, and the worker's side of its webhooks, one try at a time."""

    client: GatewayClient
    clock: ManualClock

    def cancelled(self, url: str, **fields: Any) -> str:
        """Creates and cancels a clone job; returns its id."""
        answer = self.client.post(CLONE, {**AUDIO, "webhook_url": url, **fields})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job"]["id"]
        assert self.client.post(f"/v2/jobs/{job_id}/cancel").status_code == 200
        return job_id

    def send(self) -> int:
        """Sends all deliveries that are due; returns how many tries were made."""
        tries = 0
        while (claimed := self.client.gateway.webhooks.claim()) is not None:
            self.client.gateway.webhook_sender.send(claimed)
            tries += 1
        return tries

    def secret(self) -> str:
        secret: str = self.client.get("/v2/webhooks/secret").json()["data"]["secret"]
        return secret

    def only(self) -> dict[str, Any]:
        """The only delivery, with its attempts."""
        (row,) = self.client.get(LOG).json()["data"]
        detail: dict[str, Any] = self.client.get(f"{LOG}/{row['id']}").json()["data"]
        return detail


@pytest.fixture
def receiver() -> Iterator[OpenReceiver]:
    """Returns a function that starts receivers with scripted responses; they are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda *answers, **options: stack.enter_context(WebhookReceiver(*answers, **options))


@pytest.fixture
def open_webhook_env(make_client: MakeClient, tmp_path: Path) -> Callable[..., WebhookEnv]:
    """Returns a function that opens a gateway which may call the given receivers."""

    def make(*receivers: WebhookReceiver, **options: Any) -> WebhookEnv:
        clock = ManualClock(frozen=True)
        given = {
            "data_dir": tmp_path / "data",
            "private_hosts": ",".join(one.host for one in receivers),
            "webhook_timeout": 20.0,
            "clock": lambda: datetime.fromtimestamp(clock.now(), UTC),
            **options,
        }
        return WebhookEnv(make_client(**given), clock)

    return make
