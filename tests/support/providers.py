"""A provider without an engine, and a gateway that speaks with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.speaker_count import Embed
from voxport.clock import now
from voxport.cloning.handler import CloneHandler
from voxport.cloning.instant import InstantCloning
from voxport.cloning.service import Cloning
from voxport.erasure.service import Erasure
from voxport.errors import VoxportError
from voxport.gateway import Gateway
from voxport.jobs.handler import JobHandler
from voxport.jobs.runner import Runner
from voxport.provider_calls.service import Intents
from voxport.providers.base import (
    NO_SETTINGS,
    SAMPLE_RATE,
    Capabilities,
    ClonedVoice,
    Kept,
    Piece,
    Place,
    PlaceLost,
    Progress,
    Provider,
    StockVoice,
    VoiceRef,
    VoiceSettings,
)
from voxport.providers.base import Audio as Speech
from voxport.providers.registry import Registry
from voxport.samples.loader import Audio, Sample, Samples
from voxport.speech.handler import SpeechHandler
from voxport.speech.service import Speech as SpeechService
from voxport.testing.recordings import GOOD
from voxport.voices.provisioning import Speaking
from voxport.voices.service import Voices


@dataclass
class ToneProvider:
    """Hums instead of speaking: `samples` of a tone for any text, in `pieces` pieces. `failure` is raised by whatever
    is asked, by `speak` before its piece number `fails_at`. `heard` is told of each piece before it is made."""

    name: str = "local"
    samples: int = SAMPLE_RATE
    pieces: int = 1
    fails_at: int = 0
    heard: Callable[[int], None] = lambda _: None
    plan: str = "as ever"
    streams: bool = True
    settings: tuple[str, ...] = ("speed",)
    asked: list[dict[str, Any]] = field(default_factory=list)
    failure: VoxportError | None = None
    text_failure: VoxportError | None = None
    can_clone: bool = True
    stock: list[StockVoice] = field(default_factory=lambda: [StockVoice("hum", "Hum", "en-us", "female")])
    deleted: list[str] = field(default_factory=list)
    delete_failure: VoxportError | None = None
    cloned: list[str] = field(default_factory=list)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            supports_voice_cloning=self.can_clone,
            supports_instant_clone=self.can_clone,
            supports_streaming=self.streams,
            languages=("en-us", "en-gb", "fr-fr"),
            clone_language="en-us",
            max_text_length=5000,
            voice_settings=self.settings,
        )

    def unavailable_reason(self) -> str | None:
        return None

    def list_voices(self) -> list[StockVoice]:
        return list(self.stock)

    def check_text(self, text: str, language: str) -> None:
        if self.text_failure is not None:
            raise self.text_failure

    def clone(
        self, sample: Speech, *, voice_id: str, quick: bool, progress: Progress, kept: Kept | None = None
    ) -> ClonedVoice:
        progress(0.5)
        self._fail()
        self.cloned.append(voice_id)
        return ClonedVoice(voice_id, "en-us", b"a voice")

    def speak(
        self,
        text: str,
        voice: VoiceRef,
        *,
        language: str,
        settings: VoiceSettings = NO_SETTINGS,
        early: bool = False,
        after: Place | None = None,
        client: str = "",
    ) -> Iterator[Piece]:
        asked = {"text": text, "language": language, "settings": dict(settings), "early": early, "after": after}
        self.asked.append({**asked, "client": client})
        if after is not None and after["plan"] != self.plan:
            raise PlaceLost
        wave = (np.sin(np.arange(self.samples) * 2 * np.pi * 220 / SAMPLE_RATE) * 0.5).astype(np.float32)
        for number, audio in enumerate(np.array_split(wave, self.pieces)):
            if after is not None and number < after["next"]:
                continue
            if number >= self.fails_at:
                self._fail()
            self.heard(number)
            yield Piece(audio, (number + 1) / self.pieces, {"plan": self.plan, "next": number + 1})

    def embed_each(self, clips: Sequence[Speech]) -> NDArray[np.float32]:
        return np.full((len(clips), 4), 0.5, np.float32)

    def delete(self, voice: VoiceRef) -> None:
        if self.delete_failure is not None:
            raise self.delete_failure
        self.deleted.append(voice.provider_voice_id)

    def forget(self, voice_id: str) -> None:
        self.delete(VoiceRef(voice_id))

    def circuit(self) -> None:
        return None

    def start(self) -> None:
        return None

    def close(self) -> None:
        return None

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class AnySample(Samples):
    """Takes whatever was uploaded for a minute of good speech; `warnings` are found in it."""

    warnings: tuple[str, ...] = ()
    failure: VoxportError | None = None

    def load(self, key: str, *, speech: str | None = None) -> Audio:
        return np.zeros(12 * SAMPLE_RATE, np.float32)

    def check(self, audio: Audio) -> Sample:
        if self.failure is not None:
            raise self.failure
        return Sample(audio, dataclasses.replace(GOOD, warnings=self.warnings))


@dataclass(frozen=True)
class Humming:
    """A gateway whose `local` provider is the tone."""

    gateway: Gateway
    provider: ToneProvider
    samples: AnySample
    handler: CloneHandler


def hum(gateway: Gateway, provider: ToneProvider | None = None) -> Humming:
    """The same gateway with services that speak by a tone and find every sample good."""
    provider = provider or ToneProvider()
    samples = AnySample(*samples_of(gateway, provider.embed_each))
    others = [one for one in gateway.providers.all() if one.name != provider.name]
    humming = rejoined(gateway, [*others, provider], samples)
    handler = humming.handlers[0]
    assert isinstance(handler, CloneHandler)
    return Humming(humming, provider, samples, handler)


def samples_of(gateway: Gateway, embed: Embed) -> tuple[Any, ...]:
    """What the gateway's Samples are made of."""
    ffmpeg = find_ffmpeg(gateway.settings.ffmpeg)
    return (gateway.settings, gateway.catalog, gateway.storage, gateway.media, gateway.signer, ffmpeg, embed)


