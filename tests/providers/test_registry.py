"""Selection of the provider, and the errors of unavailable providers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.fake_provider import FakeProvider
from voxport.errors import BadRequest, ProviderUnavailable
from voxport.providers.base import Utterance, VoiceRef
from voxport.providers.registry import Registry
from voxport.providers.unavailable import UnavailableProvider


def elevenlabs() -> UnavailableProvider:
    return UnavailableProvider("elevenlabs", "no key is configured")


def minimax() -> UnavailableProvider:
    return UnavailableProvider("minimax", "no key is configured")


def registry(default: str | None = None, **local: bool) -> Registry:
    return Registry([elevenlabs(), minimax(), FakeProvider(**local)], default)  # type: ignore[arg-type]


def test_without_an_account_local_is_the_default() -> None:
    assert registry().default_name() == "local"


def test_elevenlabs_is_the_default_as_soon_as_it_can_be_used() -> None:
    usable = Registry([FakeProvider(name="elevenlabs"), minimax(), FakeProvider()], None)
    assert usable.default_name() == "elevenlabs"


def test_the_setting_goes_before() -> None:
    assert registry("minimax").default_name() == "minimax"


@pytest.mark.parametrize("name", ["elevenlabs", "minimax"])
def test_a_provider_that_cannot_be_asked_is_unavailable_with_its_reason(name: str) -> None:
    with pytest.raises(ProviderUnavailable, match=f"{name} can't be used"):
        registry().require_available(name)
    with pytest.raises(ProviderUnavailable):
        registry().require_cloning(name, instant=True)


@pytest.mark.parametrize("instant", [True, False])
def test_a_provider_that_does_not_clone_says_where_to_look(instant: bool) -> None:
    with pytest.raises(BadRequest, match="core-tts-voices") as refusal:
        registry(can_clone=False).require_cloning("local", instant=instant)
    assert refusal.value.code == "provider_cannot_clone"


@pytest.mark.parametrize("provider", [elevenlabs(), minimax()], ids=lambda one: one.name)
def test_whatever_a_closed_provider_is_asked_it_is_unavailable(provider: object) -> None:
    one = registry().get(getattr(provider, "name", ""))
    voice = VoiceRef("x")
    with pytest.raises(ProviderUnavailable):
        one.check_text("Hi", "en")
    with pytest.raises(ProviderUnavailable):
        one.clone(np.zeros(1, np.float32), voice_id="x", instant=True, on_progress=lambda _: None)
    with pytest.raises(ProviderUnavailable):
        list(one.speak(voice, Utterance("Hi", "en")))
    with pytest.raises(ProviderUnavailable):
        one.delete(voice)
    assert one.list_voices() == []
