"""core-tts: text to speech as a stored file, a stream or a job, billed by the second."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path

from sqlalchemy.orm import Session

from voxport.accounts.service import Principal
from voxport.audio.arrays import Pcm
from voxport.audio.codec.encode import MAX_HEADER_BYTES, MIN_SAMPLES, encode_file
from voxport.audio.codec.encoder import EncoderStalled
from voxport.audio.codec.streaming import stream_encoded
from voxport.audio.codec.wav import to_pcm16
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.held_calls import BilledCall, HeldCall, HeldCalls, Settlement
from voxport.billing.service import Billing
from voxport.catalog import Catalog, ServiceName
from voxport.errors import ProviderFailed
from voxport.jobs.models import Job
from voxport.jobs.service import Jobs, NewJob
from voxport.media.service import MediaService
from voxport.moderation.service import Moderation
from voxport.provider_calls.call_journal import CallJournal
from voxport.provider_calls.service import ProviderCalls
from voxport.providers.base import Piece, Utterance
from voxport.providers.failover import first_that_works
from voxport.providers.registry import Registry
from voxport.speech.durations import billed_seconds, estimated_seconds, max_seconds
from voxport.speech.preparation import Preparation, PreparedSpeech, Route, SpeechRequest
from voxport.storage.base import Storage
from voxport.voices.provisioning import VoiceProvisioning
from voxport.voices.service import VoiceService

SERVICE: ServiceName = "core-tts"


@dataclass(frozen=True)
class SpeechResult:
    """The result of a call. `provider` spoke the text, `seconds` are billed; amounts in micro-tokens."""

    url: str
    key: str
    provider: str
    seconds: Decimal
    cost: int
    balance: int


@dataclass(frozen=True)
class HeldSpeech:
    """A prepared request whose price is held. `key` is the storage key of its future file; empty for a stream."""

    prepared: PreparedSpeech
    call: HeldCall
    key: str = ""


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a request. `units` are the expected seconds and `tokens` their price; `held` is the upper bound
    that is held during the call. Amounts in micro-tokens."""

    units: Decimal
    tokens: int
    held: int
    language: str | None = None
    warnings: tuple[str, ...] = ()


