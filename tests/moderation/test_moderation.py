"""Moderation: an entry point of another package, called before a text gets a hold, is synthesized or is queued."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import with_fake_provider
from voxport.gateway import ConfigError

TTS = "/v1/proxy/core-tts"
INSTANT = "/v1/proxy/core-instant-clone-tts"
PACKAGE = '''
import threading

ASKED = []
END = threading.Event()

def check(text, *, profile_id, voice_id, service):
    """What an operator would write."""
    ASKED.append((text, profile_id, voice_id, service))
    if "slow" in text:
        END.wait(120)
    if "crash" in text:
        raise RuntimeError("no such model: /srv/secret")
    if "odd" in text:
        return True
    if "badword" in text:
        return "This text is against the rules of Acme."
'''


@pytest.fixture
def moderation_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Install a package `acme_moderation` as pip would. Yields the list of its calls."""
    site = tmp_path / "site"
    (site / "acme_moderation-1.0.dist-info").mkdir(parents=True)
    (site / "acme_moderation.py").write_text(PACKAGE)
    info = site / "acme_moderation-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-moderation\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[voxport.moderation]\nacme = acme_moderation:check\nbroken = acme_moderation:nothing\n"
        "missing = nobody_has_this:check\n"
    )
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "acme_moderation", raising=False)
    import acme_moderation  # type: ignore[import-not-found]  # written above

    yield acme_moderation.ASKED
    acme_moderation.END.set()


@pytest.fixture
def moderated(make_gateway: MakeGateway, moderation_calls: list[Any]) -> GatewayClient:
    return open_client(with_fake_provider(make_gateway, moderation="acme", moderation_timeout=60).gateway)


def speech_calls(client: GatewayClient, text: str) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    speech = {"text": text, "voice_id": "hum", "output_format": "wav"}
    instant = {"audioUrl": client.upload()["public_url"], "text": text, "provider": "local"}
    return [
        (TTS, speech, {}),
        (TTS, {**speech, "stream": True}, {}),
        (TTS, speech, {"Prefer": "respond-async"}),
        (INSTANT, instant, {}),
    ]


def untouched(client: GatewayClient) -> None:
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    assert client.get("/v2/jobs").json()["data"] == []


def test_a_refused_text_is_not_spoken_in_any_way_and_the_sentence_is_the_operators(moderated: GatewayClient) -> None:
    for path, body, headers in speech_calls(moderated, "A badword."):
        answer = moderated.post(path, body, headers=headers)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "refused_by_moderation")
        assert error_of(answer)["message"] == "This text is against the rules of Acme."
    untouched(moderated)


@pytest.mark.usefixtures("moderation_calls")
@pytest.mark.parametrize("text", ["crash", "slow", "odd"])
def test_what_is_not_judged_is_never_waved_through(make_gateway: MakeGateway, text: str) -> None:
    timeout = 0.2 if text == "slow" else 60
    moderated = open_client(with_fake_provider(make_gateway, moderation="acme", moderation_timeout=timeout).gateway)
    for path, body, headers in speech_calls(moderated, text):
        answer = moderated.post(path, body, headers=headers)
        assert (answer.status_code, error_of(answer)["code"]) == (503, "moderation_unavailable")
        assert answer.headers["Retry-After"]
        assert "secret" not in answer.text
    untouched(moderated)


def test_a_good_text_is_spoken_and_each_way_is_asked_about(
    moderated: GatewayClient, moderation_calls: list[Any]
) -> None:
    statuses = [
        moderated.post(path, body, headers=h).status_code for path, body, h in speech_calls(moderated, "Hello.")
    ]
    assert statuses == [200, 200, 202, 200]
    assert moderation_calls == [
        *[("Hello.", moderated.profile_id, "hum", "core-tts")] * 3,
        ("Hello.", moderated.profile_id, None, "core-instant-clone-tts"),
    ]


def test_it_is_not_asked_about_what_is_refused_anyway(moderated: GatewayClient, moderation_calls: list[Any]) -> None:
    assert moderated.post(TTS, {"text": "Hi", "voice_id": "nobody"}).status_code == 404
    assert moderated.post(TTS, {"text": " ", "voice_id": "hum"}).status_code == 422
    assert moderation_calls == []


@pytest.mark.parametrize("name", ["nobody", "broken", "missing"])
def test_a_gateway_whose_moderation_is_not_there_does_not_open(
    make_gateway: MakeGateway, moderation_calls: list[Any], name: str
) -> None:
    with pytest.raises(ConfigError, match=f"VOXPORT_MODERATION.*{name}"):
        make_gateway(moderation=name)
