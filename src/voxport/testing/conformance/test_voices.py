"""Tests of a provider's description, and of the voices that it creates, stores and deletes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from voxport.errors import VoxportError
from voxport.providers.base import SAMPLE_RATE, Audio, ClonedVoice, Provider, Utterance, VoiceRef
from voxport.providers.ids import is_id, is_stock_id
from voxport.testing.conformance.conftest import reference

TEXT = "The ferry leaves the island at seven in the morning."
SETTINGS = {"stability", "similarity_boost", "style", "speed"}


class Stopped(Exception):
    pass


def require_cloning(provider: Provider) -> None:
    if not provider.capabilities().supports_instant_clone:
        pytest.skip("it does not clone")


def quick_clone(provider: Provider, sample: Audio, voice_id: str) -> ClonedVoice:
    return provider.clone(sample, voice_id=voice_id, instant=True, on_progress=lambda _: None)


@pytest.fixture(scope="session")
def cloned(provider: Provider, sample: Audio) -> Iterator[ClonedVoice]:
    """An instant clone, shared by all tests that only examine it or speak with it."""
    require_cloning(provider)
    created = quick_clone(provider, sample, "conformance-id")
    yield created
    provider.delete(reference(created))


def spoken(provider: Provider, voice: VoiceRef) -> Audio:
    utterance = Utterance(TEXT, provider.capabilities().clone_language)
    return np.concatenate([piece.audio for piece in provider.speak(voice, utterance)])


def test_it_has_a_name_that_fits_into_a_request(provider: Provider) -> None:
    assert provider.name == provider.name.lower().strip()
    assert provider.name.replace("-", "").replace("_", "").isalnum()


def test_it_can_be_asked_here(provider: Provider) -> None:
    assert provider.unavailable_reason() is None


def test_the_ids_of_its_stock_voices_fit_into_a_request(provider: Provider) -> None:
    assert all(is_stock_id(voice.voice_id) for voice in provider.list_voices())


def test_the_id_of_a_clone_fits_into_a_path(cloned: ClonedVoice) -> None:
    assert is_id(cloned.provider_voice_id)


def test_its_capabilities_fit_together(provider: Provider) -> None:
    can = provider.capabilities()
    assert can.languages
    assert len(set(can.languages)) == len(can.languages)
    assert can.clone_language in can.languages
    assert can.max_text_length > 0
    assert set(can.voice_settings) <= SETTINGS
    assert 0 < can.sample_min_seconds < can.sample_max_seconds


def test_its_stock_voices_are_each_there_once(provider: Provider) -> None:
    voices = provider.list_voices()
    assert len({voice.voice_id for voice in voices}) == len(voices)
    for voice in voices:
        assert voice.voice_id
        assert voice.name
        assert voice.language.split("-")[0] in {
            language.split("-")[0] for language in provider.capabilities().languages
        }
        assert voice.gender in ("female", "male", "neutral", None)


def test_a_clone_speaks(provider: Provider, cloned: ClonedVoice) -> None:
    assert cloned.language in provider.capabilities().languages
    assert spoken(provider, reference(cloned)).size / SAMPLE_RATE > 1.0


def test_a_clone_asked_for_twice_is_one_voice(provider: Provider, sample: Audio, cloned: ClonedVoice) -> None:
    assert quick_clone(provider, sample, "conformance-id").provider_voice_id == cloned.provider_voice_id


def test_two_speakers_are_two_voices(provider: Provider, other_sample: Audio, cloned: ClonedVoice) -> None:
    other = quick_clone(provider, other_sample, "conformance4")
    assert (cloned.provider_voice_id, cloned.file) != (other.provider_voice_id, other.file)
    assert not np.array_equal(spoken(provider, reference(cloned)), spoken(provider, reference(other)))
    provider.delete(reference(other))


def test_a_clone_is_nobody_s_stock_voice(provider: Provider, cloned: ClonedVoice) -> None:
    assert cloned.provider_voice_id not in {voice.voice_id for voice in provider.list_voices()}


def test_a_voice_may_be_removed_twice(provider: Provider, sample: Audio) -> None:
    require_cloning(provider)
    cloned = quick_clone(provider, sample, "conformance6")
    for _ in range(2):
        provider.delete(reference(cloned))


def test_a_voice_that_was_removed_can_be_made_again(provider: Provider, sample: Audio) -> None:
    require_cloning(provider)
    provider.delete(reference(quick_clone(provider, sample, "conformance10")))
    again = quick_clone(provider, sample, "conformance10")
    assert spoken(provider, reference(again)).size
    provider.delete(reference(again))


def test_what_was_made_under_a_name_can_be_forgotten_by_it(provider: Provider, sample: Audio) -> None:
    require_cloning(provider)
    cloned = quick_clone(provider, sample, "conformance11")
    provider.forget("conformance11")
    provider.forget("conformance11")
    provider.forget("conformance12")  # never created
    if cloned.file is None:
        with pytest.raises(VoxportError):
            spoken(provider, reference(cloned))


def test_its_circuit_is_closed_while_all_is_well(provider: Provider) -> None:
    hosted = provider.capabilities().is_hosted
    assert provider.circuit() == ("closed" if hosted else None)


def test_a_voice_that_is_gone_is_told_as_an_error_of_the_caller_s(provider: Provider, sample: Audio) -> None:
    require_cloning(provider)
    cloned = quick_clone(provider, sample, "conformance7")
    if cloned.file is not None:
        pytest.skip("its voices are files, which the gateway keeps")
    provider.delete(reference(cloned))
    with pytest.raises(VoxportError):
        spoken(provider, reference(cloned))


def test_a_persistent_clone_tells_how_far_it_is_and_speaks(provider: Provider, sample: Audio) -> None:
    if not provider.capabilities().supports_voice_cloning:
        pytest.skip("it makes no persistent clones here")
    heard: list[float] = []
    cloned = provider.clone(sample, voice_id="conformance8", instant=False, on_progress=heard.append)
    assert len(heard) >= 2
    assert heard == sorted(heard)
    assert heard[0] >= 0.0
    assert heard[-1] <= 1.0
    assert spoken(provider, reference(cloned)).size / SAMPLE_RATE > 1.0
    provider.delete(reference(cloned))


def test_a_persistent_clone_can_be_stopped(provider: Provider, sample: Audio) -> None:
    if not provider.capabilities().supports_voice_cloning:
        pytest.skip("it makes no persistent clones here")

    def stop(_: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        provider.clone(sample, voice_id="conformance9", instant=False, on_progress=stop)


def test_starting_it_again_does_no_harm(provider: Provider) -> None:
    provider.start()
    provider.start()
    assert provider.capabilities().languages
