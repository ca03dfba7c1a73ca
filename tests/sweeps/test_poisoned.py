"""An item that always fails does not block the others, is retried with growing pauses, and is reported."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text, update

from tests.conftest import MakeGateway
from tests.support import backend
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from tests.test_contract import work
from voxport.audit.service import CLI
from voxport.billing.held_calls import BilledCall
from voxport.billing.verify import verify
from voxport.cli.main import main
from voxport.clock import now
from voxport.cloning.service import ONE_CLONE
from voxport.errors import ProviderFailed, ProviderUnavailable
from voxport.idempotency.service import Idempotency
from voxport.jobs.runner import JobRunner
from voxport.media.models import Media
from voxport.providers.base import VoiceRef
from voxport.sweeps.service import Sweeps
from voxport.voices.models import VoiceBinding
from voxport.worker import _time_out_jobs

CLONE = "/v1/proxy/core-voice-clone"
TTS = "/v1/proxy/core-tts"
POISON = "../no/key"


class FailingProvider(FakeProvider):
    """Fails to delete the voices in `poisoned`, with an error that is not a VoxportError, as a bug would raise."""

    poisoned: frozenset[str] = frozenset()
    error: Exception = RuntimeError("a bug")

    def delete(self, voice: VoiceRef) -> None:
        if voice.provider_voice_id in self.poisoned:
            raise self.error
        super().delete(voice)


@pytest.fixture
def failing(make_gateway: MakeGateway) -> tuple[FakeProviderEnv, FailingProvider]:
    provider = FailingProvider()
    return with_fake_provider(make_gateway, provider), provider


def clone(fake_env: FakeProviderEnv, client: GatewayClient) -> str:
    body = {"audioUrl": client.upload()["public_url"], "provider": "local"}
    job_id = client.post(CLONE, body).json()["job"]["id"]
    work(fake_env, job_id)
    voice_id: str = client.get(f"/v2/jobs/{job_id}").json()["result_data"]["voice_id"]
    return voice_id


def failures(client: GatewayClient) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in client.gateway.sweeps.failures():
        found.setdefault(row.task, []).append(row.item)
    return found


def voices_left(client: GatewayClient) -> int:
    with client.gateway.database.snapshot() as tx:
        return int(tx.execute(text("SELECT count(*) FROM voices")).scalar_one())


def test_a_voice_that_can_not_be_removed_is_told_and_stops_no_other(
    failing: tuple[FakeProviderEnv, FailingProvider],
) -> None:
    fake_env, provider = failing
    client = open_client(fake_env.gateway)
    first, second = clone(fake_env, client), clone(fake_env, client)
    provider.poisoned = frozenset({first, second})
    for voice_id in (first, second):
        answer = client.delete(f"/v1/voices/{voice_id}")
        assert answer.status_code == 200
        assert answer.json()["data"]["left"] == ["local: it can't be removed there now."]
    provider.poisoned = frozenset({first})
    assert fake_env.gateway.voices.sweep_deleted() == 1
    assert (voices_left(client), failures(client)) == (1, {"deleted_voices": [first]})
    assert fake_env.gateway.voices.sweep_deleted() == 0  # it is paused
    fake_env.gateway.sweeps.clear_pauses()
    provider.poisoned = frozenset()
    assert fake_env.gateway.voices.sweep_deleted() == 1
    assert (voices_left(client), failures(client)) == (0, {})


def test_a_voice_with_a_file_that_can_not_be_removed_is_told_and_stops_no_other(fake_env: FakeProviderEnv) -> None:
    client = open_client(fake_env.gateway)
    first, second = clone(fake_env, client), clone(fake_env, client)
    with fake_env.gateway.database.transaction() as tx:
        tx.execute(update(VoiceBinding).where(VoiceBinding.voice_id == first).values(file_key=POISON))
    assert client.delete(f"/v1/voices/{first}").json()["data"]["left"] == ["local: its file can't be removed now."]
    with fake_env.gateway.database.transaction() as tx:
        tx.execute(text("UPDATE voices SET deleted_at = :now"), {"now": "2026-01-01 00:00:00.000000"})
    assert fake_env.gateway.voices.sweep_deleted() == 1
    assert failures(client) == {"deleted_voices": [first]}
    assert client.get(f"/v1/voices/{second}").status_code == 404


def test_an_erasure_tells_what_is_left_and_goes_on_with_all_else(
    failing: tuple[FakeProviderEnv, FailingProvider],
) -> None:
    fake_env, provider = failing
    client = open_client(fake_env.gateway)
    other = client.another_customer()
    poisoned = clone(fake_env, client)
    clone(fake_env, client)
    clone(fake_env, other)
    provider.poisoned = frozenset({poisoned})
    erasure = fake_env.gateway.erasure
    assert erasure.erase(client.profile_id, actor=CLI).left == [
        f"voice {poisoned} at local: it can't be removed there now."
    ]
    with fake_env.gateway.database.snapshot() as tx:
        of_profile = {"profile": client.profile_id}
        assert tx.execute(text("SELECT count(*) FROM media WHERE profile_id = :profile"), of_profile).scalar() == 0
    assert voices_left(client) == 2
    with fake_env.gateway.database.transaction() as tx:
        tx.execute(text("UPDATE profiles SET state = 'erasing' WHERE id = :id"), {"id": other.profile_id})
    assert erasure.sweep() == 1
    assert failures(client) == {"erasures": [client.profile_id]}
    fake_env.gateway.sweeps.clear_pauses()
    provider.poisoned = frozenset()
    assert erasure.sweep() == 1
    assert failures(client) == {}
    assert verify(fake_env.gateway.database) == []


def test_a_step_of_an_erasure_that_fails_keeps_no_other_from_its_turn(
    customer: GatewayClient, fake_env: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer.upload()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(fake_env.gateway.voices, "delete_all", fail)
        assert fake_env.gateway.erasure.erase(customer.profile_id, actor=CLI).left == [
            "some voices can't be removed now"
        ]
    with fake_env.gateway.database.snapshot() as tx:
        assert tx.execute(text("SELECT count(*) FROM media")).scalar() == 0
    assert fake_env.gateway.erasure.sweep() == 1


@pytest.mark.parametrize("kind", ["upload", "speech"])
def test_a_file_that_can_not_be_removed_is_left_out_of_the_next_rounds(
    make_client: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    client: GatewayClient = make_client()
    monkeypatch.setattr("voxport.media.service._SWEEP_BATCH", 2)
    old = now() - timedelta(days=30)
    keys = [f"{POISON}/{number}" for number in range(2)] + ["uploads/a/audio/b/c.wav"]
    with client.gateway.database.transaction() as tx:
        for key in keys:
            values = {"content_type": "audio/wav", "size_bytes": None, "reserved_bytes": 0, "uploaded_at": None}
            tx.add(Media(key=key, profile_id=client.profile_id, kind=kind, created_at=old, **values))
    assert client.gateway.media.sweep() == 0  # a batch is two files, and both are poisoned
    assert failures(client) == {"files": keys[:2]}
    assert client.gateway.media.sweep() == 1
    with client.gateway.database.snapshot() as tx:
        assert list(tx.execute(text("SELECT key FROM media ORDER BY key")).scalars()) == keys[:2]


def test_a_kept_answer_that_can_not_be_removed_stops_no_other(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    for key in ("one", "two"):
        body = {"text": "Hello.", "voice_id": "hum"}
        assert customer.post(TTS, body, headers={"Idempotency-Key": key}).status_code == 200
    with fake_env.gateway.database.transaction() as tx:
        first = tx.execute(text("SELECT min(sequence) FROM kept_answers")).scalar_one()
        poison = {"key": POISON, "sequence": first}
        tx.execute(text("UPDATE kept_answers SET file_key = :key WHERE sequence = :sequence"), poison)
    parts = fake_env.gateway
    services = (parts.database, parts.billing, parts.media, parts.storage, parts.provider_calls.release_dead_owners)
    later = Idempotency(*services, clock=lambda: now() + timedelta(hours=25))
    assert later.sweep() == 1
    assert list(failures(customer)) == ["kept_answers"]
    assert later.sweep() == 0


def test_a_paid_call_that_can_not_be_looked_into_stops_no_other_and_its_hold_is_released(
    failing: tuple[FakeProviderEnv, FailingProvider],
) -> None:
    fake_env, provider = failing
    client, gateway = open_client(fake_env.gateway), fake_env.gateway
    moment = now() - timedelta(days=1)
    for number, voice_id in enumerate(("poisoned", "good")):
        hold = gateway.held_calls.hold(
            BilledCall(client.profile_id, "core-instant-clone-tts", f"req_{number}", key_id=client.key_id),
            units=ONE_CLONE,
        )
        with gateway.database.transaction() as tx:
            gateway.billing.detach_owner(tx, hold.hold_id)
            values = {"id": f"int_{voice_id}", "voice": voice_id, "profile": client.profile_id, "hold": hold.hold_id}
            tx.execute(
                text(
                    "INSERT INTO intents (id, kind, provider, voice_id, profile_id, hold_id, part, state, released, "
                    "created_at, changed_at) VALUES (:id, 'instant', 'local', :voice, :profile, :hold, 0, 'unknown', "
                    "0, :at, :at)"
                ),
                {**values, "at": f"{moment:%Y-%m-%d %H:%M:%S.%f}"},
            )
    provider.poisoned = frozenset({"poisoned"})
    assert gateway.provider_calls.sweep() == 2  # both holds are released, even where the voice could not be deleted
    assert client.balance()["held"] == 0
    assert failures(client) == {"provider_voices": ["int_poisoned"]}
    assert "good" in provider.deleted


def test_a_provider_that_is_down_is_asked_once_a_round(failing: tuple[FakeProviderEnv, FailingProvider]) -> None:
    fake_env, provider = failing
    client, gateway = open_client(fake_env.gateway), fake_env.gateway
    asked = []

    class CountingProvider(FailingProvider):
        def delete(self, voice: VoiceRef) -> None:
            asked.append(voice.provider_voice_id)
            raise ProviderUnavailable("It is down.")

    provider.__class__ = CountingProvider
    with gateway.database.transaction() as tx:
        for number in range(3):
            values = {"id": f"int_{number}", "profile": client.profile_id, "at": f"{now():%Y-%m-%d %H:%M:%S.%f}"}
            tx.execute(
                text(
                    "INSERT INTO intents (id, kind, provider, voice_id, profile_id, part, state, released, created_at,"
                    " changed_at) VALUES (:id, 'clone', 'local', :id, :profile, 0, 'removing', 0, :at, :at)"
                ),
                values,
            )
    gateway.provider_calls.sweep()
    assert asked == ["int_0"]


def test_pauses_grow_and_a_clock_that_is_set_back_stops_nothing(make_gateway: MakeGateway, database_url: str) -> None:
    gateway = make_gateway(database_url=database_url)
    moment = datetime(2026, 1, 1, tzinfo=now().tzinfo)
    at = [moment]
    sweeps = Sweeps(gateway.database, clock=lambda: at[0])
    tried: list[datetime] = []

    def fail(_: str) -> None:
        tried.append(at[0])
        raise ProviderFailed("It broke.")

    for _ in range(24 * 60):
        assert sweeps.process("drill", ["item"], str, fail) == 0
        at[0] += timedelta(minutes=1)
    gaps = [round((later - before) / timedelta(minutes=1)) for before, later in pairwise(tried)]
    assert gaps[:5] == [1, 2, 3, 6, 12]
    assert max(gaps) <= 6 * 60 and len(tried) < 14
    (row,) = sweeps.failures()
    assert (row.first_at, row.failures, row.error) == (moment, len(tried), "provider_failed: It broke.")
    at[0] = moment - timedelta(days=400)
    assert sweeps.process("drill", ["item"], str, lambda _: None) == 1
    assert sweeps.failures() == []


def test_the_operator_sees_what_could_not_be_tidied_up(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(admin_key="operators-key-0123456789abcdef0123456789")
    client = open_client(gateway)

    def fail(_: str) -> None:
        raise RuntimeError("with a customer's words")

    gateway.sweeps.process("drill", ["item"], str, fail)
    data_dir = gateway.settings.data_dir
    shown = CliRunner().invoke(
        main, ["admin", "sweeps", "--data-dir", str(data_dir)], env=backend.environment(data_dir)
    )
    assert shown.exit_code == 0, shown.output
    assert "drill" in shown.output and "RuntimeError" in shown.output and "customer" not in shown.output
    metrics = client.http.get("/metrics", headers={"Authorization": "Bearer operators-key-0123456789abcdef0123456789"})
    assert 'voxport_sweep_failures{task="drill"} 1.0' in metrics.text


def test_a_hold_that_can_not_be_released_stops_no_other_and_no_other_process(
    customer: GatewayClient, fake_env: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = fake_env.gateway
    holds = [
        gateway.held_calls.hold(
            BilledCall(customer.profile_id, "core-instant-clone-tts", f"req_{number}"), units=ONE_CLONE
        ).hold_id
        for number in range(3)
    ]
    with gateway.database.transaction() as tx:
        for hold_id, owner in zip(holds, ("calls_dead1", "calls_dead1", "calls_dead2"), strict=True):
            tx.execute(text("UPDATE holds SET owner = :owner WHERE id = :id"), {"owner": owner, "id": hold_id})
    release = gateway.billing.release

    def release_all_but_the_first(tx: Any, hold_id: str) -> bool:
        if hold_id == holds[0]:
            raise RuntimeError("a bug")
        return release(tx, hold_id)

    with monkeypatch.context() as patched:
        patched.setattr(gateway.billing, "release", release_all_but_the_first)
        gateway.provider_calls.release_dead_owners()
    assert customer.balance()["held"] == 2
    assert failures(customer) == {"dead_processes": ["calls_dead1"]}
    gateway.sweeps.clear_pauses()
    gateway.provider_calls.release_dead_owners()
    assert (customer.balance()["held"], failures(customer)) == (0, {})


def test_a_job_that_can_not_be_timed_out_stops_no_other(
    customer: GatewayClient, fake_env: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"audioUrl": customer.upload()["public_url"], "provider": "local"}
    jobs = [customer.post(CLONE, body).json()["job"]["id"] for _ in range(2)]
    with fake_env.gateway.database.transaction() as tx:
        old = {"at": f"{now() - timedelta(days=1):%Y-%m-%d %H:%M:%S.%f}"}
        tx.execute(text("UPDATE jobs SET status = 'processing', started_at = :at"), old)
    runner = JobRunner(fake_env.gateway.jobs, fake_env.gateway.handlers)
    time_out = runner.time_out

    def fail_for_the_first(job: Any, is_unknown: Any) -> bool:
        if job.id == jobs[0]:
            raise RuntimeError("a bug")
        return time_out(job, is_unknown)

    monkeypatch.setattr(runner, "time_out", fail_for_the_first)
    assert _time_out_jobs(fake_env.gateway, runner) == 1
    assert failures(customer) == {"overdue_jobs": [jobs[0]]}
    assert [customer.get(f"/v2/jobs/{job_id}").json()["status"] for job_id in jobs] == ["processing", "failed"]


def test_a_webhook_that_can_not_be_written_stops_no_other(
    customer: GatewayClient, fake_env: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = fake_env.gateway
    with gateway.database.transaction() as tx:
        for kind in ("poisoned", "balance.low"):
            gateway.webhooks.enqueue(tx, customer.profile_id, kind, "http://127.0.0.1/hook", data={"a": 1})
    body = gateway.webhook_sender._body

    def fail_for_the_first(delivery: Any) -> Any:
        if delivery.type == "poisoned":
            raise RuntimeError("a bug")
        return body(delivery)

    monkeypatch.setattr(gateway.webhook_sender, "_body", fail_for_the_first)
    while (claimed := gateway.webhooks.claim()) is not None:
        gateway.webhook_sender.send(claimed)
    with gateway.database.snapshot() as tx:
        rows = tx.execute(text("SELECT state, attempt_count FROM webhook_deliveries")).all()
        errors = set(tx.execute(text("SELECT error FROM webhook_attempts")).scalars())
    assert rows == [("pending", 1), ("pending", 1)]
    assert "The gateway could not send it." in errors and len(errors) == 2
