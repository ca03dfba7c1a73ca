"""core-tts: a text in a voice, billed by the second: as a file in storage, as a stream, or as a job."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sqlalchemy.orm import Session

from voxport.accounts.service import Principal
from voxport.audio.codec.encode import HEADER_BYTES, LEAST_SAMPLES, encode_file, to_pcm16
from voxport.audio.codec.encoder import EncoderStalled, Pcm
from voxport.audio.codec.streaming import live
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.held_calls import Call, Calls, OpenCall, Settled
from voxport.billing.service import Billing
from voxport.catalog import Catalog, ServiceName
from voxport.errors import OutcomeUnknown, ProviderError, ProviderFailed
from voxport.jobs.models import Job
from voxport.jobs.service import Jobs, NewJob
from voxport.media.service import MediaService
from voxport.moderation.service import Moderation
from voxport.provider_calls.service import Intents, Watch
from voxport.providers.base import Piece
from voxport.providers.registry import Registry
from voxport.speech.durations import billed_seconds, most_seconds, usual_seconds
from voxport.speech.preparation import Preparation, PreparedSpeech, SpeechRequest, Way
from voxport.storage.base import Storage
from voxport.voices.provisioning import Speaking
from voxport.voices.service import Voices

_log = logging.getLogger("voxport.speech")
SERVICE: ServiceName = "core-tts"


@dataclass(frozen=True)
class SpeechResult:
    """`provider` is who spoke, `seconds` what is billed; amounts in micro-tokens."""

    url: str
    key: str
    provider: str
    seconds: Decimal
    cost: int
    balance: int


@dataclass(frozen=True)
class HeldSpeech:
    """Speech whose price is held. `key` is where its file will be; a stream has none."""

    prepared: PreparedSpeech
    call: OpenCall
    key: str = ""


@dataclass(frozen=True)
class Estimate:
    """`units` are seconds and `tokens` their price, as a rule; `held` is the upper bound that is held until the call
    has been made. Amounts in micro-tokens."""

    units: Decimal
    tokens: int
    held: int
    language: str | None = None
    warnings: tuple[str, ...] = ()


class Speech:
    def __init__(
        self,
        catalog: Catalog,
        billing: Billing,
        calls: Calls,
        jobs: Jobs,
        voices: Voices,
        speaking: Speaking,
        intents: Intents,
        providers: Registry,
        media: MediaService,
        storage: Storage,
        ffmpeg: Path,
        moderation: Moderation,
    ) -> None:
        self._moderation = moderation
        self._speaking = speaking
        self._intents = intents
        self._limits = catalog.limits
        self._billing = billing
        self._calls = calls
        self._jobs = jobs
        self._media = media
        self._storage = storage
        self._ffmpeg = ffmpeg
        self._preparation = Preparation(catalog, voices, providers)

    def prepare(self, caller: Principal, request: SpeechRequest) -> PreparedSpeech:
        """What can be refused at once. Raises Invalid, NotFound, BadRequest, ProviderUnavailable, Forbidden (by
        moderation), ModerationUnavailable."""
        prepared = self._preparation.prepare(caller, request)
        self._moderation.require(request.text, profile_id=caller.profile_id, voice_id=request.voice_id, service=SERVICE)
        return prepared

    def most_cost(self, prepared: PreparedSpeech) -> int:
        """The amount of the hold, in micro-tokens."""
        return self._billing.price(SERVICE, self._most_seconds(prepared))

    def estimate(self, caller: Principal, request: SpeechRequest) -> Estimate:
        """What the request would cost. Nothing is held, asked of a provider or of moderation, or written down. Raises
        Invalid, NotFound, BadRequest, ProviderUnavailable."""
        prepared = self._preparation.prepare(caller, request)
        units = usual_seconds(request.text, prepared.speed, self._limits)
        price, held = self._billing.price(SERVICE, units), self.most_cost(prepared)
        return Estimate(units, price, held, prepared.language, prepared.warnings)

    def hold(self, prepared: PreparedSpeech, *, request_id: str, claim: Claim = NO_CLAIM) -> HeldSpeech:
        """Hold the most that it can cost, before it waits for its turn; `drop` what never gets it. Raises
        InsufficientCredits."""
        profile_id, audio_format = prepared.caller.profile_id, prepared.audio_format
        caller, voice_id = prepared.caller, prepared.request.voice_id
        call = Call(profile_id, SERVICE, request_id, claim, key_id=caller.key_id, voice_id=voice_id)
        units = self._most_seconds(prepared)
        if prepared.request.is_stream:
            return HeldSpeech(prepared, self._calls.hold(call, units=units))
        key = self._media.new_speech_key(audio_format.extension)

        def reserve(tx: Session) -> None:
            most_bytes = self._most_bytes(prepared)
            self._media.reserve_speech(tx, profile_id, key, audio_format.content_type, most_bytes)

        return HeldSpeech(prepared, self._calls.hold(call, units=units, also=reserve), key)

    def drop(self, held: HeldSpeech) -> None:
        """It is not spoken."""
        held.call.give_back()
        if held.key:
            self._media.drop(held.key)

    def speak(self, held: HeldSpeech) -> SpeechResult:
        """Speak, encode, store, charge. Raises ProviderError; then nothing is stored or charged."""
        prepared, key, claim, made = held.prepared, held.key, held.call.call.claim, Made()
        audio_format = prepared.audio_format
        with held.call as hold, self._intents.watching(hold) as watch:
            try:
                pieces = self._pieces(prepared, made, watch)
                with self._storage.writing(key) as path, contextlib.closing(pieces):
                    samples = encode_file(pieces, audio_format.name, path, ffmpeg=self._ffmpeg)
                seconds, size = billed_seconds(samples), self._storage.size(key) or 0

                def result(settled: Settled) -> SpeechResult:
                    url = self._media.read_url(key)
                    return SpeechResult(url, key, made.provider, seconds, settled.cost, settled.balance)

                def record(tx: Session, settled: Settled) -> None:
                    self._media.record_speech(tx, key, size)
                    watch.settle(tx)
                    claim.keep(tx, result(settled))

                return result(hold.capture(units=seconds, also=record))
            except BaseException:
                self._media.drop(key)
                raise

    def stream(self, held: HeldSpeech, made: Made) -> Generator[bytes, None, None]:
        """The audio as it is made; `made` says by whom. Charged at the end; where the generator is closed before (the
        client went away), for what was made until then. An error costs nothing. Raises ProviderError."""
        prepared, claim = held.prepared, held.call.call.claim
        with held.call as hold, self._intents.watching(hold) as watch:
            try:
                pieces = self._pieces(prepared, made, watch)
                yield from claim.copy(live(pieces, prepared.audio_format.name, ffmpeg=self._ffmpeg))
            except GeneratorExit:
                _charge(hold, made, watch, claim.consume)
                raise
            except EncoderStalled:
                if made.is_left:
                    _charge(hold, made, watch, claim.consume)
                raise
            except _ListenerLeft:
                _charge(hold, made, watch, claim.consume)
                return
            _charge(hold, made, watch, lambda tx: claim.keep(tx, made))

    def submit(self, prepared: PreparedSpeech, *, request_id: str, claim: Claim = NO_CLAIM) -> Job:
        """Queue the text as a job; `handler.py` does the work. Raises WebhookUrlUnusable, InsufficientCredits."""
        request = prepared.request
        # A text is spoken by one provider from its beginning to its end.
        provider = prepared.ways[0].speaker.provider.name
        return self._jobs.submit(
            NewJob(
                profile_id=prepared.caller.profile_id,
                service=SERVICE,
                request={
                    "text": request.text,
                    "voice_id": request.voice_id,
                    "provider": provider,
                    "language": prepared.ways[0].language,
                    "voice_settings": dict(request.voice_settings),
                    "output_format": request.output_format,
                    "folder_id": request.folder_id,
                    "named_language": prepared.language,
                    "warnings": list(prepared.warnings),
                },
                subject=self._media.new_speech_key(prepared.audio_format.extension),
                amount=self.most_cost(prepared),
                request_id=request_id,
                claim=claim,
                key_id=prepared.caller.key_id,
                voice_id=request.voice_id,
                webhook_url=request.webhook_url,
                provider=provider,
            ),
            also=lambda tx, _: self._media.require_room(tx, prepared.caller.profile_id, self._most_bytes(prepared)),
        )

    def _pieces(self, prepared: PreparedSpeech, made: Made, watch: Watch) -> Generator[Pcm, None, None]:
        """The speech, by the first of the ways that does not fail before its first sound."""
        for way in prepared.ways:
            provider = way.speaker.provider
            made.provider = provider.name
            try:
                if provider.capabilities().is_hosted:
                    watch.begin("speech", provider.name, way.speaker.voice_id)
                for piece in self._spoken(prepared, way):
                    made.samples += piece.audio.size
                    if made.is_left and made.samples:
                        raise _ListenerLeft
                    if piece.audio.size:
                        yield to_pcm16(piece.audio)
                require_audio(made.samples, provider.name)
                return
            except ProviderError as error:
                if made.samples or way is prepared.ways[-1] or isinstance(error, OutcomeUnknown):
                    raise
                _log.warning("another provider speaks instead", extra={"failed": provider.name, "code": error.code})

    def _spoken(self, prepared: PreparedSpeech, way: Way) -> Iterator[Piece]:
        request = prepared.request
        return self._speaking.speak(
            way.speaker,
            request.text,
            language=way.language,
            settings=request.voice_settings,
            early=request.is_stream,
            client=prepared.caller.profile_id,
        )

    def _most_seconds(self, prepared: PreparedSpeech) -> Decimal:
        return most_seconds(prepared.request.text, prepared.speed, self._limits)

    def _most_bytes(self, prepared: PreparedSpeech) -> int:
        return HEADER_BYTES + int(self._most_seconds(prepared) * prepared.audio_format.bytes_per_second)


@dataclass
class Made:
    """Who speaks, and how many samples there are so far."""

    provider: str = ""
    samples: int = 0
    is_left: bool = False
    """Whether the listener went away."""

    def leave(self) -> None:
        self.is_left = True


class _ListenerLeft(Exception):
    """Nobody listens any more: what was made until then is charged, and the rest is not waited for."""


def require_audio(samples: int, provider: str) -> None:
    """Raises ProviderFailed where a text came to no audio."""
    if samples < LEAST_SAMPLES:
        raise ProviderFailed(f"The provider {provider} made no audio of this text. Nothing was charged.")


def _charge(hold: OpenCall, made: Made, watch: Watch, answer: Callable[[Session], None]) -> None:
    def record(tx: Session, _: Settled) -> None:
        watch.settle(tx)
        answer(tx)

    if made.samples:
        hold.capture(units=billed_seconds(made.samples), also=record)
