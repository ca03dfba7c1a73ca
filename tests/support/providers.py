"""A provider without an engine, and a gateway that speaks with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxport.cloning.handler import CloneHandler
from voxport.cloning.instant import InstantCloning
from voxport.cloning.service import Cloning
from voxport.errors import VoxportError
from voxport.gateway import Gateway
from voxport.media.ffmpeg import find_ffmpeg
from voxport.media.sample import SampleReport
from voxport.media.samples import Audio, Sample, Samples
from voxport.providers.base import (
    SAMPLE_RATE,
    Capabilities,
    ClonedVoice,
    Kept,
    Piece,
    Place,
    PlaceLost,
    Progress,
    StockVoice,
    VoiceRef,
)
from voxport.providers.base import Audio as Speech
from voxport.providers.registry import Registry
from voxport.providers.remote import elevenlabs, minimax
from voxport.speech.handler import SpeechHandler
from voxport.speech.service import Speech as SpeechService
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
        speed: float = 1.0,
        early: bool = False,
        after: Place | None = None,
    ) -> Iterator[Piece]:
        self.asked.append({"text": text, "language": language, "speed": speed, "early": early, "after": after})
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

    def embed(self, audio: Speech) -> NDArray[np.float32]:
        return np.full(4, 0.5, np.float32)

    def delete(self, voice: VoiceRef) -> None:
        if self.delete_failure is not None:
            raise self.delete_failure
        self.deleted.append(voice.provider_voice_id)

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

    def load(self, key: str) -> Audio:
        return np.zeros(SAMPLE_RATE, np.float32)

    def check(self, audio: Audio) -> Sample:
        if self.failure is not None:
            raise self.failure
        report = SampleReport(
            duration_seconds=60.0,
            speech_seconds=50.0,
            speech_begin_seconds=0.0,
            speech_end_seconds=60.0,
            level_dbfs=-20.0,
            peak=0.5,
            clipped_share=0.0,
            snr_db=40.0,
            bandwidth_hz=11_000.0,
            decay_seconds=0.25,
            several_speakers=False,
            warnings=self.warnings,
        )
        return Sample(audio, report)


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
    registry = Registry([elevenlabs(), minimax(), provider], gateway.settings.default_provider)
    calls = gateway.calls
    ffmpeg = find_ffmpeg(gateway.settings.ffmpeg)
    samples = AnySample(
        gateway.settings, gateway.catalog, gateway.storage, gateway.media, gateway.signer, ffmpeg, provider.embed
    )
    voices = Voices(gateway.database, gateway.storage, registry)
    handler = CloneHandler(gateway.jobs, samples, gateway.storage, registry, voices)
    humming = dataclasses.replace(
        gateway,
        providers=registry,
        voices=voices,
        cloning=Cloning(gateway.billing, gateway.jobs, samples, registry, voices),
        instant=InstantCloning(gateway.catalog, calls, samples, registry, voices),
        speech=SpeechService(
            gateway.catalog,
            gateway.billing,
            calls,
            gateway.jobs,
            voices,
            registry,
            gateway.media,
            gateway.storage,
            ffmpeg,
        ),
        handlers=[handler, SpeechHandler(gateway.jobs, voices, registry, gateway.media, gateway.storage, ffmpeg)],
    )
    return Humming(humming, provider, samples, handler)
