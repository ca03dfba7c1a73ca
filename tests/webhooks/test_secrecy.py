"""The log names only the host of a webhook URL, and no signing secret or signature."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from tests.webhooks.conftest import OpenReceiver, WebhookEnv
from voxport.testing.receiver import reset_connection, respond_with

CAPABILITY = "T0AB12CD/c0ffee0badc0de"  # the URL is itself a secret, as those of chat services are


def test_no_line_tells_the_path_the_signature_or_the_secret(
    receiver: OpenReceiver, open_webhook_env: Callable[..., WebhookEnv], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refusing, failing, taking = (
        receiver(listening=False),
        receiver(reset_connection),
        receiver(respond_with(204, body=b"")),
    )
    hooks = open_webhook_env(refusing, failing, taking)
    for one in (refusing, failing, taking):
        hooks.cancelled(f"{one.url}/{CAPABILITY}?token={CAPABILITY}")
    secret = hooks.secret()
    assert hooks.send() == 3
    signature = taking.received[0].headers["webhook-signature"]
    assert "did not arrive" in caplog.text
    for hidden in (CAPABILITY, secret, signature):
        assert hidden not in caplog.text
