"""The database commits, and its answer gets lost: what was paid for is not taken away, and no hold stays."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from tests.conftest import MakeGateway
from tests.support.client import error_of
from tests.support.hosted_env import INSTANT, TTS, HostedEnv, open_hosted_env
from tests.support.lost_commits import CommitCutter, cutting_commits
from tests.support.postgres import Postgres
from tests.support.server import wait_until
from voxport.billing.held_calls import BilledCall, HeldCalls
from voxport.billing.verify import verify
from voxport.db.lease import Leases
from voxport.db.transient_errors import CommitLost

BODY = {
    "text": "The ferry leaves at seven.",
    "voice_id": "21m00Tcm4TlvDq8ikWAM",
    "provider": "elevenlabs",
    "output_format": "wav",
}
KINDS = ["a file", "a stream", "an instant clone"]


@pytest.fixture
def cut_env(make_gateway: MakeGateway, postgres: Postgres) -> Iterator[tuple[HostedEnv, CommitCutter]]:
    # The path of a Unix socket has a hundred characters at most.
    with (
        tempfile.TemporaryDirectory(prefix="cut-") as folder,
        cutting_commits(postgres.new_database(), Path(folder)) as (cutter, url),
        open_hosted_env(make_gateway, database_url=url) as env,
    ):
        yield env, cutter


def call(env: HostedEnv, kind: str, audio_url: str, key: str) -> httpx2.Response:
    headers = {"Idempotency-Key": key}
    if kind == "an instant clone":
        body = {"audioUrl": audio_url, "text": BODY["text"], "provider": "elevenlabs"}
        return env.client.post(INSTANT, body, headers=headers)
    return env.client.post(TTS, {**BODY, "stream": kind == "a stream"}, headers=headers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_charge_whose_commit_was_not_answered_keeps_its_audio(
    cut_env: tuple[HostedEnv, CommitCutter], kind: str
) -> None:
    env, cutter = cut_env
    audio_url = env.upload()
    assert call(env, kind, audio_url, "warm").status_code == 200
    before = env.client.balance()["credits"]
    cutter.table = "ledger_transactions"
    lost = call(env, kind, audio_url, "cut")
    assert cutter.cuts == 1
    if kind != "a stream":  # which had begun: its end is missing
        assert lost.status_code == 503, lost.text
        assert "Idempotency-Key" in error_of(lost)["message"]
        assert "Nothing was charged" not in error_of(lost)["message"]
    after = env.client.balance()
    assert after["credits"] < before and after["held"] == 0
    again = call(env, kind, audio_url, "cut")
    assert again.status_code == 200, again.text
    assert again.headers["Idempotent-Replayed"] == "true"
    audio = env.client.http.get(again.json()["data"]["url"]).content if kind == "a file" else again.content
    assert audio[:4] == b"RIFF"
    assert env.client.balance()["credits"] == after["credits"]
    assert verify(env.gateway.database) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_hold_whose_commit_was_not_answered_is_released(cut_env: tuple[HostedEnv, CommitCutter], kind: str) -> None:
    env, cutter = cut_env
    audio_url = env.upload()
    assert call(env, kind, audio_url, "warm").status_code == 200
    before, files = env.client.balance(), env.client.get("/v1/media").json()["data"]
    cutter.table = "holds"
    assert call(env, kind, audio_url, "cut").status_code == 503
    assert cutter.cuts == 1
    assert env.client.balance() == before
    assert env.gateway.provider_calls.list_all() == []
    assert env.client.get("/v1/media").json()["data"] == files
    assert call(env, kind, audio_url, "cut").status_code == 200
    assert env.client.balance()["held"] == 0
    assert verify(env.gateway.database) == []


def test_a_hold_whose_commit_comes_after_its_connection_broke_is_released(
    cut_env: tuple[HostedEnv, CommitCutter],
) -> None:
    env, cutter = cut_env
    gateway, before, undone = env.gateway, env.client.balance(), list[str]()
    calls = HeldCalls(gateway.database, gateway.billing, Leases(gateway.database.url), retry_seconds=0.01)
    cutter.table, cutter.late = "holds", threading.Event()
    threading.Timer(0.5, cutter.late.set).start()  # later than any look that does not wait for the transaction's end
    with pytest.raises(CommitLost):
        calls.hold(
            BilledCall(env.client.profile_id, "core-tts", "req_1"), units=Decimal(1), undo=lambda: undone.append("once")
        )
    cutter.late.wait(20)
    wait_until(lambda: cutter.cuts == 1, seconds=20, what="the late commit")
    assert (env.client.balance(), undone) == (before, ["once"])
    assert verify(gateway.database) == []
