"""Fixtures: the doubles behind real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.testing.doubles import ElevenLabsDouble, MiniMaxDouble, serve_app
from voxport.testing.doubles.speech import encoded

ELEVEN_KEY, MINIMAX_KEY = "xi-good", "sk-api-good"
TRUSTED = httpx2.create_ssl_context()  # loaded once; no test uses TLS


@pytest.fixture
def elevenlabs() -> ElevenLabsDouble:
    return ElevenLabsDouble()


@pytest.fixture
def eleven(elevenlabs: ElevenLabsDouble) -> Iterator[httpx2.Client]:
    """A client of the ElevenLabs double with a valid key."""
    with (
        serve_app(elevenlabs.app) as url,
        httpx2.Client(base_url=url, headers={"xi-api-key": ELEVEN_KEY}, timeout=300, verify=TRUSTED) as client,
    ):
        yield client


@pytest.fixture
def minimax() -> MiniMaxDouble:
    return MiniMaxDouble()


@pytest.fixture
def mini(minimax: MiniMaxDouble) -> Iterator[httpx2.Client]:
    """A client of the MiniMax double with a valid key."""
    headers = {"Authorization": f"Bearer {MINIMAX_KEY}"}
    with (
        serve_app(minimax.app) as url,
        httpx2.Client(base_url=url, headers=headers, timeout=300, verify=TRUSTED) as client,
    ):
        yield client


def recording(seconds: float = 12.0, *, pitch: float = 120.0, codec: str = "wav") -> bytes:
    """Return an audio file with a sine tone. Each pitch stands for a speaker."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return encoded((0.2 * np.sin(2 * np.pi * pitch * time)).astype(np.float32), codec, SAMPLE_RATE, None)
