"""Passes a provider's encoded audio on as it comes, without a decoder: it is only measured and checked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from voxport.audio.codec.mp3_frames import Mp3Meter, NotMp3
from voxport.errors import ProviderFailed
from voxport.providers.audio_bounds import MaxLengthCheck, silent_audio_error
from voxport.providers.base import SAMPLE_RATE, RelayedAudio, RelayFormat, Utterance
from voxport.providers.chunked_speech import AudioSource
from voxport.providers.spool import Spool
from voxport.text.sentences import clean_text

_MAX_SILENT_SECONDS: Final = 10.0
"""Allowed before the first sound."""
_SILENT_LEVEL: Final = 33
"""Samples of 16 bits up to this, −60 dB of full scale, are silence."""


def relay(
    utterance: Utterance, audio_format: RelayFormat, source: AudioSource, has_arrived: Callable[[], bool]
) -> Iterator[RelayedAudio]:
    """Speak the text in one call of `source`, which yields `audio_format`. Holds back the beginning until its first
    sound. `has_arrived` says, after the first content, whether no more has to be waited for: then no thread is needed
    that reads the rest. Raises ProviderFailed for audio that is silent, damaged, or too long or short for the text, and
    what the source raises."""
    text = clean_text(utterance.text)
    # The spool counts bytes as PCM's, of which no mp3 has more. The seconds are checked here.
    check, meter = MaxLengthCheck(text, utterance.speed), _PcmMeter() if audio_format == "pcm" else Mp3Meter()
    with Spool(check) as spool:
        rest = source(text)
        beginning = next(rest, b"")
        is_whole = has_arrived()
        if is_whole:
            contents = iter((b"".join((beginning, *rest)),))
        else:
            spool.fill_in_background(rest, beginning)
            contents = spool.contents()
        waiting, counted = b"", 0.0
        for content in contents:
            with _damage_as_provider_failed():
                meter.feed(content)
            check.require_not_longer(meter.seconds)
            waiting += content
            if waiting and not meter.is_sounding and meter.seconds > _MAX_SILENT_SECONDS:
                raise silent_audio_error()
            if is_whole or (waiting and not meter.is_sounding):
                continue
            yield RelayedAudio(waiting, meter.seconds - counted)
            waiting, counted = b"", meter.seconds
        with _damage_as_provider_failed():
            meter.end()
        check.require_not_shorter(meter.seconds)
        if not meter.is_sounding:
            raise silent_audio_error()
        yield RelayedAudio(waiting, meter.seconds - counted, is_last=True)


class _PcmMeter:
    """Measures s16le at 24 kHz."""

    def __init__(self) -> None:
        self._bytes = 0
        self.is_sounding = False

    @property
    def seconds(self) -> float:
        return self._bytes / (2 * SAMPLE_RATE)

    def feed(self, data: bytes) -> None:
        if data and not self.is_sounding:
            start = self._bytes % 2  # the first byte may be the second half of a sample
            samples = np.frombuffer(data, "<i2", count=(len(data) - start) // 2, offset=start)
            self.is_sounding = bool(samples.size) and int(samples.max()) - int(samples.min()) > _SILENT_LEVEL
        self._bytes += len(data)

    def end(self) -> None:
        if self._bytes % 2:
            raise NotMp3


@contextlib.contextmanager
def _damage_as_provider_failed() -> Iterator[None]:
    try:
        yield
    except NotMp3:
        raise ProviderFailed("The provider's audio is damaged. Nothing was charged; try again.") from None
