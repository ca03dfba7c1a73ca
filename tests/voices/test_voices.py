"""The voices available to a profile, and its library of clones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProviderEnv
from voxport.engine import LANGUAGES
from voxport.errors import ProviderFailed
from voxport.providers.base import ClonedVoice, StockVoice
from voxport.voices.storage_keys import sample_key, voice_key

VOICES = "/v1/proxy/core-tts-voices"


def add_clone(client: GatewayClient, name: str = "Spokesperson", language: str = "en-us") -> str:
    """Create a clone's rows and files as its job would."""
    gateway = client.gateway
    voice_id = gateway.voices.new_voice_id()
    gateway.storage.put(sample_key(voice_id), b"the sample")
    gateway.storage.put(voice_key(voice_id, "local"), b"the voice")
    with gateway.database.transaction() as tx:
        gateway.voices.register(
            tx,
            profile_id=client.profile_id,
            voice_id=voice_id,
            name=name,
            description="",
            provider="local",
            cloned=ClonedVoice(voice_id, language),
            file_key=voice_key(voice_id, "local"),
            sample_key=sample_key(voice_id),
            remote_name=voice_id,
        )
    return voice_id


def listed(client: GatewayClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{VOICES}{query}")
    assert answer.status_code == 200, answer.text
    voices: list[dict[str, Any]] = answer.json()["data"]["voices"]
    return voices


def files_of(client: GatewayClient, voice_id: str) -> list[int | None]:
    storage = client.gateway.storage
    return [storage.size(sample_key(voice_id)), storage.size(voice_key(voice_id, "local"))]


def test_all_three_providers_are_listed_with_their_flags(client: GatewayClient) -> None:
    providers = client.get(VOICES).json()["data"]["providers"]
    assert [one["provider"] for one in providers] == ["elevenlabs", "minimax", "local"]
    for one in providers:
        assert one["available"] is (one["provider"] == "local")
        assert one["default"] is (one["provider"] == "local")
        assert (one["reason"] is None) is one["available"]
        assert one["sample"]["min_seconds"] >= 3
        assert one["max_text_length"] >= 5000
    local = providers[2]
    assert local["languages"] == list(LANGUAGES)
    assert local["languages"][:7] == ["en-us", "en-gb", "es", "fr-fr", "it", "pt-br", "hi"]
    assert local["supports_voice_cloning"] is True
    assert local["supports_instant_clone"] is True


def test_what_is_not_built_yet_is_not_promised(client: GatewayClient) -> None:
    local = client.get(VOICES).json()["data"]["providers"][2]
    assert local["supports_streaming"] is True
    assert local["voice_settings"] == ["speed"]


def test_an_operators_default_provider_is_marked(make_client: Any) -> None:
    client = make_client(default_provider="minimax")
    providers = client.get(VOICES).json()["data"]["providers"]
    assert [one["provider"] for one in providers if one["default"]] == ["minimax"]
    answer = client.post("/v1/proxy/core-voice-clone", {"audioUrl": "https://media.example.com/a.wav"})
    assert answer.status_code == 503


def test_stock_voices_are_there_for_everybody(client: GatewayClient) -> None:
    voices = {voice["voice_id"]: voice for voice in listed(client)}
    assert voices["af_heart"] == {
        "voice_id": "af_heart",
        "name": "Heart",
        "provider": "local",
        "language": "en-us",
        "gender": "female",
        "cloned": False,
        "kind": "stock",
        "preview_url": None,
        "created_at": None,
        "recipe": None,
    }
    assert len(voices) > 30


def test_own_clones_come_first_and_are_nobody_elses(client: GatewayClient) -> None:
    voice_id = add_clone(client)
    first = listed(client)[0]
    assert (first["voice_id"], first["name"], first["cloned"], first["gender"]) == (
        voice_id,
        "Spokesperson",
        True,
        None,
    )
    assert first["created_at"].endswith("Z")
    assert voice_id not in [voice["voice_id"] for voice in listed(client.another_customer())]


def test_the_list_is_filtered_by_clone_provider_and_language(client: GatewayClient) -> None:
    english, french = add_clone(client), add_clone(client, language="fr-fr")
    every = listed(client)
    assert {voice["voice_id"] for voice in listed(client, "?cloned=true")} == {english, french}
    assert len(listed(client, "?cloned=false")) == len(every) - 2
    assert listed(client, "?provider=local") == every
    assert listed(client, "?provider=elevenlabs") == []
    assert {voice["language"] for voice in listed(client, "?language=fr-fr")} == {"fr-fr"}
    assert {voice["language"] for voice in listed(client, "?language=en")} == {"en-us", "en-gb"}
    assert {voice["language"] for voice in listed(client, "?language=EN-GB")} == {"en-gb"}
    assert listed(client, "?language=en-au") == []
    assert listed(client, "?language=e") == []
    assert [voice["voice_id"] for voice in listed(client, "?cloned=true&language=fr&provider=local")] == [french]


def test_every_listed_voice_can_be_looked_up(client: GatewayClient) -> None:
    add_clone(client)
    for voice in listed(client):
        detail = client.get(f"/v1/voices/{voice['voice_id']}").json()["data"]
        assert {**detail, **voice} == detail
        assert set(detail) - set(voice) == {"description", "pronunciations", "tags"}


def test_a_clone_is_renamed_described_and_tagged(client: GatewayClient) -> None:
    path = f"/v1/voices/{add_clone(client)}"
    answer = client.patch(path, {"name": "  Narrator ", "description": "Calm.", "tags": ["calm", "english"]})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["name"], data["description"], data["tags"]) == ("Narrator", "Calm.", ["calm", "english"])
    assert client.get(path).json()["data"] == data
    assert listed(client, "?cloned=true")[0]["name"] == "Narrator"