class SpeechService:
    def __init__(
        self,
        catalog: Catalog,
        billing: Billing,
        calls: HeldCalls,
        jobs: Jobs,
        voices: VoiceService,
        provisioning: VoiceProvisioning,
        provider_calls: ProviderCalls,
        providers: Registry,
        media: MediaService,
        storage: Storage,
        ffmpeg: Path,
        moderation: Moderation,
    ) -> None:
        self._moderation = moderation
        self._provisioning = provisioning
        self._provider_calls = provider_calls
        self._limits = catalog.limits
        self._billing = billing
        self._calls = calls
        self._jobs = jobs
        self._media = media
        self._storage = storage
        self._ffmpeg = ffmpeg
        self._preparation = Preparation(catalog, voices, providers)

    def prepare(self, caller: Principal, request: SpeechRequest) -> PreparedSpeech:
        """Validate a request before anything is held. Raises Invalid, NotFound, BadRequest, ProviderUnavailable,
        Forbidden (by moderation), ModerationUnavailable."""
        prepared = self._preparation.prepare(caller, request)
        self._moderation.require(request.text, profile_id=caller.profile_id, voice_id=request.voice_id, service=SERVICE)
        return prepared

    def max_cost(self, prepared: PreparedSpeech) -> int:
        """Return the amount of the hold, in micro-tokens."""
        return self._billing.price(SERVICE, self._max_seconds(prepared))

    def estimate(self, caller: Principal, request: SpeechRequest) -> Estimate:
        """Estimate the cost of a request. Holds and records nothing, and calls neither a provider nor moderation.
        Raises Invalid, NotFound, BadRequest, ProviderUnavailable."""
        prepared = self._preparation.prepare(caller, request)
        units = estimated_seconds(request.text, prepared.speed, self._limits)
        price, held = self._billing.price(SERVICE, units), self.max_cost(prepared)
        return Estimate(units, price, held, prepared.language, prepared.warnings)

    def hold(self, prepared: PreparedSpeech, *, request_id: str, claim: Claim = NO_CLAIM) -> HeldSpeech:
        """Hold the maximum cost before the call enters the queue; `release` it if the call is rejected there. Raises
        InsufficientCredits."""
        profile_id, audio_format = prepared.caller.profile_id, prepared.audio_format
        caller, voice_id = prepared.caller, prepared.request.voice_id
        call = BilledCall(profile_id, SERVICE, request_id, claim, key_id=caller.key_id, voice_id=voice_id)
        units = self._max_seconds(prepared)
        if prepared.request.is_stream:
            return HeldSpeech(prepared, self._calls.hold(call, units=units))
        key = self._media.new_speech_key(audio_format.extension)

        def reserve(tx: Session) -> None:
            max_bytes = self._max_bytes(prepared)
            self._media.reserve_speech(tx, profile_id, key, audio_format.content_type, max_bytes)

        return HeldSpeech(prepared, self._calls.hold(call, units=units, in_same_tx=reserve), key)

    def release(self, held: HeldSpeech) -> None:
        """Release the hold and the reserved file of a call that will not run."""
        held.call.release()
        if held.key:
            self._media.remove(held.key)

    def speak(self, held: HeldSpeech) -> SpeechResult:
        """Synthesize, encode, store and charge. Raises ProviderError; then nothing is stored or charged."""
        prepared, key, claim, progress = held.prepared, held.key, held.call.call.claim, SynthesisProgress()
        audio_format = prepared.audio_format
        with held.call as hold, CallJournal(self._provider_calls, hold) as journal:
            try:
                pieces = self._synthesize(prepared, progress, journal)
                with self._storage.writable_path(key) as path, contextlib.closing(pieces):
                    samples = encode_file(pieces, audio_format.name, path, ffmpeg=self._ffmpeg)
                seconds, size = billed_seconds(samples), self._storage.size(key) or 0

                def result(settled: Settlement) -> SpeechResult:
                    url = self._media.read_url(key)
                    return SpeechResult(url, key, progress.provider, seconds, settled.cost, settled.balance)

                def record(tx: Session, settled: Settlement) -> None:
                    self._media.record_speech(tx, key, size)
                    journal.settle(tx)
                    claim.save(tx, result(settled))

                return result(hold.capture(units=seconds, in_same_tx=record))
            except BaseException:
                self._media.remove(key)
                raise

    def stream(self, held: HeldSpeech, progress: SynthesisProgress) -> Generator[bytes, None, None]:
        """Yield the encoded audio as it is made; `progress` names the provider. Charges at the end; if the generator
        is closed early (the client disconnected), charges the audio made so far. An error costs nothing. Raises
        ProviderError."""
        prepared, claim = held.prepared, held.call.call.claim
        with held.call as hold, CallJournal(self._provider_calls, hold) as journal:
            try:
                pieces = self._synthesize(prepared, progress, journal)
                yield from claim.copy(stream_encoded(pieces, prepared.audio_format.name, ffmpeg=self._ffmpeg))
            except GeneratorExit:
                _charge(hold, progress, journal, claim.mark_unreplayable)
                raise
            except EncoderStalled:
                if progress.has_listener_left:
                    _charge(hold, progress, journal, claim.mark_unreplayable)
                raise
            except _ListenerLeft:
                _charge(hold, progress, journal, claim.mark_unreplayable)
                return
            _charge(hold, progress, journal, lambda tx: claim.save(tx, progress))

    def submit(self, prepared: PreparedSpeech, *, request_id: str, claim: Claim = NO_CLAIM) -> Job:
        """Queue the text as a job, which `handler.py` runs. Raises WebhookUrlUnusable, InsufficientCredits."""
        request = prepared.request
        # One provider speaks the whole text.
        provider = prepared.routes[0].voice.provider.name
        return self._jobs.submit(
            NewJob(
                profile_id=prepared.caller.profile_id,
                service=SERVICE,
                request={
                    "text": request.text,
                    "voice_id": request.voice_id,
                    "provider": provider,
                    "language": prepared.routes[0].language,
                    "voice_settings": dict(request.voice_settings),
                    "output_format": request.output_format,
                    "folder_id": request.folder_id,
                    "named_language": prepared.language,
                    "warnings": list(prepared.warnings),
                },
                output_id=self._media.new_speech_key(prepared.audio_format.extension),
                amount=self.max_cost(prepared),
                request_id=request_id,
                claim=claim,
                key_id=prepared.caller.key_id,
                voice_id=request.voice_id,
                webhook_url=request.webhook_url,
                provider=provider,
            ),
            in_same_tx=lambda tx, _: self._media.require_quota(
                tx, prepared.caller.profile_id, self._max_bytes(prepared)
            ),
        )

    def _synthesize(
        self, prepared: PreparedSpeech, progress: SynthesisProgress, journal: CallJournal
    ) -> Generator[Pcm, None, None]:
        """Yield the speech from the first route that does not fail before its first sound. Ends once another process
        has taken the call over."""

        def begin(route: Route) -> Iterator[Piece]:
            """Wait for the first sound and return the pieces from there on."""
            provider = route.voice.provider
            progress.provider = provider.name
            journal.begin("speech", provider, route.voice.voice_id)
            pieces = self._speak_by(prepared, route)
            first = list(islice((piece for piece in pieces if piece.audio.size), 1))
            if not first:
                require_audio(0, provider.name)
            return chain(first, pieces)

        for piece in first_that_works({route.voice.provider.name: route for route in prepared.routes}, begin):
            progress.samples += piece.audio.size
            journal.require_live()
            if progress.has_listener_left:
                raise _ListenerLeft
            if piece.audio.size:
                yield to_pcm16(piece.audio)
        require_audio(progress.samples, progress.provider)

    def _speak_by(self, prepared: PreparedSpeech, route: Route) -> Iterator[Piece]:
        request, client = prepared.request, prepared.caller.profile_id
        utterance = Utterance(
            request.text, route.language, request.voice_settings, low_latency=request.is_stream, client=client
        )
        return self._provisioning.speak(route.voice, utterance)

    def _max_seconds(self, prepared: PreparedSpeech) -> Decimal:
        return max_seconds(prepared.request.text, prepared.speed, self._limits)

    def _max_bytes(self, prepared: PreparedSpeech) -> int:
        return MAX_HEADER_BYTES + int(self._max_seconds(prepared) * prepared.audio_format.bytes_per_second)


@dataclass
class SynthesisProgress:
    """The provider that speaks, and the samples made so far."""

    provider: str = ""
    samples: int = 0
    has_listener_left: bool = False
    """Whether the client disconnected."""

    def on_listener_left(self) -> None:
        self.has_listener_left = True


class _ListenerLeft(Exception):
    """The client disconnected: the audio made so far is charged, and synthesis stops."""


def require_audio(samples: int, provider: str) -> None:
    """Raises ProviderFailed if a text gave no audio."""
    if samples < MIN_SAMPLES:
        raise ProviderFailed(f"The provider {provider} made no audio of this text. Nothing was charged.")


def _charge(
    hold: HeldCall, progress: SynthesisProgress, journal: CallJournal, answer: Callable[[Session], None]
) -> None:
    def record(tx: Session, _: Settlement) -> None:
        journal.settle(tx)
        answer(tx)

    if progress.samples:
        hold.capture(units=billed_seconds(progress.samples), in_same_tx=record)
