"""Opens Voxport's own providers without costs: the local one directly, the hosted ones against their doubles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from voxport.catalog import load_catalog
from voxport.engine import EngineProcess
from voxport.providers.base import Provider
from voxport.providers.elevenlabs import ElevenLabs
from voxport.providers.local import LocalProvider
from voxport.providers.minimax import MiniMax
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, MiniMaxAccount, MiniMaxDouble, serve_app

_KEY: Final = "a-key-of-the-conformance-suite"
_FIT_STEPS: Final = 1
"""The suite doesn't test how similar a clone is to its speaker."""


@contextmanager
def local() -> Iterator[Provider]:
    limits = load_catalog().limits
    provider = LocalProvider(
        EngineProcess(),
        lambda: EngineProcess(fit_steps=_FIT_STEPS),
        max_text_length=limits.text_characters,
        sample_min_seconds=limits.sample_min_speech_seconds,
        sample_max_seconds=limits.sample_max_seconds,
    )
    try:
        yield provider
    finally:
        provider.close()


@contextmanager
def elevenlabs() -> Iterator[Provider]:
    account = ElevenLabsAccount()
    account.keys = {_KEY: next(iter(account.keys.values()))}
    with serve_app(ElevenLabsDouble(account).app) as url:
        provider = ElevenLabs(_KEY, base_url=url, tag="conformance", max_text_length=5_000)
        try:
            yield provider
        finally:
            provider.close()


@contextmanager
def minimax() -> Iterator[Provider]:
    with serve_app(MiniMaxDouble(MiniMaxAccount(keys={_KEY})).app) as url:
        provider = MiniMax(_KEY, base_url=url, tag="conformance", max_text_length=5_000)
        try:
            yield provider
        finally:
            provider.close()