def test_what_a_patch_leaves_out_stays(client: GatewayClient) -> None:
    path = f"/v1/voices/{add_clone(client)}"
    client.patch(path, {"name": "A", "description": "B", "tags": ["c"]})
    assert client.patch(path, {"tags": []}).json()["data"]["name"] == "A"
    assert client.patch(path, {"description": ""}).json()["data"]["tags"] == []
    data = client.patch(path, {}).json()["data"]
    assert (data["name"], data["description"], data["tags"]) == ("A", "", [])


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 201},
        {"name": 5},
        {"description": "x" * 1001},
        {"tags": "calm"},
        {"tags": [""]},
        {"tags": ["x" * 51]},
        {"tags": [1]},
        {"tags": ["x"] * 21},
        {"voice_id": "mine"},
        {"cloned": False},
        {"language": "es"},
    ],
    ids=str,
)
def test_a_patch_of_the_wrong_shape_is_422_and_changes_nothing(client: GatewayClient, change: dict[str, Any]) -> None:
    path = f"/v1/voices/{add_clone(client)}"
    before = client.get(path).json()
    assert client.patch(path, change).status_code == 422
    assert client.get(path).json() == before


def test_a_deleted_clone_is_gone_with_its_files(client: GatewayClient) -> None:
    voice_id = add_clone(client)
    assert None not in files_of(client, voice_id)
    answer = client.delete(f"/v1/voices/{voice_id}")
    assert answer.status_code == 200
    assert answer.json() == {"status": "success", "data": {"voice_id": voice_id, "deleted": True, "left": []}}
    assert files_of(client, voice_id) == [None, None]
    assert listed(client, "?cloned=true") == []
    for again in (
        client.get(f"/v1/voices/{voice_id}"),
        client.patch(f"/v1/voices/{voice_id}", {"name": "x"}),
        client.delete(f"/v1/voices/{voice_id}"),
        client.post("/v1/proxy/core-tts", {"text": "Hi", "voice_id": voice_id, "provider": "local"}),
    ):
        assert again.status_code == 404
        assert error_of(again)["code"] == "voice_not_found"


