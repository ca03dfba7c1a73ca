"""core-instant-clone-tts: speaks one text in the voice of a recording, and keeps no voice."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from typing import BinaryIO

from sqlalchemy.orm import Session

from voxport.accounts.service import Principal
from voxport.audio.codec.wav import to_pcm16, write_samples
from voxport.audit.service import Actor, record
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.held_calls import BilledCall, HeldCall, HeldCalls
from voxport.billing.service import Settlement
from voxport.catalog import Catalog, ServiceName
from voxport.cloning.consent import Consent, Consents
from voxport.cloning.service import ONE_CLONE
from voxport.moderation.service import Moderation
from voxport.provider_calls.call_journal import CallJournal
from voxport.provider_calls.service import ProviderCalls
from voxport.providers.base import Audio, Provider, Utterance, VoiceRef, VoiceSettings
from voxport.providers.failover import all_that_can, first_that_works
from voxport.providers.observed import observed_speech
from voxport.providers.registry import Registry, require_sample_length
from voxport.samples.loader import SampleLoader, SampleSource
from voxport.speech.durations import require_text
from voxport.speech.preparation import require_settings, text_warnings
from voxport.speech.service import require_audio
from voxport.voices.provisioning import VoiceProvisioning
from voxport.voices.service import VoiceService

_log = logging.getLogger("voxport.cloning")
SERVICE: ServiceName = "core-instant-clone-tts"


@dataclass(frozen=True)
class InstantRequest:
    audio_url: str
    text: str
    provider: str | None
    voice_settings: VoiceSettings
    consent: Consent | None = None


@dataclass(frozen=True)
class PreparedInstant:
    """A request that passed every check but those of its sample and the balance. The first provider is used; the
    others exist only for `provider: auto`, for failover."""

    caller: Principal
    text: str
    settings: VoiceSettings
    providers: tuple[Provider, ...]
    source: SampleSource
    consent: Consent | None
    warnings: tuple[str, ...] = ()
    """Warnings about the text."""

    def starting_with(self, number: int) -> PreparedInstant:
        """Return a copy with this provider first."""
        others = (*self.providers[:number], *self.providers[number + 1 :])
        return replace(self, providers=(self.providers[number], *others))


@dataclass(frozen=True)
class InstantResult:
    """The result of a call. `wav` is the complete unnamed file, which the caller closes; amounts in micro-tokens."""

    wav: BinaryIO
    voice_id: str
    provider: str
    cost: int
    balance: int
    warnings: tuple[str, ...]


class InstantCloning:
    def __init__(
        self,
        catalog: Catalog,
        calls: HeldCalls,
        samples: SampleLoader,
        providers: Registry,
        voices: VoiceService,
        provisioning: VoiceProvisioning,
        provider_calls: ProviderCalls,
        consents: Consents,
        moderation: Moderation,
    ) -> None:
        self._consents = consents
        self._moderation = moderation
        self._provisioning = provisioning
        self._provider_calls = provider_calls
        self._catalog = catalog
        self._calls = calls
        self._samples = samples
        self._providers = providers
        self._voices = voices

    def prepare(self, caller: Principal, request: InstantRequest) -> PreparedInstant:
        """Validate a request before anything is held. Raises Invalid, Forbidden (no consent, or by moderation),
        ProviderUnavailable, BadRequest, AudioUrlUnusable, NotFound, ModerationUnavailable."""
        require_text(request.text, self._catalog.limits.text_characters)
        self._consents.require(request.consent)
        locate = cache(lambda: self._samples.locate_recording(caller.profile_id, request.audio_url))

        def check(provider: Provider) -> tuple[Provider, tuple[str, ...]]:
            require_settings(provider, request.voice_settings)
            locate()
            language = provider.capabilities().clone_language
            return provider, text_warnings(provider, request.text, language, is_named=False)

        usable = all_that_can(self._providers.require_cloners(request.provider, instant=True), check)
        providers = tuple(provider for provider, _ in usable)
        warnings = next((found for _, found in usable if found), ())
        self._moderation.require(request.text, profile_id=caller.profile_id, voice_id=None, service=SERVICE)
        return PreparedInstant(
            caller, request.text, request.voice_settings, providers, locate(), request.consent, warnings
        )

    def hold(self, prepared: PreparedInstant, *, request_id: str, claim: Claim = NO_CLAIM) -> HeldCall:
        """Hold the price before the call enters the queue; the caller releases it if the call is rejected there. Raises
        InsufficientCredits."""
        caller = prepared.caller
        call = BilledCall(caller.profile_id, SERVICE, request_id, claim, key_id=caller.key_id)

        def record_consent(tx: Session, _: str) -> None:
            self._consents.record(tx, prepared.consent, caller, service=SERVICE, request_id=request_id)
            record(tx, "clone.instant", actor=Actor(caller.key_id, request_id), profile_id=caller.profile_id)

        return self._calls.hold(call, units=ONE_CLONE, in_same_tx=record_consent)

    def speak(self, prepared: PreparedInstant, held: HeldCall) -> InstantResult:
        """Clone the voice, speak the text and delete the voice. Charges once the audio is complete. An error releases
        the hold, unless the outcome is unknown. Raises SampleUnusable, ProviderError."""
        claim = held.call.claim
        with contextlib.ExitStack() as files, held as hold, CallJournal(self._provider_calls, hold) as journal:
            sample = self._samples.check(self._samples.load_source(held.call.profile_id, prepared.source))
            wav = files.enter_context(tempfile.TemporaryFile())
            voice_id, provider = first_that_works(
                {provider.name: provider for provider in prepared.providers},
                lambda provider: self._speak_once(prepared, provider, sample.audio, journal, wav),
            )
            claim.store(wav)

            def result(settled: Settlement) -> InstantResult:
                warnings = (*sample.report.warnings, *prepared.warnings)
                return InstantResult(wav, voice_id, provider, settled.cost, settled.balance, warnings)

            def settle(tx: Session, settled: Settlement) -> None:
                journal.settle_if_removed(tx)
                claim.save(tx, result(settled))

            done = result(hold.capture(units=ONE_CLONE, in_same_tx=settle))
            files.pop_all()  # the sender of the file closes it
            return done

    def _speak_once(
        self, prepared: PreparedInstant, provider: Provider, sample: Audio, journal: CallJournal, wav: BinaryIO
    ) -> tuple[str, str]:
        """Write the text's audio to `wav` in a temporary voice. Returns the voice's id and the provider's name. A voice
        that can't be deleted now is deleted later. Raises ProviderFailed if there is no audio."""
        require_sample_length(provider, sample)
        voice_id = self._voices.new_voice_id()
        journal.begin("instant", provider, voice_id)
        cloned = self._provisioning.clone(provider, sample, voice_id=voice_id, instant=True)
        reference = VoiceRef(cloned.provider_voice_id, cloned.file)
        try:
            client = prepared.caller.profile_id
            utterance = Utterance(prepared.text, cloned.language, prepared.settings, client=client)
            wav.seek(0)
            wav.truncate()  # drop the output of a provider that failed
            pieces = observed_speech(provider, reference, utterance)
            samples = write_samples((to_pcm16(piece.audio) for piece in pieces), wav)
            require_audio(samples, provider.name)
            return voice_id, provider.name
        finally:
            try:
                provider.delete(reference)
                journal.is_voice_removed = True
            except Exception as error:
                _log.warning("a temporary voice is removed later", extra={"error": type(error).__name__})
