"""A key that was good a moment ago is checked again by every call, before the call has any effect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hosted.test_relayed_streams import STOCK, TEXT
from tests.support.client import error_of
from tests.support.hosted_env import HostedEnv
from voxport.audit.service import CLI
from voxport.billing.service import Funds
from voxport.billing.verify import verify

SPEAK = "/v1/proxy/core-tts"
BODY = {"text": TEXT, "voice_id": STOCK["elevenlabs"], "provider": "elevenlabs"}
CALLS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "a file": (BODY, {}),
    "a stream": ({**BODY, "stream": True}, {}),
    "a job": (BODY, {"Prefer": "respond-async"}),
    "a repeated call": (BODY, {"Idempotency-Key": "one"}),
    "a body of the wrong shape": ({**BODY, "text": 3}, {}),
    "a stream that is a job": ({**BODY, "stream": True}, {"Prefer": "respond-async"}),
    "an unknown voice": ({**BODY, "voice_id": "nobody"}, {}),
}


def funds(env: HostedEnv) -> Funds:
    with env.gateway.database.snapshot() as tx:
        return env.gateway.billing.funds(tx, env.client.profile_id)


@pytest.mark.parametrize("call", CALLS)
def test_a_revoked_key_that_was_used_before_is_refused_and_changes_nothing(hosted_env: HostedEnv, call: str) -> None:
    body, headers = CALLS[call]
    client = hosted_env.client
    assert client.post(SPEAK, BODY).status_code == 200
    before, calls = funds(hosted_env), len(hosted_env.elevenlabs.requests)
    with hosted_env.gateway.database.transaction() as tx:
        hosted_env.gateway.accounts.revoke_key(tx, client.key_id)
    answer = client.post(SPEAK, body, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (401, "key_revoked")
    assert "detail" not in answer.json()
    assert len(hosted_env.elevenlabs.requests) == calls
    assert funds(hosted_env) == before
    assert verify(hosted_env.gateway.database) == []


def test_a_field_that_stands_twice_is_not_told_to_a_revoked_key(hosted_env: HostedEnv) -> None:
    client = hosted_env.client
    assert client.post(SPEAK, BODY).status_code == 200
    with hosted_env.gateway.database.transaction() as tx:
        hosted_env.gateway.accounts.revoke_key(tx, client.key_id)
    headers = {**client.headers, "Content-Type": "application/json"}
    answer = client.http.post(SPEAK, content=b'{"text": "a", "text": "b"}', headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (401, "key_revoked")


def test_a_suspended_profile_is_refused_where_it_was_let_in_before(hosted_env: HostedEnv) -> None:
    client = hosted_env.client
    assert client.post(SPEAK, BODY).status_code == 200
    (profile,) = hosted_env.gateway.accounts.list_profiles()
    with hosted_env.gateway.database.transaction() as tx:
        hosted_env.gateway.accounts.suspend(tx, profile.id, actor=CLI)
    answer = client.post(SPEAK, {**BODY, "stream": True})
    assert answer.status_code == 403
    assert funds(hosted_env).held == 0