def test_deleting_one_clone_leaves_the_other(client: GatewayClient) -> None:
    gone, kept = add_clone(client), add_clone(client)
    client.delete(f"/v1/voices/{gone}")
    assert [voice["voice_id"] for voice in listed(client, "?cloned=true")] == [kept]
    assert None not in files_of(client, kept)


def test_a_stock_voice_is_not_changed_or_deleted(client: GatewayClient) -> None:
    for answer in (client.patch("/v1/voices/af_heart", {"name": "Mine"}), client.delete("/v1/voices/af_heart")):
        assert answer.status_code == 403
        assert error_of(answer)["code"] == "forbidden"
    assert client.get("/v1/voices/af_heart").json()["data"]["name"] == "Heart"


def test_another_profiles_clone_is_404_for_everything(client: GatewayClient) -> None:
    voice_id = add_clone(client)
    other = client.another_customer()
    for answer in (
        other.get(f"/v1/voices/{voice_id}"),
        other.patch(f"/v1/voices/{voice_id}", {"name": "stolen"}),
        other.delete(f"/v1/voices/{voice_id}"),
        other.post("/v1/proxy/core-tts", {"text": "Hi", "voice_id": voice_id}),
        other.post("/v1/proxy/core-tts", {"text": "Hi", "voice_id": voice_id, "provider": "elevenlabs"}),
    ):
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "voice_not_found"
    assert None not in files_of(client, voice_id)
    assert client.get(f"/v1/voices/{voice_id}").json()["data"]["name"] == "Spokesperson"


@pytest.mark.parametrize("voice_id", ["nobody", "x" * 5000, "%00", "AF_HEART", "af_heart "])
def test_an_unknown_voice_is_404(client: GatewayClient, voice_id: str) -> None:
    assert client.get(f"/v1/voices/{voice_id}").status_code == 404


def test_an_own_clone_asked_for_at_another_provider_is_a_mismatch(client: GatewayClient) -> None:
    answer = client.post("/v1/proxy/core-tts", {"text": "Hi", "voice_id": add_clone(client), "provider": "minimax"})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "voice_provider_mismatch"
    assert "local" in error_of(answer)["message"]


def test_what_a_provider_could_not_remove_is_named_and_removed_later(fake_env: FakeProviderEnv) -> None:
    client = open_client(fake_env.gateway)
    voice_id = add_clone(client)
    fake_env.provider.delete_failure = ProviderFailed("The provider says no.")
    left = client.delete(f"/v1/voices/{voice_id}").json()["data"]["left"]
    assert left == ["local: The provider says no."]
    assert listed(client, "?cloned=true") == []
    assert client.get(f"/v1/voices/{voice_id}").status_code == 404

    assert fake_env.gateway.voices.sweep_deleted() == 0
    assert fake_env.provider.deleted == []
    fake_env.provider.delete_failure = None
    fake_env.gateway.sweeps.clear_pauses()
    assert fake_env.gateway.voices.sweep_deleted() == 1
    assert fake_env.provider.deleted == [voice_id]
    assert files_of(client, voice_id) == [None, None]
    assert fake_env.gateway.voices.sweep_deleted() == 0


def test_a_provider_whose_voices_cannot_be_asked_for_is_left_out_with_a_warning(fake_env: FakeProviderEnv) -> None:
    class VoicelessProvider(type(fake_env.provider)):  # type: ignore[misc]
        def list_voices(self) -> list[StockVoice]:
            raise ProviderFailed("It does not answer.")

    client = open_client(fake_env.gateway)
    voice_id = add_clone(client)
    fake_env.provider.__class__ = VoicelessProvider
    data = client.get(VOICES).json()["data"]
    assert [voice["voice_id"] for voice in data["voices"]] == [voice_id]
    assert data["warnings"] == ["The voices of local are missing: It does not answer."]
    assert client.get(f"/v1/voices/{voice_id}").status_code == 200
