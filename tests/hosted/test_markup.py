"""Markup and dictionaries at hosted providers: what they are sent, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import error_of
from tests.support.hosted_env import HostedEnv
from voxport.providers.billed_client import BilledClient

TTS = "/v1/proxy/core-tts"
STOCK = {"elevenlabs": "21m00Tcm4TlvDq8ikWAM", "minimax": "English_expressive_narrator"}
PAUSES = {
    "elevenlabs": ('<break time="1.0s" />', '<break time="2.5s" /> <break time="2.5s" />'),
    "minimax": ("<#1.00#>", "<#5.00#>"),
}
SSML = (
    '<speak xml:lang="en-US"><p>Tea &amp; <sub alias="World Wide Web">WWW</sub>.<break time="1s"/> Then '
    '<say-as interpret-as="characters">AB</say-as>.</p><s>No mark</s><s>Go</s><break time="5s"/>Now.</speak>'
)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are sent to providers."""
    texts = list[str]()
    original = BilledClient.send_billed

    def spy(self: BilledClient, client: str, path: str, *args: Any, **request: Any) -> Any:
        texts.append(request["json"]["text"])
        return original(self, client, path, *args, **request)

    monkeypatch.setattr(BilledClient, "send_billed", spy)
    return texts


def body(provider: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"text": text, "voice_id": STOCK[provider], "provider": provider, **fields}


@pytest.mark.parametrize("provider", STOCK)
def test_markup_is_sent_as_the_provider_takes_it(hosted_env: HostedEnv, sent: list[str], provider: str) -> None:
    short, long = PAUSES[provider]
    answer = hosted_env.client.post(TTS, body(provider, SSML, markup="ssml"))
    assert answer.status_code == 200, answer.text
    assert " ".join(" ".join(sent).split()) == f"Tea & World Wide Web. {short} Then A, B. No mark. Go. {long} Now."
    previewed = hosted_env.client.post("/v1/text/preview", body(provider, SSML, markup="ssml")).json()["data"]
    assert short in previewed["spoken"]
    assert previewed["phonemes"] is None


@pytest.mark.parametrize("provider", STOCK)
@pytest.mark.parametrize("way", ["file", "stream", "job"])
def test_an_alias_is_sent_in_place_of_its_word(hosted_env: HostedEnv, sent: list[str], provider: str, way: str) -> None:
    rules = [{"match": "Nguyen", "alias": "win"}, {"match": "Aoife", "ipa": "ˈiːfə"}]
    made = hosted_env.client.post("/v1/pronunciations", {"name": "N", "language": "en", "rules": rules}).json()["data"]
    fields = body(provider, "Nguyen came home late today.", pronunciations=[made["id"]], stream=way == "stream")
    answer = hosted_env.client.post(TTS, fields, headers={"Prefer": "respond-async"} if way == "job" else {})
    if way == "job":
        assert hosted_env.run(answer)["status"] == "completed"
    assert sent == ["win came home late today."]
    refused = hosted_env.client.post(TTS, {**fields, "text": "Aoife came."})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "pronunciations"]
    assert error_of(refused)["details"] == {"match": "Aoife"}


@pytest.mark.parametrize("provider", STOCK)
@pytest.mark.parametrize(
    ("text", "named", "position"),
    [
        ('Hi <prosody rate="fast">you</prosody>', "<prosody>", 3),
        ("Hi <emphasis>you</emphasis>", "<emphasis>", 3),
        ('Hi <lang xml:lang="fr">toi</lang>', "<lang>", 3),
        ('Hi <voice name="x">you</voice>', "<voice>", 3),
        ('<phoneme ph="a">you</phoneme>', "<phoneme>", 0),
        ('Hi <p xml:lang="fr">toi</p>', "<p>", 3),
    ],
)
def test_a_tag_that_the_provider_does_not_honour_is_refused_by_name_and_position(
    hosted_env: HostedEnv, sent: list[str], provider: str, text: str, named: str, position: int
) -> None:
    answer = hosted_env.client.post(TTS, body(provider, text, markup="ssml"))
    assert answer.status_code == 422
    assert named in error_of(answer)["message"]
    assert error_of(answer)["details"]["position"] == position
    assert sent == []


def test_the_tags_of_each_provider_are_listed(hosted_env: HostedEnv) -> None:
    providers = hosted_env.client.get("/v1/proxy/core-tts-voices").json()["data"]["providers"]
    tags = {one["provider"]: one["markup_tags"] for one in providers}
    assert tags["elevenlabs"] == tags["minimax"] == ["speak", "p", "s", "break", "sub", "say-as"]
    assert all(one["supports_timestamps"] is False for one in providers)


def test_say_as_of_a_language_without_its_words_is_refused(hosted_env: HostedEnv) -> None:
    text = '<say-as interpret-as="ordinal">3</say-as> Tag'
    answer = hosted_env.client.post(TTS, body("minimax", text, markup="ssml", language="de"))
    assert answer.status_code == 422
    assert "<say-as>" in error_of(answer)["message"]
