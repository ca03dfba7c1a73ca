"""core-tts: text to speech as a stored file, a stream or a job, billed by the second."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from voxport.accounts.service import Principal
from voxport.audio.arrays import Pcm
from voxport.audio.codec.encode import MAX_HEADER_BYTES, MIN_SAMPLES
from voxport.audio.codec.encoder import EncoderStalled
from voxport.audio.codec.streaming import stream_encoded
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.held_calls import BilledCall, HeldCall, HeldCalls
from voxport.billing.service import Billing, Settlement
from voxport.catalog import Catalog, ServiceName
from voxport.errors import ProviderFailed
from voxport.jobs.models import Job
from voxport.jobs.service import Jobs, NewJob
from voxport.media.service import MediaService
from voxport.moderation.service import Moderation
from voxport.pronunciations.service import Pronunciations
from voxport.provider_calls.call_journal import CallJournal, JournaledCall
from voxport.provider_calls.service import NewCall, ProviderCalls
from voxport.providers.base import Piece, Utterance
from voxport.providers.failover import first_that_works
from voxport.providers.registry import Registry
from voxport.speech.cached_answers import CachedAnswers
from voxport.speech.counting import counted, counted_relay, observed, resumed
from voxport.speech.durations import billed_seconds, estimated_document_seconds, estimated_seconds
from voxport.speech.files import FilePlan, SpeechFiles
from voxport.speech.preparation import Preparation, PreparedSpeech, Route, SpeechRequest
from voxport.speech.progress import ListenerLeft, SynthesisProgress
from voxport.speech.reading import text_and_document
from voxport.speech.result import SpeechResult, StoredFile
from voxport.storage.base import Storage, StorageUnavailable
from voxport.text.reading import ReadSentence
from voxport.voices.provisioning import VoiceProvisioning
from voxport.voices.service import VoiceService

SERVICE: ServiceName = "core-tts"
T = TypeVar("T")


@dataclass(frozen=True)
class HeldSpeech:
    """A prepared request whose price is held. `files` are those that it makes; None for a stream."""

    prepared: PreparedSpeech
    call: HeldCall
    files: FilePlan | None = None
    journaled: JournaledCall | None = None
    """The row of the call to the first route's provider, if it was written with the hold."""


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a request. `units` are the expected seconds and `tokens` their price; `held` is the upper bound
    that is held during the call. Amounts in micro-tokens."""

    units: Decimal
    tokens: int
    held: int
    language: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """How a prepared request will be read, and what it would cost."""

    prepared: PreparedSpeech
    sentences: Sequence[ReadSentence]
    estimate: Estimate


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
        pronunciations: Pronunciations,
        cache: CachedAnswers | None = None,
    ) -> None:
        """Without a `cache` every call is spoken."""
        self._cache = cache
        self._moderation = moderation
        self._provisioning = provisioning
        self._provider_calls = provider_calls
        self._limits = catalog.limits
        self._billing = billing
        self._calls = calls
        self._jobs = jobs
        self._media = media
        self._files = SpeechFiles(media, storage, ffmpeg)
        self._ffmpeg = ffmpeg
        self._preparation = Preparation(catalog, voices, providers, pronunciations)

    def prepare(self, caller: Principal, request: SpeechRequest) -> PreparedSpeech:
        """Validate a request before anything is held. Raises Invalid, NotFound, BadRequest, ProviderUnavailable,
        Forbidden (by moderation), ModerationUnavailable."""
        prepared = self._preparation.prepare(caller, request)
        self._moderation.require(
            prepared.read_text, profile_id=caller.profile_id, voice_id=request.voice_id, service=SERVICE
        )
        return prepared

    def find_cached(self, prepared: PreparedSpeech, *, request_id: str, claim: Claim = NO_CLAIM) -> SpeechResult | None:
        """Return the result of an identical call, as `CachedAnswers.find` does; None without a cache."""
        return None if self._cache is None else self._cache.find(prepared, request_id=request_id, claim=claim)

    def max_cost(self, prepared: PreparedSpeech) -> int:
        """Return the amount of the hold, in micro-tokens."""
        return self._billing.price(SERVICE, prepared.max_seconds)

    def estimate(self, caller: Principal, request: SpeechRequest) -> Estimate:
        """Estimate the cost of a request. Holds and records nothing, and calls neither a provider nor moderation.
        Raises Invalid, NotFound, BadRequest, ProviderUnavailable."""
        return self._estimate(self._preparation.prepare(caller, request))

    def preview(self, caller: Principal, request: SpeechRequest) -> Preview:
        """Read a text without speaking it. Holds and records nothing. Raises as `prepare` does, and ProviderError."""
        prepared = self.prepare(caller, request)
        route = prepared.routes[0]
        return Preview(prepared, route.voice.provider.read(self._utterance(prepared, route)), self._estimate(prepared))

    def _estimate(self, prepared: PreparedSpeech) -> Estimate:
        request, document = prepared.request, prepared.routes[0].document
        speed = request.speed * prepared.routes[0].voice.pace
        units = (
            estimated_seconds(request.text, speed, self._limits)
            if document is None
            else estimated_document_seconds(document, speed, self._limits)
        )
        price, held = self._billing.price(SERVICE, units), self.max_cost(prepared)
        return Estimate(units, price, held, prepared.language, prepared.warnings)

    def hold(
        self, prepared: PreparedSpeech, *, request_id: str, claim: Claim = NO_CLAIM, begins_now: bool = False
    ) -> HeldSpeech:
        """Hold the maximum cost before the call enters the queue; `release` it if the call is rejected there. A call
        that `begins_now`, without waiting there, is journaled in the same transaction. Raises InsufficientCredits."""
        caller, files = prepared.caller, self._file_plan(prepared)
        call = BilledCall(
            caller.profile_id,
            SERVICE,
            request_id,
            claim,
            key_id=caller.key_id,
            voice_id=prepared.request.voice_id,
        )
        journaled: JournaledCall | None = None

        def record(tx: Session, hold_id: str) -> None:
            nonlocal journaled
            if files is not None:
                self._files.reserve(tx, caller.profile_id, files)
            voice = prepared.routes[0].voice
            if begins_now and voice.provider.capabilities().is_hosted:
                new = NewCall("speech", voice.provider.name, voice.voice_id, caller.profile_id, hold_id)
                call_id = self._provider_calls.open(tx, new)
                journaled = JournaledCall(call_id, voice.provider.name, voice.voice_id)

        def undo() -> None:
            self._remove_traces(journaled, files)

        held = self._calls.hold(call, units=prepared.max_seconds, in_same_tx=record, undo=undo)
        return HeldSpeech(prepared, held, files, journaled)

    def release(self, held: HeldSpeech) -> None:
        """Release the hold and the reserved files of a call that will not run."""
        held.call.release()
        self._remove_traces(held.journaled, held.files)

    def _remove_traces(self, journaled: JournaledCall | None, files: FilePlan | None) -> None:
        """Remove what was written with the hold of a call that will not run."""
        if journaled is not None:
            self._provider_calls.abandon(journaled.call_id)
        if files is not None:
            self._files.remove(files.keys)

    def speak(self, held: HeldSpeech, on_audio: Callable[[Pcm], None] | None = None) -> SpeechResult:
        """Synthesize, encode, store and charge; `on_audio` is called with the samples as they come. Raises
        ProviderError; then nothing is stored or charged."""
        prepared, files, claim, progress = held.prepared, held.files, held.call.call.claim, SynthesisProgress()
        assert files is not None
        with held.call as hold, CallJournal(self._provider_calls, hold, held.journaled) as journal:
            try:
                pieces = self._synthesize(prepared, progress, journal)
                if on_audio is not None:
                    pieces = observed(pieces, on_audio)
                samples, size = self._files.write_audio(files, pieces)
                document = prepared.marked_up_document(progress.provider)
                sizes = {files.key: size, **self._files.write_subtitles(files, progress.words, document)}
                seconds = billed_seconds(samples)

                result: SpeechResult

                def record(tx: Session, settled: Settlement) -> None:
                    nonlocal result
                    result = SpeechResult(
                        self._media.read_url(files.key, files.audio_format.content_type),
                        files.key,
                        progress.provider,
                        seconds,
                        settled.cost,
                        settled.balance,
                        words=progress.words,
                        subtitles={
                            name: StoredFile(key, self._media.read_url(key))
                            for name, key in files.subtitle_keys.items()
                        },
                    )
                    self._files.record(tx, sizes)
                    if self._cache is not None:
                        self._cache.add(tx, prepared, progress.provider, files.key, seconds)
                    journal.settle(tx)
                    claim.save(tx, result)

                hold.capture(units=seconds, in_same_tx=record)
                return result
            except StorageUnavailable:
                if not hold.may_be_charged:
                    self._files.leave_to_sweep(files.keys)
                raise
            except BaseException:
                if not hold.may_be_charged:  # else the rows say whose the files are, or the sweep removes them
                    self._files.remove(files.keys)
                raise

    def stream(self, held: HeldSpeech, progress: SynthesisProgress) -> Generator[bytes, None, None]:
        """Yield the encoded audio as it is made; `progress` names the provider. Charges at the end; if the generator
        is closed early (the client disconnected), charges the audio made so far. An error costs nothing, and neither
        does a call whose `progress` is discarded. Raises ProviderError."""
        prepared, claim = held.prepared, held.call.call.claim
        with held.call as hold, CallJournal(self._provider_calls, hold, held.journaled) as journal:
            try:
                yield from claim.copy(self._stream(prepared, progress, journal))
            except GeneratorExit:
                _charge(hold, progress, journal, claim.mark_unreplayable)
                raise
            except EncoderStalled:
                if progress.has_listener_left:
                    _charge(hold, progress, journal, claim.mark_unreplayable)
                raise
            except ListenerLeft:
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
                    "sample_rate": request.sample_rate,
                    "folder_id": request.folder_id,
                    "named_language": prepared.language,
                    "warnings": list(prepared.warnings),
                    "markup": request.markup,
                    "timestamps": request.timestamps,
                    "subtitles": list(request.subtitles),
                    "rules": [asdict(rule) for rule in prepared.rules],
                    "pronunciations": [asdict(one) for one in prepared.dictionaries],
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

    def _stream(
        self, prepared: PreparedSpeech, progress: SynthesisProgress, journal: CallJournal
    ) -> Generator[bytes, None, None]:
        """Yield the encoded speech from the first route that does not fail before its first sound. What a provider
        encodes as it is wanted is passed on as it comes."""

        def begin(route: Route) -> Generator[bytes, None, None]:
            self._begin(route, progress, journal)
            audio_format, relayed = prepared.audio_format, None
            if audio_format.relayed_as is not None:
                utterance = self._utterance(prepared, route)
                relayed = self._provisioning.relay(route.voice, utterance, audio_format.relayed_as)
            if relayed is not None:
                chunks = counted_relay(relayed, audio_format.stream_header, progress, journal)
            else:
                pieces = counted(self._started(prepared, route), progress, journal)
                chunks = stream_encoded(
                    pieces, audio_format.name, ffmpeg=self._ffmpeg, sample_rate=prepared.request.sample_rate
                )
            return resumed(next(chunks), chunks)

        with contextlib.closing(first_that_works(_by_provider(prepared.routes), begin)) as chunks:
            yield from chunks
        require_audio(progress.samples, progress.provider)

    def _synthesize(
        self, prepared: PreparedSpeech, progress: SynthesisProgress, journal: CallJournal
    ) -> Generator[Pcm, None, None]:
        """Yield the speech from the first route that does not fail before its first sound. Ends once another process
        has taken the call over."""

        def begin(route: Route) -> Generator[Piece, None, None]:
            self._begin(route, progress, journal)
            return self._started(prepared, route)

        yield from counted(first_that_works(_by_provider(prepared.routes), begin), progress, journal)
        require_audio(progress.samples, progress.provider)

    def _begin(self, route: Route, progress: SynthesisProgress, journal: CallJournal) -> None:
        provider = route.voice.provider
        progress.provider = provider.name
        journal.begin("speech", provider, route.voice.voice_id)

    def _started(self, prepared: PreparedSpeech, route: Route) -> Generator[Piece, None, None]:
        """Wait for the first sound and return the pieces from there on."""
        pieces = self._provisioning.speak(route.voice, self._utterance(prepared, route))
        for piece in pieces:
            if piece.audio.size:
                return resumed(piece, pieces)
        raise no_audio(route.voice.provider.name)

    def _utterance(self, prepared: PreparedSpeech, route: Route) -> Utterance:
        request = prepared.request
        text, document = text_and_document(request.text, route.document, route.voice.provider)
        return Utterance(
            text,
            route.language,
            request.voice_settings,
            low_latency=request.is_stream,
            client=prepared.caller.profile_id,
            document=document,
            voices={name: self._provisioning.reference(voice) for name, voice in route.voices.items()},
            with_words=request.needs_words,
        )

    def _file_plan(self, prepared: PreparedSpeech) -> FilePlan | None:
        """Plan the files of a call; None for a stream."""
        request, audio_format = prepared.request, prepared.audio_format
        if request.is_stream:
            return None
        key = self._media.new_speech_key(audio_format.extension)
        return FilePlan(
            key, audio_format, self._max_bytes(prepared), request.text, request.subtitles, request.sample_rate
        )

    def _max_bytes(self, prepared: PreparedSpeech) -> int:
        return MAX_HEADER_BYTES + int(prepared.max_seconds * prepared.audio_format.bytes_per_second)


def _by_provider(routes: Sequence[Route]) -> dict[str, Route]:
    return {route.voice.provider.name: route for route in routes}


def require_audio(samples: int, provider: str) -> None:
    """Raises ProviderFailed if a text gave no audio."""
    if samples < MIN_SAMPLES:
        raise no_audio(provider)


def no_audio(provider: str) -> ProviderFailed:
    return ProviderFailed(f"The provider {provider} made no audio of this text. Nothing was charged.")


def _charge(
    hold: HeldCall, progress: SynthesisProgress, journal: CallJournal, answer: Callable[[Session], None]
) -> None:
    def record(tx: Session, _: Settlement) -> None:
        journal.settle(tx)
        answer(tx)

    if progress.samples and not progress.is_discarded:
        hold.capture(units=billed_seconds(progress.samples), in_same_tx=record)
