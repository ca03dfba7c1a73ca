"""core-tts: a text in a voice, as a file in storage, billed by the second."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxport.accounts.service import Principal
from voxport.billing.calls import Call, Calls
from voxport.catalog import Catalog, ServiceName
from voxport.errors import Invalid, ProviderFailed
from voxport.media.encode import FORMATS, LEAST_SAMPLES, AudioFormat, encode, to_pcm16
from voxport.media.service import MediaService
from voxport.media.storage import Storage
from voxport.providers.base import SAMPLE_RATE
from voxport.providers.registry import Registry
from voxport.voices.service import Speaker, Voices

SERVICE: ServiceName = "core-tts"
TENTH = Decimal("0.1")
_QUIET = frozenset(" \t\n.,;:!?'\"-()")  # make a pause at most
_HOLD_AT_LEAST = Decimal(3)  # seconds; a short text has pauses at both ends


@dataclass(frozen=True)
class SpeechRequest:
    text: str
    voice_id: str
    provider: str | None
    output_format: str


@dataclass(frozen=True)
class PreparedSpeech:
    """A request that nothing speaks against but, perhaps, the money."""

    caller: Principal
    text: str
    speaker: Speaker
    audio_format: AudioFormat


@dataclass(frozen=True)
class SpeechResult:
    """`seconds` is what is billed; amounts in micro-tokens."""

    url: str
    key: str
    provider: str
    seconds: Decimal
    cost: int
    balance: int


class Speech:
    def __init__(
        self,
        catalog: Catalog,
        calls: Calls,
        voices: Voices,
        providers: Registry,
        media: MediaService,
        storage: Storage,
        ffmpeg: Path,
    ) -> None:
        self._catalog = catalog
        self._calls = calls
        self._voices = voices
        self._providers = providers
        self._media = media
        self._storage = storage
        self._ffmpeg = ffmpeg

    def prepare(self, caller: Principal, request: SpeechRequest) -> PreparedSpeech:
        """What can be refused at once. Raises Invalid, NotFound, BadRequest, ProviderUnavailable."""
        require_text(request.text, self._catalog.limits.text_characters)
        speaker = self._voices.resolve(caller.profile_id, request.voice_id, request.provider)
        provider = self._providers.require_available(speaker.provider.name)
        provider.check_text(request.text, speaker.language)
        return PreparedSpeech(caller, request.text, speaker, FORMATS[request.output_format])

    def speak(self, prepared: PreparedSpeech, *, request_id: str) -> SpeechResult:
        """Speak, encode, store, charge. Raises InsufficientCredits, ProviderError; then nothing is stored or
        charged."""
        profile_id, audio_format = prepared.caller.profile_id, prepared.audio_format
        key = self._media.new_speech_key(audio_format.extension)
        with self._calls.hold(
            Call(profile_id, SERVICE, request_id),
            units=self._upper_bound(prepared.text),
            also=lambda tx: self._media.reserve_speech(tx, profile_id, key, audio_format.content_type),
        ) as hold:
            try:
                pcm = self._synthesise(prepared.text, prepared.speaker)
                seconds = billed_seconds(len(pcm))
                data = encode(pcm, audio_format.name, ffmpeg=self._ffmpeg)
                self._storage.put(key, data)
                settled = hold.capture(units=seconds, also=lambda tx: self._media.record_speech(tx, key, len(data)))
            except BaseException:
                self._media.drop(key)
                raise
        return SpeechResult(
            url=self._media.read_url(key),
            key=key,
            provider=prepared.speaker.provider.name,
            seconds=seconds,
            cost=settled.cost,
            balance=settled.balance,
        )

    def _synthesise(self, text: str, speaker: Speaker) -> NDArray[np.int16]:
        pieces = [to_pcm16(piece) for piece in speaker.provider.speak(text, self._voices.reference(speaker))]
        if sum(len(piece) for piece in pieces) < LEAST_SAMPLES:
            raise ProviderFailed(
                f"The provider {speaker.provider.name} made no audio of this text. Nothing was charged."
            )
        return np.concatenate(pieces)

    def _upper_bound(self, text: str) -> Decimal:
        """Seconds of audio that the text stays under."""
        limits = self._catalog.limits
        letters = sum(character.islower() or character in _QUIET for character in text)
        signs = len(text) - letters
        return max(limits.hold_seconds_per_letter * letters + limits.hold_seconds_per_sign * signs, _HOLD_AT_LEAST)


def billed_seconds(samples: int) -> Decimal:
    """The length of the audio in seconds, rounded half up to a tenth, at least 0.1."""
    return max((Decimal(samples) / SAMPLE_RATE).quantize(TENTH, rounding=ROUND_HALF_UP), TENTH)


def require_text(text: str, limit: int) -> None:
    """Raises Invalid for a text that is blank or too long for one call."""
    if not text.strip():
        raise Invalid("The text is empty. Send at least one word.", location=("body", "text"))
    if len(text) > limit:
        raise Invalid(
            f"The text has {len(text):,} characters, and one call takes {limit:,}. Split it at a sentence end.",
            location=("body", "text"),
            details={"limit": limit, "length": len(text)},
        )