def rejoined(
    gateway: Gateway, providers: list[Provider], samples: Samples, *, clock: Callable[[], datetime] = now
) -> Gateway:
    """The same gateway with services that know other providers and samples."""
    registry = Registry(providers, gateway.settings.default_provider, gateway.settings.provider_order)
    calls, ffmpeg = gateway.calls, find_ffmpeg(gateway.settings.ffmpeg)
    voices = Voices(gateway.database, gateway.storage, registry, clock=clock)
    release_after = timedelta(minutes=gateway.settings.unknown_outcome_minutes)
    intents = Intents(
        gateway.database, gateway.billing, calls, gateway.jobs, registry, release_after=release_after, clock=clock
    )
    keep_alive = timedelta(days=gateway.settings.voice_keep_alive_days)
    speaking = Speaking(gateway.database, voices, samples, intents, registry, keep_alive=keep_alive, clock=clock)
    handlers: list[JobHandler] = [
        CloneHandler(gateway.jobs, samples, gateway.storage, registry, voices, speaking, intents),
    ]
    speech = (voices, speaking, intents, registry, gateway.media, gateway.storage, ffmpeg)
    handlers.append(SpeechHandler(gateway.jobs, *speech))
    return dataclasses.replace(
        gateway,
        providers=registry,
        voices=voices,
        speaking=speaking,
        intents=intents,
        cloning=Cloning(gateway.billing, gateway.jobs, samples, registry, voices, gateway.consents),
        instant=InstantCloning(
            gateway.catalog, calls, samples, registry, voices, speaking, intents, gateway.consents, gateway.moderation
        ),
        speech=SpeechService(gateway.catalog, gateway.billing, calls, gateway.jobs, *speech, gateway.moderation),
        erasure=Erasure(
            gateway.database,
            gateway.accounts,
            gateway.billing,
            gateway.jobs,
            Runner(gateway.jobs, handlers),
            intents,
            voices,
            gateway.media,
            others=[gateway.consents.blank, gateway.idempotency.erase, gateway.webhooks.erase],
        ),
        handlers=handlers,
    )
