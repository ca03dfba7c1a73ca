"""A provider without an engine, and a gateway that uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voxport.errors import VoxportError
from voxport.gateway import Gateway
from voxport.providers.base import (
    SAMPLE_RATE,
    Capabilities,
    Checkpoint,
    ClonedVoice,
    Piece,
    ProgressCallback,
    Provider,
    ResumeTokenInvalid,
    StockVoice,
    Utterance,
    VoiceDesign,
    VoiceRef,
)
from voxport.providers.base import Audio as Speech
from voxport.samples.loader import Audio, Sample, SampleLoader
from voxport.testing.sample_reports import GOOD_REPORT


@dataclass
class FakeProvider(Provider):
    """Returns a 220 Hz tone instead of speech: `samples` samples for any text, in `pieces` pieces.

    `failure` is raised by `clone`, and by `speak` before piece number `fail_at_piece`. `on_piece` is called with the
    number of each piece before it is yielded.
    """

    name: str = "local"
    samples: int = SAMPLE_RATE
    pieces: int = 1
    fail_at_piece: int = 0
    on_piece: Callable[[int], None] = lambda _: None
    plan: str = "as ever"
    supports_streaming: bool = True
    settings: tuple[str, ...] = ("speed",)
    markup_tags: tuple[str, ...] = ()
    requests: list[Utterance] = field(default_factory=list)
    failure: VoxportError | None = None
    text_failure: VoxportError | None = None
    can_clone: bool = True
    stock: list[StockVoice] = field(default_factory=lambda: [StockVoice("hum", "Hum", "en-us", "female")])
    deleted: list[str] = field(default_factory=list)
    delete_failure: VoxportError | None = None
    cloned: list[str] = field(default_factory=list)
    mixed: list[tuple[list[tuple[VoiceRef, float]], VoiceDesign]] = field(default_factory=list)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            supports_voice_cloning=self.can_clone,
            supports_instant_clone=self.can_clone,
            supports_streaming=self.supports_streaming,
            languages=("en-us", "en-gb", "fr-fr"),
            clone_language="en-us",
            max_text_length=5000,
            voice_settings=self.settings,
            markup_tags=self.markup_tags,
            reads_documents=bool(self.markup_tags),
        )

    def list_voices(self) -> list[StockVoice]:
        return list(self.stock)

    def check_text(self, text: str, language: str) -> None:
        if self.text_failure is not None:
            raise self.text_failure

    def clone(
        self,
        sample: Speech,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        on_progress(0.5)
        self._fail()
        self.cloned.append(voice_id)
        return ClonedVoice(voice_id, "en-us", b"a voice")

    def mix_voices(self, parts: Sequence[tuple[VoiceRef, float]], design: VoiceDesign, *, voice_id: str) -> ClonedVoice:
        self._fail()
        self.mixed.append((list(parts), design))
        return ClonedVoice(voice_id, design.language or "en-us", b"a mix")

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        self.requests.append(utterance)
        resume_from = utterance.resume_from
        if resume_from is not None and resume_from["plan"] != self.plan:
            raise ResumeTokenInvalid
        wave = (np.sin(np.arange(self.samples) * 2 * np.pi * 220 / SAMPLE_RATE) * 0.5).astype(np.float32)
        for number, audio in enumerate(np.array_split(wave, self.pieces)):
            if resume_from is not None and number < resume_from["next"]:
                continue
            if number >= self.fail_at_piece:
                self._fail()
            self.on_piece(number)
            yield Piece(audio, (number + 1) / self.pieces, {"plan": self.plan, "next": number + 1})

    def delete(self, voice: VoiceRef) -> None:
        if self.delete_failure is not None:
            raise self.delete_failure
        self.deleted.append(voice.provider_voice_id)

    def forget(self, voice_id: str) -> None:
        self.delete(VoiceRef(voice_id))

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class AcceptingSamples(SampleLoader):
    """Returns twelve seconds of silence for any upload and reports it as good speech, with `warnings`. Raises `failure`
    if it is set."""

    warnings: tuple[str, ...] = ()
    failure: VoxportError | None = None
    on_load: Callable[[Callable[[], None]], None] = staticmethod(lambda check_cancelled: None)
    """Called before each; a test may wait in it."""

    def load(self, key: str, *, speech: str | None = None, check_cancelled: Callable[[], None] = lambda: None) -> Audio:
        self.on_load(check_cancelled)
        return np.zeros(12 * SAMPLE_RATE, np.float32)

    def check(self, audio: Audio) -> Sample:
        if self.failure is not None:
            raise self.failure
        return Sample(audio, dataclasses.replace(GOOD_REPORT, warnings=self.warnings))


@dataclass(frozen=True)
class FakeProviderEnv:
    """A gateway whose `local` provider is a `FakeProvider`."""

    gateway: Gateway
    provider: FakeProvider
    samples: AcceptingSamples


def with_fake_provider(
    open_gateway: Callable[..., Gateway], provider: FakeProvider | None = None, **options: Any
) -> FakeProviderEnv:
    """Opens a gateway with these options whose provider returns a tone and whose sample check accepts everything."""
    provider = provider or FakeProvider()
    gateway = open_gateway(providers=[provider], samples=AcceptingSamples, **options)
    assert isinstance(gateway.samples, AcceptingSamples)
    return FakeProviderEnv(gateway, provider, gateway.samples)
