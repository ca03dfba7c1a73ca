"""Measures calls of providers, of whatever kind, where the gateway makes them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from voxport.errors import VoxportError
from voxport.providers.base import SAMPLE_RATE, Piece, Provider, ResumeTokenInvalid, Utterance, VoiceRef
from voxport.telemetry import metrics
from voxport.telemetry.tracing import Span, continue_trace, headers_for_provider, start_span

T = TypeVar("T")


def observed_speech(provider: Provider, voice: VoiceRef, utterance: Utterance) -> Generator[Piece, None, None]:
    """Speak as `provider.speak`, and measure it."""
    pieces = provider.speak(voice, utterance)
    return observed_audio(provider.name, pieces, lambda piece: piece.audio.size / SAMPLE_RATE)


def observed_audio(provider: str, pieces: Iterable[T], seconds_of: Callable[[T], float]) -> Generator[T, None, None]:
    """Yield the pieces of a provider's audio, and measure them as one call. `seconds_of` returns the length of a piece,
    0 for one that only says that the provider is still waited for. Time that the consumer spends between two pieces
    does not count."""
    began = time.perf_counter()
    provider_seconds, audio_seconds = 0.0, 0.0
    error_code: str | None = None
    source = iter(pieces)
    # The generator may run in several threads in turn: its span is current only while the provider works.
    span = _start_span(provider, "speak")
    parent = span.traceparent
    try:
        while True:
            asked = time.perf_counter()
            try:
                with continue_trace(parent):
                    piece = next(source, None)
            finally:
                provider_seconds += time.perf_counter() - asked
            if piece is None:
                return
            length = seconds_of(piece)
            if length and not audio_seconds:
                metrics.on_first_audio(provider, time.perf_counter() - began)
            audio_seconds += length
            yield piece
    except (GeneratorExit, ResumeTokenInvalid):  # the consumer left, or asked for what can't be resumed
        raise
    except BaseException as error:
        error_code = code_of(error)
        span.fail(error_code)
        raise
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()
        span.set("voxport.audio_seconds", audio_seconds)
        span.end()
        metrics.on_provider_call_end(provider, "speak", provider_seconds, error_code)
        metrics.on_audio(provider, audio_seconds=audio_seconds, provider_seconds=provider_seconds)


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
    span = _start_span(provider, operation)
    try:
        with continue_trace(span.traceparent):
            yield
    except BaseException as error:
        error_code = code_of(error)
        span.fail(error_code)
        raise
    finally:
        span.end()
        metrics.on_provider_call_end(provider, operation, time.perf_counter() - began, error_code)


@contextmanager
def observed_http(host: str, method: str) -> Iterator[tuple[Span, list[tuple[bytes, bytes]]]]:
    """Yield the span of one HTTP request to a host, and the headers that the request needs for it. The path may hold
    ids, so it is not recorded. The block may be a generator's, so the span is not made current."""
    span = start_span(f"{method} {host}", "client")
    span.set("http.request.method", method)
    span.set("server.address", host)
    headers = [(name.encode(), value.encode()) for name, value in headers_for_provider(span).items()]
    try:
        yield span, headers
    except Exception as error:
        span.fail(type(error).__name__)
        raise
    finally:
        span.end()


def _start_span(provider: str, operation: str) -> Span:
    span = start_span(f"provider {operation}")
    span.set("voxport.provider", provider)
    return span


def code_of(error: BaseException) -> str:
    """Return the code of the error's class, of which there are few; an instance may have one of its own."""
    return type(error).code if isinstance(error, VoxportError) else "internal_error"
