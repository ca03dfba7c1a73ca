"""POST /v1/voices: mixes of stock voices and own clones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, open_client
from tests.support.client import error_of as shape_of
from tests.support.fake_provider import FakeProvider, FakeProviderEnv, with_fake_provider
from tests.voices.test_voices import add_clone, files_of, listed
from voxport.audit.service import GATEWAY
from voxport.errors import ProviderFailed
from voxport.providers.base import ClonedVoice, VoiceDesign
from voxport.voices.mixing import MAX_MIXES, MixPart, MixRequest
from voxport.voices.models import Voice
from voxport.voices.storage_keys import voice_key


@pytest.fixture
def mixer(make_gateway: Any) -> tuple[GatewayClient, FakeProvider]:
    env: FakeProviderEnv = with_fake_provider(make_gateway)
    return open_client(env.gateway), env.provider


def error_of(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(shape_of(answer)["code"])


def mix_of(*parts: tuple[str, float], **fields: Any) -> dict[str, Any]:
    return {"name": "Narrator", "mix": [{"voice_id": one, "weight": weight} for one, weight in parts], **fields}


def made(client: GatewayClient, *parts: tuple[str, float], **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/voices", mix_of(*parts, **fields))
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def rows(client: GatewayClient) -> list[str]:
    with client.gateway.database.snapshot() as tx:
        return [voice.id for voice in tx.query(Voice)]


def test_a_mix_is_in_the_library_with_its_recipe_and_costs_nothing(
    mixer: tuple[GatewayClient, FakeProvider],
) -> None:
    client, provider = mixer
    clone, before = add_clone(client), client.balance()
    answer = client.post(
        "/v1/voices",
        mix_of(("hum", 0.6), (clone, 0.4), pitch=-2, rate=0.95, tone=0.5, language="fr", description="For books."),
    )
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    assert answer.headers["Location"] == f"/v1/voices/{data['voice_id']}"
    recipe = {
        "mix": [{"voice_id": "hum", "weight": 0.6}, {"voice_id": clone, "weight": 0.4}],
        "pitch": -2,
        "rate": 0.95,
        "tone": 0.5,
    }
    assert data["recipe"] == recipe
    assert (data["name"], data["kind"], data["cloned"], data["provider"]) == ("Narrator", "mix", True, "local")
    assert (data["language"], data["description"]) == ("fr-fr", "For books.")
    assert client.get(f"/v1/voices/{data['voice_id']}").json()["data"] == data
    assert listed(client)[0]["recipe"] == recipe
    assert [one["kind"] for one in listed(client)] == ["mix", "clone", "stock"]
    ((parts, design),) = provider.mixed
    assert [(voice.provider_voice_id, voice.file, weight) for voice, weight in parts] == [
        ("hum", None, 0.6),
        (clone, b"the voice", 0.4),
    ]
    assert design == VoiceDesign(-2, 0.95, 0.5, "fr-fr")
    assert client.balance() == before
    assert data["voice_id"] not in [one["voice_id"] for one in listed(client.another_customer())]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mix": []}, "mix"),
        ({"mix": [{"voice_id": "hum", "weight": 1}] * 9}, "mix"),
        ({"mix": [{"voice_id": "hum", "weight": 0}]}, "weight"),
        ({"mix": [{"voice_id": "hum", "weight": -1}]}, "weight"),
        ({"mix": [{"voice_id": "hum", "weight": True}]}, "weight"),
        ({"mix": [{"voice_id": "hum", "weight": "1"}]}, "weight"),
        ({"mix": [{"voice_id": "hum"}]}, "weight"),
        ({"mix": [{"voice_id": "hum", "weight": 1, "volume": 2}]}, "volume"),
        ({"mix": [{"voice_id": "hum", "weight": 1}, {"voice_id": "hum", "weight": 2}]}, "voice_id"),
        ({"mix": [{"voice_id": "nobody", "weight": 1}]}, "voice_id"),
        ({"mix": [{"voice_id": "../../etc/passwd", "weight": 1}]}, "voice_id"),
        ({"mix": [{"voice_id": "hu\u0000m", "weight": 1}]}, "voice_id"),
        ({"pitch": 6.1}, "pitch"),
        ({"rate": 0.49}, "rate"),
        ({"rate": 2.01}, "rate"),
        ({"tone": -1.01}, "tone"),
        ({"language": "tlh"}, "language"),
        ({"name": " "}, "name"),
        ({"provider": "local"}, "provider"),
    ],
)
def test_a_mix_that_is_not_possible_is_refused_and_leaves_nothing(
    mixer: tuple[GatewayClient, FakeProvider], change: dict[str, Any], field: str
) -> None:
    client, provider = mixer
    answer = client.post("/v1/voices", {**mix_of(("hum", 1.0)), **change})
    assert error_of(answer, 422) == "validation_failed"
    assert field in [str(part) for part in answer.json()["detail"][0]["loc"]]
    assert (provider.mixed, rows(client)) == ([], [])


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-Infinity", "1e999", "1e-999"])
def test_a_weight_that_is_no_positive_number_is_refused(mixer: tuple[GatewayClient, FakeProvider], weight: str) -> None:
    client, _ = mixer
    body = f'{{"name": "x", "mix": [{{"voice_id": "hum", "weight": {weight}}}]}}'
    answer = client.post_raw("/v1/voices", body.encode())
    assert answer.status_code == 422, answer.text


def test_anothers_clone_and_a_voice_elsewhere_are_refused_by_name(
    mixer: tuple[GatewayClient, FakeProvider],
) -> None:
    client, provider = mixer
    others = add_clone(client.another_customer())
    answer = client.post("/v1/voices", mix_of((others, 1.0)))
    assert error_of(answer, 422) == "validation_failed"
    assert others in answer.json()["error"]["message"]
    hosted = add_hosted_clone(client)
    answer = client.post("/v1/voices", mix_of(("hum", 1.0), (hosted, 1.0)))
    assert error_of(answer, 422) == "validation_failed"
    assert hosted in answer.json()["error"]["message"]
    assert "minimax" in answer.json()["error"]["message"]
    assert provider.mixed == []


def add_hosted_clone(client: GatewayClient) -> str:
    voices = client.gateway.voices
    voice_id = voices.new_voice_id()
    with client.gateway.database.transaction() as tx:
        voices.register(
            tx,
            profile_id=client.profile_id,
            voice_id=voice_id,
            name="Hosted",
            description="",
            provider="minimax",
            cloned=ClonedVoice(voice_id, "en"),
            file_key=None,
            sample_key=f"samples/{voice_id}/sample.flac",
            remote_name=voice_id,
        )
    return voice_id


def test_a_provider_that_fails_leaves_nothing(mixer: tuple[GatewayClient, FakeProvider]) -> None:
    client, provider = mixer
    provider.failure = ProviderFailed("The tone is broken.")
    assert error_of(client.post("/v1/voices", mix_of(("hum", 1.0))), 502) == "provider_failed"
    assert rows(client) == []


def test_a_storage_that_fails_leaves_a_hidden_row_for_the_sweep(
    mixer: tuple[GatewayClient, FakeProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = mixer

    def fail(key: str, data: bytes) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(client.gateway.storage, "put", fail)
    with pytest.raises(OSError, match="no space left"):
        create(client)
    assert len(rows(client)) == 1
    assert [one["kind"] for one in listed(client)] == ["stock"]
    assert client.gateway.voices.sweep_deleted() == 1
    assert rows(client) == []


def create(client: GatewayClient, *voice_ids: str) -> str:
    parts = [MixPart(one, 1.0) for one in voice_ids or ("hum",)]
    entry = client.gateway.mixing.create(
        client.principal, MixRequest("Narrator", parts, VoiceDesign()), request_id="req_1"
    )
    return entry.voice_id


def test_the_same_call_with_its_key_gives_the_first_mix_again(mixer: tuple[GatewayClient, FakeProvider]) -> None:
    client, provider = mixer
    key = {"Idempotency-Key": "mix-1"}
    first = client.post("/v1/voices", mix_of(("hum", 1.0)), headers=key)
    again = client.post("/v1/voices", mix_of(("hum", 1.0)), headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (len(provider.mixed), len(rows(client))) == (1, 1)
    other = client.post("/v1/voices", mix_of(("hum", 2.0)), headers=key)
    assert error_of(other, 422) == "idempotency_mismatch"


def test_a_clone_in_a_mix_is_deleted_only_with_it(mixer: tuple[GatewayClient, FakeProvider]) -> None:
    client, _ = mixer
    clone = add_clone(client)
    inner = made(client, (clone, 1.0), name="Inner")["voice_id"]
    outer = made(client, (inner, 1.0), ("hum", 1.0), name="Outer")["voice_id"]
    free = made(client, ("hum", 1.0))["voice_id"]
    answer = client.delete(f"/v1/voices/{clone}")
    assert error_of(answer, 409) == "voice_in_mixes"
    assert set(answer.json()["error"]["details"]["mixes"]) == {inner, outer}
    assert "Inner" in answer.json()["error"]["message"]
    assert client.get(f"/v1/voices/{clone}").status_code == 200
    # A mix is a voice of its own: what is mixed of it stays.
    assert client.delete(f"/v1/voices/{inner}").status_code == 200
    answer = client.delete(f"/v1/voices/{clone}")
    assert answer.json()["error"]["details"]["mixes"] == [outer]
    assert client.delete(f"/v1/voices/{clone}?with_mixes=true").json()["data"]["left"] == []
    assert rows(client) == [free]
    assert files_of(client, clone) == [None, None]
    assert files_of(client, outer) == [None, None]


def test_a_mix_whose_clone_is_deleted_while_it_is_made_is_not_kept(
    mixer: tuple[GatewayClient, FakeProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = mixer
    clone, put = add_clone(client), client.gateway.storage.put

    def delete_then_put(key: str, data: bytes) -> None:
        assert client.delete(f"/v1/voices/{clone}").status_code == 200
        put(key, data)

    monkeypatch.setattr(client.gateway.storage, "put", delete_then_put)
    assert error_of(client.post("/v1/voices", mix_of((clone, 1.0))), 409) == "voice_deleted"
    (hidden,) = rows(client)
    assert client.gateway.storage.size(voice_key(hidden, "local")) is None
    assert client.gateway.voices.sweep_deleted() == 1


def test_a_profile_has_so_many_mixes_at_most(
    mixer: tuple[GatewayClient, FakeProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.voices.mixing.MAX_MIXES", 2)
    assert MAX_MIXES == 100
    client, _ = mixer
    made(client, ("hum", 1.0))
    made(client, ("hum", 1.0))
    assert error_of(client.post("/v1/voices", mix_of(("hum", 1.0))), 409) == "too_many_mixes"


def test_an_erased_profile_has_no_mix_left(mixer: tuple[GatewayClient, FakeProvider]) -> None:
    client, _ = mixer
    clone = add_clone(client)
    mix = made(client, (clone, 1.0), ("hum", 1.0))["voice_id"]
    gateway = client.gateway
    assert gateway.voices.delete_all(client.profile_id, actor=GATEWAY) == []
    assert rows(client) == []
    assert files_of(client, mix) == [None, None]


def test_a_mix_is_spoken_at_its_own_pace_and_held_for_it(mixer: tuple[GatewayClient, FakeProvider]) -> None:
    client, _ = mixer
    slow = made(client, ("hum", 1.0), rate=0.5)["voice_id"]
    slower = made(client, (slow, 1.0), ("hum", 3.0), rate=0.8)["voice_id"]
    text = "A quiet river runs along the old road to the harbour."
    held = {
        voice: client.post("/v1/estimate", {"text": text, "voice_id": voice, "provider": "local"}).json()["data"]
        for voice in ("hum", slow, slower)
    }
    units = {voice: data["units"] for voice, data in held.items()}
    assert units[slow] == pytest.approx(2 * units["hum"], abs=0.2)
    assert units[slower] == pytest.approx(units["hum"] / (0.8 * 0.5**0.25), abs=0.2)
    answer = client.post("/v1/proxy/core-tts", {"text": text, "voice_id": slower, "provider": "local"})
    assert answer.status_code == 200, answer.text


def test_a_mix_can_be_renamed_and_not_bound_elsewhere(mixer: tuple[GatewayClient, FakeProvider]) -> None:
    client, _ = mixer
    mix = made(client, ("hum", 1.0))["voice_id"]
    assert client.patch(f"/v1/voices/{mix}", {"name": "Reader"}).json()["data"]["name"] == "Reader"
    answer = client.post(f"/v1/voices/{mix}/bindings", {"provider": "minimax"})
    assert error_of(answer, 400) == "voice_not_clonable"
