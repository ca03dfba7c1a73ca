"""Measures calls of providers, of whatever kind, where the gateway makes them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager

from voxport.errors import VoxportError
from voxport.providers.base import SAMPLE_RATE, Piece, Provider, ResumeTokenInvalid, Utterance, VoiceRef
from voxport.telemetry import metrics


def observed_speech(provider: Provider, voice: VoiceRef, utterance: Utterance) -> Generator[Piece, None, None]:
    """Speak as `provider.speak`, and measure it. Time that the consumer spends between two pieces does not count."""
    began = time.perf_counter()
    seconds, samples = 0.0, 0
    error_code: str | None = None
    pieces = iter(provider.speak(voice, utterance))
    try:
        while True:
            asked = time.perf_counter()
            try:
                piece = next(pieces, None)
            finally:
                seconds += time.perf_counter() - asked
            if piece is None:
                return
            if piece.audio.size and not samples:
                metrics.on_first_audio(provider.name, time.perf_counter() - began)
            samples += piece.audio.size
            yield piece
    except (GeneratorExit, ResumeTokenInvalid):  # the consumer left, or asked for what can't be resumed
        raise
    except BaseException as error:
        error_code = code_of(error)
        raise
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
        metrics.on_provider_call_end(provider.name, "speak", seconds, error_code)
        metrics.on_audio(provider.name, audio_seconds=samples / SAMPLE_RATE, provider_seconds=seconds)


def observed_call(provider: Provider, operation: str) -> AbstractContextManager[None]:
    """Measure a call of a provider that returns no audio: `clone`, `instant_clone` or `delete`."""
    return _observed(provider.name, operation)


def observed_request(provider: str) -> AbstractContextManager[None]:
    """Measure a free request to a hosted provider, with its retries."""
    return _observed(provider, "request")


@contextmanager
def observed_slot(provider: str, slot: AbstractContextManager[None]) -> Iterator[None]:
    """Hold the slot for the block, and measure how long the call waited for it."""
    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(slot)
        finally:
            metrics.on_slot_wait_end(provider, time.perf_counter() - began)
        yield


@contextmanager
def _observed(provider: str, operation: str) -> Iterator[None]:
    began = time.perf_counter()
    error_code: str | None = None
    try:
        yield
    except BaseException as error:
        error_code = code_of(error)
        raise
    finally:
        metrics.on_provider_call_end(provider, operation, time.perf_counter() - began, error_code)


def code_of(error: BaseException) -> str:
    """Return the code of the error's class, of which there are few; an instance may have one of its own."""
    return type(error).code if isinstance(error, VoxportError) else "internal_error"
