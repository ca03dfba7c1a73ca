"""Erasure of a profile: its data is deleted, whatever interrupts it, and the accounting records stay."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import FakeProviderEnv, with_fake_provider
from tests.support.server import environment
from tests.test_contract import work
from voxport.audit.service import CLI
from voxport.billing.held_calls import BilledCall
from voxport.billing.verify import verify
from voxport.cloning.service import ONE_CLONE
from voxport.errors import Forbidden, ProviderFailed, Unauthenticated, VoxportError
from voxport.gateway import Gateway

CLONE = "/v1/proxy/core-voice-clone"
TTS = "/v1/proxy/core-tts"
CONSENT = {"granted": True, "speaker": "Ada Lovelace", "words": "Yes, do."}
PERSONAL = ("Ada Lovelace", "Yes, do.", "Grandmother", "private word", "my laptop", "Customer", "hooks.example.com")
HOOK = "https://hooks.example.com/ada"
BOOKS = ("profiles", "api_keys", "media", "voices", "jobs", "consents", "holds", "ledger_transactions")
NOTHING = ("kept_answers", "webhook_deliveries", "webhook_secrets", "balance_alerts")
"""Tables without any row of an erased profile."""


@pytest.fixture
def rich(fake_env: FakeProviderEnv) -> GatewayClient:
    """A customer with an upload, a voice, speech, a queued job, a finished one, two keys, stored responses, webhooks
    and an alert, beside another customer with the same."""
    return filled(fake_env)


def filled(fake_env: FakeProviderEnv) -> GatewayClient:
    client = open_client(fake_env.gateway)
    fill(client, client.another_customer(), fake_env=fake_env)
    return client


def fill(*customers: GatewayClient, fake_env: FakeProviderEnv) -> None:
    for one in customers:
        audio = one.upload(b"RIFF" * 1000)["public_url"]
        body = {"audioUrl": audio, "provider": "local", "name": "Grandmother", "consent": CONSENT}
        work(fake_env, one.post(CLONE, body).json()["job"]["id"])
        (voice,) = one.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]
        said = {"text": "A private word.", "voice_id": voice["voice_id"], "output_format": "wav"}
        spoken = one.post(TTS, said, headers={"Idempotency-Key": "once"})
        assert spoken.status_code == 200, spoken.text
        speech = {"text": "A private word, later.", "voice_id": "hum", "output_format": "wav", "webhook_url": HOOK}
        done = one.post(TTS, speech, headers={"Prefer": "respond-async"}).json()["job"]["id"]
        work(fake_env, done)
        one.post(TTS, speech, headers={"Prefer": "respond-async"})
        streamed = {"text": "A private word.", "voice_id": "hum", "output_format": "mp3", "stream": True}
        assert one.post(TTS, streamed, headers={"Idempotency-Key": "stream"}).status_code == 200
        one.post("/v2/keys", {"name": "my laptop"})
        one.get("/v2/webhooks/secret")
        one.put_json("/v2/billing/alert", {"below": 1, "webhook_url": HOOK})


def files(gateway: Gateway) -> set[str]:
    return set(gateway.storage.list())


def leftovers(gateway: Gateway, profile_id: str) -> str:
    """Return all that the database still holds of a profile."""
    with gateway.database.connection() as connection:
        said = []
        for table in BOOKS + NOTHING:
            column = "id" if table == "profiles" else "profile_id"
            query = text(f"SELECT * FROM {table} WHERE {column} = :id")
            said += [str(tuple(row)) for row in connection.execute(query, {"id": profile_id})]
        return "\n".join(said)


def count(gateway: Gateway, table: str, profile_id: str) -> int:
    with gateway.database.connection() as connection:
        query = text(f"SELECT count(*) FROM {table} WHERE profile_id = :id")  # one of the names above
        found: int = connection.execute(query, {"id": profile_id}).scalar_one()
    return found


def is_gone(client: GatewayClient, before: set[str]) -> None:
    gateway = client.gateway
    left = leftovers(gateway, client.profile_id)
    for words in PERSONAL:
        assert words not in left
    with gateway.database.snapshot() as tx:
        assert gateway.accounts.require_profile(tx, client.profile_id).state == "erased"
    assert files(gateway) == before
    assert [count(gateway, table, client.profile_id) for table in NOTHING] == [0] * len(NOTHING)
    assert gateway.voices.storage_usage(client.profile_id) == (0, 0)
    assert gateway.media.totals(client.profile_id) == {}
    assert verify(gateway.database) == []
    assert gateway.audit.verify() is None


def test_everything_of_a_profile_goes_and_nothing_of_its_neighbour(fake_env: FakeProviderEnv) -> None:
    first = open_client(fake_env.gateway)
    neighbour = filled(fake_env)
    kept, said = files(fake_env.gateway), leftovers(fake_env.gateway, neighbour.profile_id)
    client = filled(fake_env)
    assert all(count(fake_env.gateway, table, client.profile_id) for table in NOTHING)
    others = files(fake_env.gateway)
    erased = fake_env.gateway.erasure.erase(client.profile_id, actor=CLI)
    assert erased.left == []
    is_gone(client, {key for key in others if key in files(fake_env.gateway)})
    assert kept <= files(fake_env.gateway)
    assert leftovers(fake_env.gateway, neighbour.profile_id) == said
    assert client.get("/v2/billing/balance").status_code == 401
    assert neighbour.get("/v2/billing/balance").status_code == 200
    assert not [key for key in files(fake_env.gateway) if client.profile_id in key]
    with fake_env.gateway.database.snapshot() as tx:
        kinds = tx.execute(
            text("SELECT kind FROM ledger_transactions WHERE profile_id = :id ORDER BY sequence"),
            {"id": client.profile_id},
        )
        assert [row[0] for row in kinds] == ["credit", "capture", "capture", "capture", "capture"]
    assert first.get("/v2/billing/balance").status_code == 200
    assert fake_env.gateway.erasure.erase(client.profile_id, actor=CLI).left == []  # erasing twice does no harm


def test_what_a_provider_does_not_remove_is_named_and_removed_in_the_next_run(
    rich: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    fake_env.provider.delete_failure = ProviderFailed("The provider is down.")
    erasure = fake_env.gateway.erasure
    (left,) = erasure.erase(rich.profile_id, actor=CLI).left
    assert "local: The provider is down." in left
    with fake_env.gateway.database.snapshot() as tx:
        assert fake_env.gateway.accounts.require_profile(tx, rich.profile_id).state == "erasing"
    assert rich.get("/v2/billing/balance").status_code == 401
    assert "Grandmother" not in leftovers(fake_env.gateway, rich.profile_id)
    assert erasure.sweep() == 0
    fake_env.provider.delete_failure = None
    fake_env.gateway.sweeps.clear_pauses()
    assert erasure.sweep() == 1
    assert fake_env.provider.deleted != []
    is_gone(rich, files(fake_env.gateway))
    assert erasure.sweep() == 0


def test_a_call_that_is_being_served_is_waited_for_and_its_file_goes(rich: GatewayClient) -> None:
    gateway = rich.gateway
    key = gateway.media.new_speech_key(".wav")
    call = BilledCall(rich.profile_id, "core-tts", "req_late")
    with gateway.held_calls.hold(
        call,
        units=ONE_CLONE,
        in_same_tx=lambda tx, _: gateway.media.reserve_speech(tx, rich.profile_id, key, "audio/wav", 100),
    ) as hold:
        (left,) = gateway.erasure.erase(rich.profile_id, actor=CLI).left
        assert "1 calls are still being served" in left
        gateway.storage.put(key, b"a private word")
        hold.capture(units=ONE_CLONE, in_same_tx=lambda tx, _: gateway.media.record_speech(tx, key, 14))
    assert gateway.storage.size(key) == 14
    assert gateway.erasure.sweep() == 1
    assert gateway.storage.size(key) is None
    is_gone(rich, files(gateway))


def test_a_caller_whose_key_was_checked_just_before_begins_nothing_any_more(rich: GatewayClient) -> None:
    gateway = rich.gateway
    gateway.erasure.erase(rich.profile_id, actor=CLI)
    with (
        pytest.raises(Unauthenticated),
        gateway.held_calls.hold(BilledCall(rich.profile_id, "core-tts", "req_late"), units=ONE_CLONE),
    ):
        raise AssertionError("unreachable")
    with pytest.raises(Unauthenticated):
        gateway.media.prepare_upload(
            rich.profile_id, media_type="audio", filename="a.wav", content_type="audio/wav", size_bytes=None
        )


def test_a_suspended_profile_begins_nothing_and_its_running_job_ends_well(fake_env: FakeProviderEnv) -> None:
    client = open_client(fake_env.gateway)
    speech = {"text": "Hello.", "voice_id": "hum", "output_format": "wav"}
    job_id = client.post(TTS, speech, headers={"Prefer": "respond-async"}).json()["job"]["id"]
    with fake_env.gateway.database.transaction() as tx:
        fake_env.gateway.accounts.suspend(tx, client.profile_id, actor=CLI)
    with (
        pytest.raises(Forbidden),
        fake_env.gateway.held_calls.hold(BilledCall(client.profile_id, "core-tts", "r"), units=ONE_CLONE),
    ):
        raise AssertionError("unreachable")
    work(fake_env, job_id)
    job = fake_env.gateway.jobs.find(job_id)
    assert job is not None
    assert job.status == "completed"
    assert fake_env.gateway.erasure.erase(client.profile_id, actor=CLI).left == []
    with pytest.raises(VoxportError), fake_env.gateway.database.transaction() as tx:
        fake_env.gateway.accounts.resume(tx, client.profile_id, actor=CLI)


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.support.client import settings_for
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from voxport.audit.service import CLI
from voxport.db.session import Database
from voxport.gateway import open_gateway
def erase(profile_id, left):
    gateway = open_gateway(settings_for(Path(sys.argv[1])), providers=[FakeProvider()], samples=AcceptingSamples)
    def counted(self, *arguments):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *arguments)
    real, Database.transaction = Database.transaction, counted
    gateway.erasure.erase(profile_id, actor=CLI)
open_gateway(settings_for(Path(sys.argv[1]))).close()  # imports what each child would import for itself
for line in sys.stdin:
    child = os.fork()
    if not child:
        profile_id, left = line.split()
        erase(profile_id, int(left))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A process that reads lines `PROFILE COMMITS`. For each it forks a child that erases the profile and kills itself
before transaction number COMMITS + 1, and prints the child's exit code."""


@pytest.mark.slow
def test_an_erasure_that_is_killed_at_any_of_its_commits_is_ended_by_the_worker(make_gateway: MakeGateway) -> None:
    """kill -9 before each transaction in turn, until one run finishes."""
    root = Path(__file__).resolve().parents[2]
    kills = 0
    fake_env = with_fake_provider(make_gateway)
    gateway = fake_env.gateway
    neighbour = filled(fake_env)
    command = [sys.executable, "-c", _KILLED, str(gateway.settings.data_dir)]
    with subprocess.Popen(
        command, env=environment(), cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as eraser:
        assert eraser.stdin is not None
        assert eraser.stdout is not None
        for commits in range(100):
            client = neighbour.another_customer()
            fill(client, fake_env=fake_env)
            neighbour_files = {key for key in files(gateway) if client.profile_id not in key}
            eraser.stdin.write(f"{client.profile_id} {commits}\n")
            ended = int(eraser.stdout.readline())
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            kills += 1
            if commits:
                assert client.get("/v2/billing/balance").status_code == 401
                assert fake_env.gateway.erasure.sweep() == 1
                is_gone(client, files(gateway) & neighbour_files)
        eraser.stdin.close()
    assert kills >= 8
