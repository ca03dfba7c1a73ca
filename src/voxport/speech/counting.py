"""Counts the audio of a call while it is passed on, so that what was made is charged."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TypeVar

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.wav import to_pcm16
from voxport.provider_calls.call_journal import CallJournal
from voxport.providers.base import Piece, RelayedAudio
from voxport.speech.progress import SynthesisProgress
from voxport.speech.timestamps import shifted

T = TypeVar("T")


def counted(
    pieces: Generator[Piece, None, None], progress: SynthesisProgress, journal: CallJournal
) -> Generator[Pcm, None, None]:
    """Yield the samples and count them. Raises ListenerLeft, and ProviderTimeout once another process has taken the
    call over."""
    with contextlib.closing(pieces):
        for piece in pieces:
            progress.words += shifted(piece.words, progress.samples / SAMPLE_RATE)
            progress.samples += piece.audio.size
            journal.require_live()
            progress.require_listener()
            if piece.audio.size:
                yield to_pcm16(piece.audio)


def counted_relay(
    pieces: Generator[RelayedAudio, None, None], header: bytes, progress: SynthesisProgress, journal: CallJournal
) -> Generator[bytes, None, None]:
    """Yield the header and the provider's bytes, and count its seconds as samples. Raises as `counted` does."""
    seconds = 0.0
    with contextlib.closing(pieces):
        for piece in pieces:
            seconds += piece.seconds
            progress.samples, progress.has_all = round(seconds * SAMPLE_RATE), piece.is_last
            journal.require_live()
            if progress.samples:  # before its first sound, a call whose client has left goes on: it will be billed
                progress.require_listener()
            if piece.content:
                yield header + piece.content
                header = b""


def observed(pieces: Generator[Pcm, None, None], on_audio: Callable[[Pcm], None]) -> Generator[Pcm, None, None]:
    """Yield the samples, and call `on_audio` with them first; closing this one closes `pieces`."""
    with contextlib.closing(pieces):
        for samples in pieces:
            on_audio(samples)
            yield samples


def resumed(first: T, rest: Generator[T, None, None]) -> Generator[T, None, None]:
    """Yield what a generator yielded first, and the rest of it; closing this one closes it."""
    with contextlib.closing(rest):
        yield first
        yield from rest
