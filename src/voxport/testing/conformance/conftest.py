"""Fixtures: the registered providers, each opened once, and voices and samples for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import cast

import numpy as np
import pytest

from voxport.providers.base import Audio, ClonedVoice, Provider, VoiceRef
from voxport.testing.doubles.speech import synthesize

GROUP = "voxport.conformance"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "provider" in metafunc.fixturenames:
        names = sorted({point.name for point in entry_points(group=GROUP)})
        wanted = metafunc.config.getoption("--provider")
        if wanted is not None and wanted not in names:
            raise pytest.UsageError(f"no provider {wanted!r} is registered in {GROUP!r}; there are: {', '.join(names)}")
        metafunc.parametrize("provider", names if wanted is None else [wanted], indirect=True, scope="session")


@pytest.fixture(scope="session")
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """A registered provider, open."""
    (point,) = [point for point in entry_points(group=GROUP) if point.name == request.param]
    with cast(AbstractContextManager[Provider], point.load()()) as opened:
        yield opened


@pytest.fixture(scope="session")
def sample() -> Audio:
    """Twelve seconds of clean speech of one speaker."""
    return synthesize("a" * 200, 0)


@pytest.fixture(scope="session")
def other_sample() -> Audio:
    """The same words at another pitch."""
    audio = synthesize("a" * 240, 0)
    return np.asarray(np.interp(np.arange(0, audio.size, 1.25), np.arange(audio.size), audio), np.float32)


@pytest.fixture(scope="session")
def voice(provider: Provider, sample: Audio) -> VoiceRef:
    """A voice to speak with: a stock voice if there is one, else a clone."""
    stock = provider.list_voices()
    if stock:
        return VoiceRef(stock[0].voice_id)
    return reference(provider.clone(sample, voice_id="conformance0", instant=True, on_progress=lambda _: None))


def reference(cloned: ClonedVoice) -> VoiceRef:
    return VoiceRef(cloned.provider_voice_id, cloned.file)
