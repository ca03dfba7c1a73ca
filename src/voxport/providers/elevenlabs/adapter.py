"""The `elevenlabs` provider: instant voice clones and speech, within what the account allows."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from voxport.audio.codec.wav import to_pcm16, wav_bytes
from voxport.errors import (
    OutcomeUnknown,
    ProviderFailed,
    ProviderUnavailable,
    SampleUnusable,
    SlotsFull,
    VoiceLost,
    VoxportError,
)
from voxport.providers.base import (
    SAMPLE_RATE,
    Audio,
    Capabilities,
    Checkpoint,
    Circuit,
    ClonedVoice,
    Piece,
    ProgressCallback,
    Provider,
    ProviderConfig,
    RelayedAudio,
    RelayFormat,
    SlotUsage,
    StockVoice,
    Utterance,
    VoiceRef,
)
from voxport.providers.billed_client import BilledClient, RefusedCall
from voxport.providers.cached_status import CachedStatus
from voxport.providers.chunked_speech import AudioSource, speak_in_parts
from voxport.providers.elevenlabs import errors
from voxport.providers.elevenlabs.account import (
    AccountFacts,
    UnexpectedResponse,
    fetch_facts,
    is_own,
    list_account_voices,
    needs_verification,
)
from voxport.providers.ids import is_id, path_segment, require_id
from voxport.providers.limiter import Limiter
from voxport.providers.relay import relay
from voxport.providers.slots import SlotPools
from voxport.providers.unavailable import UnavailableProvider
from voxport.providers.upstream import (
    Arrival,
    RequestNotSent,
    ResponseLost,
    StreamedResponse,
    Upstream,
    UpstreamResponse,
)

_CLONE_LANGUAGE: Final = "en"
_MAX_CALLS: Final = 30  # the largest plan's
_INITIAL_CALLS: Final = 2  # the smallest plan's
MODEL: Final = "eleven_multilingual_v2"
_MAX_BREAK_SECONDS: Final = 3.0
_MARKUP_TAGS: Final = ("speak", "p", "s", "break", "sub", "say-as")
_RETRY_PAUSES: Final = (0.25, 16.0)  # seconds between two attempts of a refused call: shortest, longest
_PCM: Final = f"pcm_{SAMPLE_RATE}"  # available in every plan, and needs no decoding
_RELAYED: Final[dict[RelayFormat, str]] = {"pcm": _PCM, "mp3": "mp3_44100_128"}  # both are in every plan
_LOOKUP_DELAYS: Final = (0.0, 2.0, 5.0, 8.0, 15.0)
"""Seconds before each lookup of a voice whose creation got no response."""


def open_provider(config: ProviderConfig) -> Provider:
    """`options`: `api_key`, `base_url`, `model`."""
    options = config.options
    if not options["api_key"]:
        reason = "no key is configured: set VOXPORT_ELEVENLABS_API_KEY"
        return UnavailableProvider("elevenlabs", reason, _capabilities(AccountFacts(), config.max_text_length))
    return ElevenLabs(
        options["api_key"],
        base_url=options["base_url"],
        model=options["model"],
        tag=config.tag,
        max_text_length=config.max_text_length,
        max_concurrency=options["max_concurrency"],
        slots=config.slots,
    )


class ElevenLabs(Provider):
    """`tag` distinguishes this gateway's voices from others in the account. `timeout` is how long a call waits for its
    slot, in seconds."""

    name = "elevenlabs"

    def __init__(
        self,
        key: str,
        *,
        base_url: str,
        tag: str,
        max_text_length: int,
        model: str = MODEL,
        timeout: float = 60.0,
        read_timeout: float = 120.0,
        max_concurrency: int | None = None,
        slots: SlotPools | None = None,
        lookup_delays: tuple[float, ...] = _LOOKUP_DELAYS,
    ) -> None:
        self._upstream = Upstream(base_url, {"xi-api-key": key}, read_timeout=read_timeout)
        self._model = model
        self._speech_version = f"{base_url} {model}"
        self._facts = CachedStatus(lambda: fetch_facts(self._upstream, model), AccountFacts())
        self._limiter = Limiter(
            errors.TITLE,
            max_calls=_MAX_CALLS,
            initial_calls=_INITIAL_CALLS,
            cap=max_concurrency,
            timeout=timeout,
            name=self.name,
            slots=slots,
        )
        self._tag = tag
        self._max_text_length = max_text_length
        self._billed_client = BilledClient(
            errors.TITLE,
            self._upstream,
            self._limiter,
            label_error=errors.label_error,
            timeout=timeout,
            pauses=_RETRY_PAUSES,
        )
        self._lookup_delays = lookup_delays

    def capabilities(self) -> Capabilities:
        # The third generation of models has no breaks.
        tags = tuple(tag for tag in _MARKUP_TAGS if tag != "break" or "_v3" not in self._model)
        return replace(_capabilities(self._facts.value(), self._max_text_length), markup_tags=tags)

    def unavailable_reason(self) -> str | None:
        wait = self._upstream.breaker.seconds_left()
        if wait is not None:
            return f"it failed several times in a row and is tried again in {wait} s"
        return self._facts.problem()

    def circuit(self) -> Circuit:
        return self._upstream.breaker.state

    def slot_usage(self) -> SlotUsage:
        return self._limiter.usage()

    def list_voices(self) -> list[StockVoice]:
        return list(self._facts.value().stock)

    # Voices

    def clone(
        self,
        sample: Audio,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        """Return the voice by its name if an earlier call with this `voice_id` created it, else create it."""
        name = self._remote_name(voice_id)
        on_progress(0.1)
        found = self._find(name) or self._create(name, sample)
        on_progress(1.0)
        return ClonedVoice(found, _CLONE_LANGUAGE)

    def wait_for_creation(self, voice_id: str) -> None:
        """Look the voice up for as long as its creation can be under way."""
        name = self._remote_name(voice_id)
        for pause in self._lookup_delays:
            time.sleep(pause)
            if self._find(name) is not None:
                return

    def delete(self, voice: VoiceRef) -> None:
        answer = self._billed_client.send_free(
            "DELETE", f"/v1/voices/{path_segment(voice.provider_voice_id, errors.TITLE)}"
        )
        if answer.status != 200 and not (answer.status in (400, 404) and errors.is_voice_lost(answer)):
            raise errors.to_provider_error(answer)

    def forget(self, voice_id: str) -> None:
        """Delete the voice by its name. There may be two of that name, if a creation that was given up succeeded after
        all. Raises ProviderFailed if the id of one is invalid."""
        name = self._remote_name(voice_id)
        for voice in list(self._search(name)):
            if voice.get("name") == name:
                self.delete(VoiceRef(voice["voice_id"]))

    def _remote_name(self, voice_id: str) -> str:
        return f"voxport {self._tag} {voice_id}"

    def _find(self, name: str) -> str | None:
        """Find a voice by name. Raises SampleUnusable if it has to be verified, ProviderFailed if its id is invalid."""
        for voice in self._search(name):
            if voice.get("name") == name:
                found = require_id(voice["voice_id"], errors.TITLE)
                return self._require_verified(found, is_required=needs_verification(voice))
        return None

    def _search(self, search: str) -> Iterator[dict[str, Any]]:
        """Yield the account's own voices whose name contains `search`."""
        try:
            yield from (voice for voice in list_account_voices(self._upstream, search=search) if is_own(voice))
        except UnexpectedResponse as error:
            raise errors.to_provider_error(error.answer) from None
        except (RequestNotSent, ResponseLost):
            raise self._billed_client.unreachable_error() from None

    def _create(self, name: str, sample: Audio) -> str:
        """Create the voice. If the response is lost, look the voice up; if it is not there, create it again, once."""
        files = [("files", ("sample.wav", wav_bytes(to_pcm16(sample)), "audio/wav"))]
        for is_last in (False, True):
            try:
                with self._billed_client.translate_failures():
                    return self._created_id(
                        self._upstream.send("POST", "/v1/voices/add", data={"name": name}, files=files)
                    )
            except OutcomeUnknown as unknown:
                found = self._find_after_unknown(name, unknown)
                if found is not None:
                    return found
                if is_last:
                    raise
        raise AssertionError("unreachable")

    def _find_after_unknown(self, name: str, unknown: OutcomeUnknown) -> str | None:
        """Look for the voice several times. Its creation takes ten seconds and may still be under way."""
        for pause in self._lookup_delays:
            time.sleep(pause)
            try:
                found = self._find(name)
            except (SampleUnusable, ProviderFailed):
                raise
            except VoxportError:  # the outcome stays unknown, and the voice must not be created again
                raise unknown from None
            if found is not None:
                return found
        return None

    def _created_id(self, answer: UpstreamResponse) -> str:
        body = answer.json()
        if answer.status != 200:
            raise self._refusal_error(answer)
        voice_id = body.get("voice_id") if isinstance(body, dict) else None
        if not isinstance(voice_id, str) or not voice_id:
            unknown = OutcomeUnknown(f"{errors.TITLE} did not say whether it made the voice.")
            raise errors.label_error(unknown, answer)
        require_id(voice_id, errors.TITLE)
        return self._require_verified(voice_id, is_required=bool(body.get("requires_verification")))

    def _require_verified(self, voice_id: str, *, is_required: bool) -> str:
        """Return the voice id. If the speaker has to verify the voice first, delete it and raise SampleUnusable."""
        if not is_required:
            return voice_id
        with contextlib.suppress(VoxportError):
            self.delete(VoiceRef(voice_id))
        raise SampleUnusable(
            f"{errors.TITLE} takes this for a protected voice and wants its speaker to verify it. Clone it with "
            "another provider, or send another speaker.",
            details={"reason": "requires_verification", "provider": self.name},
        )

    # Speech

    def speech_version(self) -> str:
        return self._speech_version

    def pause_markup(self, seconds: float) -> str:
        """Return as many breaks as the seconds need, of at most three seconds each."""
        count = max(1, math.ceil(seconds / _MAX_BREAK_SECONDS))
        return " ".join([f'<break time="{max(seconds / count, 0.1):.1f}s" />'] * count)

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        return speak_in_parts(utterance, limit=self._limit(), source=self._source(voice, utterance, _PCM))

    def can_relay(self, utterance: Utterance, audio_format: RelayFormat) -> bool:
        return len(utterance.text) <= self._limit()

    def relay(self, voice: VoiceRef, utterance: Utterance, audio_format: RelayFormat) -> Iterator[RelayedAudio]:
        arrival = Arrival()
        source = self._source(voice, utterance, _RELAYED[audio_format], arrival)
        return relay(utterance, audio_format, source, arrival.is_complete)

    def _limit(self) -> int:
        return min(self._facts.value().max_text_length, self._max_text_length)

    def _source(
        self, voice: VoiceRef, utterance: Utterance, output_format: str, arrival: Arrival | None = None
    ) -> AudioSource:
        if not is_id(voice.provider_voice_id):
            raise VoiceLost(f"{errors.TITLE} has no voice under this id.")
        path = f"/v1/text-to-speech/{path_segment(voice.provider_voice_id, errors.TITLE)}"
        if utterance.low_latency:
            path += "/stream"
        wanted = {"voice_settings": dict(utterance.settings)} if utterance.settings else {}

        def source(part: str) -> Iterator[bytes]:
            request = {
                "params": {"output_format": output_format},
                "json": {"text": part, "model_id": self._model, **wanted},
            }
            with self._billed_client.send_billed(utterance.client, path, self._classify, **request) as streamed:
                if arrival is not None:
                    arrival.response = streamed
                yield from _audio(streamed)

        return source

    def _classify(self, streamed: StreamedResponse) -> StreamedResponse | RefusedCall:
        if streamed.status == 200:
            self._apply_call_limit(streamed)
            return streamed
        answer = streamed.read()
        return RefusedCall(
            self._refusal_error(answer, is_speech=True),
            is_busy=errors.is_busy(answer),
            retry_after=errors.retry_after(answer),
        )

    def _apply_call_limit(self, streamed: StreamedResponse) -> None:
        """Set the limit of concurrent calls that the response reports, if it reports one."""
        max_calls = streamed.headers.get("maximum-concurrent-requests", "")
        if max_calls.isdecimal() and len(max_calls) < 6:
            self._limiter.set_max_calls(int(max_calls))

    def _refusal_error(self, answer: UpstreamResponse, *, is_speech: bool = False) -> VoxportError:
        """Translate a refusal into an error. A refusal because of the account, other than full voice slots, invalidates
        the cached facts about the account."""
        error = errors.to_provider_error(answer, is_speech=is_speech)
        if isinstance(error, ProviderUnavailable) and not isinstance(error, SlotsFull) and answer.status < 500:
            self._facts.invalidate()
        return error

    def start(self) -> None:
        self._facts.refresh()

    def close(self) -> None:
        self._upstream.close()


def _capabilities(facts: AccountFacts, max_text_length: int) -> Capabilities:
    return Capabilities(
        supports_voice_cloning=facts.can_clone,
        supports_instant_clone=facts.can_clone,
        supports_streaming=True,
        languages=facts.languages,
        clone_language=_CLONE_LANGUAGE,
        max_text_length=max_text_length,
        voice_settings=("stability", "similarity_boost", "style", "speed"),
        is_hosted=True,
        markup_tags=_MARKUP_TAGS,
    )


def _audio(streamed: StreamedResponse) -> Iterator[bytes]:
    """Yield the audio of a response. Raises ProviderError if a 200 contains none."""
    if streamed.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        raise errors.to_provider_error(streamed.read(), is_speech=True)
    is_empty = True
    if not _is_text(streamed.headers):
        for part in streamed.chunks:
            is_empty = is_empty and not part
            yield part
    if is_empty:
        raise errors.label_error(ProviderFailed(f"{errors.TITLE} sent no audio."), streamed.without_body())


def _is_text(headers: Mapping[str, str]) -> bool:
    """Whether the response is a page of text instead of audio. Other content types are not trusted."""
    return headers.get("content-type", "").startswith("text/")
