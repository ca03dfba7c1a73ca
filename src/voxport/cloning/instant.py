"""core-instant-clone-tts: one text in the voice of a recording; no voice is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxport.accounts.service import Principal
from voxport.billing.calls import Call, Calls
from voxport.catalog import Catalog, ServiceName
from voxport.cloning.service import ONE
from voxport.media.encode import to_pcm16, wav_bytes
from voxport.media.samples import Samples, Source
from voxport.providers.base import Provider, VoiceRef
from voxport.providers.registry import Registry
from voxport.speech.lengths import require_text
from voxport.speech.preparation import VoiceSettings, require_settings
from voxport.speech.service import require_audio
from voxport.voices.service import Voices

SERVICE: ServiceName = "core-instant-clone-tts"


@dataclass(frozen=True)
class InstantRequest:
    audio_url: str
    text: str
    provider: str | None
    voice_settings: VoiceSettings


@dataclass(frozen=True)
class PreparedInstant:
    """A request that nothing speaks against but, perhaps, its sample and the money."""

    caller: Principal
    text: str
    speed: float
    provider: Provider
    source: Source


@dataclass(frozen=True)
class InstantResult:
    """`wav` is the whole file; amounts in micro-tokens."""

    wav: bytes
    voice_id: str
    provider: str
    cost: int
    balance: int
    warnings: tuple[str, ...]


class InstantCloning:
    def __init__(self, catalog: Catalog, calls: Calls, samples: Samples, providers: Registry, voices: Voices) -> None:
        self._catalog = catalog
        self._calls = calls
        self._samples = samples
        self._providers = providers
        self._voices = voices

    def prepare(self, caller: Principal, request: InstantRequest) -> PreparedInstant:
        """What can be refused at once. Raises Invalid, ProviderUnavailable, BadRequest, AudioUrlUnusable, NotFound."""
        require_text(request.text, self._catalog.limits.text_characters)
        name = request.provider or self._providers.default_name()
        provider = self._providers.require_cloning(name, instant=True)
        require_settings(provider, request.voice_settings)
        source = self._samples.locate(caller.profile_id, request.audio_url)
        provider.check_text(request.text, provider.capabilities().clone_language)
        return PreparedInstant(caller, request.text, request.voice_settings.get("speed", 1.0), provider, source)

    def speak(self, prepared: PreparedInstant, *, request_id: str) -> InstantResult:
        """Clone, speak, forget. Charged when the audio is whole; any error gives the hold back."""
        provider, profile_id = prepared.provider, prepared.caller.profile_id
        with self._calls.hold(Call(profile_id, SERVICE, request_id), units=ONE) as hold:
            sample = self._samples.check(self._samples.obtain(profile_id, prepared.source))
            voice_id = self._voices.new_voice_id()
            cloned = provider.clone(sample.audio, voice_id=voice_id, quick=True, progress=lambda _: None)
            reference = VoiceRef(cloned.provider_voice_id, cloned.file)
            try:
                spoken = provider.speak(prepared.text, reference, language=cloned.language, speed=prepared.speed)
                pieces = [to_pcm16(piece.audio) for piece in spoken]
            finally:
                provider.delete(reference)
            require_audio(sum(len(piece) for piece in pieces), provider.name)
            wav = wav_bytes(np.concatenate(pieces))
            settled = hold.capture(units=ONE)
        return InstantResult(wav, voice_id, provider.name, settled.cost, settled.balance, sample.report.warnings)
