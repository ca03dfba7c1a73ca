"""The `minimax` provider: rapid clones, with ids that the gateway chooses, and speech."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

from voxport.audio.codec.wav import to_pcm16, wav_bytes
from voxport.errors import OutcomeUnknown, ProviderFailed, VoiceLost
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
from voxport.providers.cached_status import CachedStatus, ProbeFailed
from voxport.providers.chunked_speech import AudioSource, speak_in_parts
from voxport.providers.ids import is_stock_id, plain_text
from voxport.providers.limiter import Limiter
from voxport.providers.minimax import errors
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

MODEL: Final = "speech-2.6-hd"
_MAX_TEXT_LENGTH: Final = 9_999  # characters of one call
_LANGUAGE_BOOSTS: Final = {
    **{"en": "English", "zh": "Chinese", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian"},
    **{"pt": "Portuguese", "ja": "Japanese", "ko": "Korean", "ar": "Arabic", "ru": "Russian", "hi": "Hindi"},
    **{"nl": "Dutch", "pl": "Polish", "tr": "Turkish", "uk": "Ukrainian", "id": "Indonesian", "vi": "Vietnamese"},
}
"""MiniMax's names of languages. It takes no codes."""
_CLONE_LANGUAGE: Final = "en"
_MIN_SAMPLE_SECONDS: Final = 10  # the minimum of MiniMax
_UNUSED_DAYS: Final = 7.0
_MAX_CALLS: Final = 20
_INITIAL_CALLS: Final = 4
_RETRY_PAUSES: Final = (0.5, 16.0)  # seconds between two attempts of a refused call: shortest, longest
_ACTIVATION_TEXT: Final = "Hello."
"""A short text to speak, because a clone becomes permanent only once it has spoken."""
_MAX_IDS: Final = 5
_MAX_FILE_ID: Final = 1 << 64
_MAX_LINE_BYTES: Final = 32 * 1024 * 1024  # of an event


def open_provider(config: ProviderConfig) -> Provider:
    """`options`: `api_key`, `base_url`, `model`, `group_id`."""
    options = config.options
    if not options["api_key"]:
        reason = "no key is configured: set VOXPORT_MINIMAX_API_KEY"
        return UnavailableProvider("minimax", reason, _capabilities(config.max_text_length))
    return MiniMax(
        options["api_key"],
        base_url=options["base_url"],
        model=options["model"],
        group_id=options["group_id"],
        tag=config.tag,
        max_text_length=config.max_text_length,
        max_concurrency=options["max_concurrency"],
        slots=config.slots,
    )


class MiniMax(Provider):
    """`tag` distinguishes this gateway's voices from others in the account. `group_id` is for accounts that still need
    one. `timeout` is how long a call waits for its slot, in seconds."""

    name = "minimax"

    def __init__(
        self,
        key: str,
        *,
        base_url: str,
        tag: str,
        max_text_length: int,
        model: str = MODEL,
        group_id: str | None = None,
        timeout: float = 60.0,
        read_timeout: float = 120.0,
        max_concurrency: int | None = None,
        slots: SlotPools | None = None,
    ) -> None:
        self._upstream = Upstream(base_url, {"Authorization": f"Bearer {key}"}, read_timeout=read_timeout)
        self._limiter = Limiter(
            errors.TITLE,
            max_calls=_MAX_CALLS,
            initial_calls=_INITIAL_CALLS,
            cap=max_concurrency,
            timeout=timeout,
            name=self.name,
            slots=slots,
        )
        self._query = {"GroupId": group_id} if group_id else {}
        self._model = model
        self._speech_version = f"{base_url} {group_id or ''} {model}"
        self._tag = re.sub(r"[^A-Za-z0-9]", "", tag)
        self._max_text_length = max_text_length
        self._billed_client = BilledClient(
            errors.TITLE,
            self._upstream,
            self._limiter,
            label_error=errors.label_error,
            timeout=timeout,
            pauses=_RETRY_PAUSES,
        )
        self._stock: CachedStatus[tuple[StockVoice, ...]] = CachedStatus(self._fetch_stock, ())

    def capabilities(self) -> Capabilities:
        return _capabilities(self._max_text_length)

    def unavailable_reason(self) -> str | None:
        wait = self._upstream.breaker.seconds_left()
        if wait is not None:
            return f"it failed several times in a row and is tried again in {wait} s"
        return self._stock.problem()

    def circuit(self) -> Circuit:
        return self._upstream.breaker.state

    def slot_usage(self) -> SlotUsage:
        return self._limiter.usage()

    def list_voices(self) -> list[StockVoice]:
        return list(self._stock.value())

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
        """Create the voice under an id derived from `voice_id`. If MiniMax reports the id as taken, an earlier call
        created the voice. It also reports ids of deleted voices as taken; then the next id is tried. A persistent clone
        speaks once, so that it stays for at least a week."""
        on_progress(0.1)
        file_id = self._upload(sample)
        on_progress(0.4)
        for number in range(_MAX_IDS):
            remote_id = self._remote_id(voice_id, number)
            is_new, answer = self._create_voice(file_id, remote_id)
            on_progress(0.7)
            if (is_new and instant) or self._activate(remote_id):
                on_progress(1.0)
                return ClonedVoice(remote_id, _CLONE_LANGUAGE)
        failed = ProviderFailed(f"{errors.TITLE} gave no id for this voice. Clone it anew.")
        raise errors.label_error(failed, answer)

    def delete(self, voice: VoiceRef) -> None:
        body = {"voice_type": "voice_cloning", "voice_id": voice.provider_voice_id}
        answer = self._send_free("/v1/delete_voice", json=body)
        # The code for a missing voice is undocumented; it can only be an invalid parameter (2013).
        if answer.status != 200 or errors.code_of(answer.json()) not in (0, 2013, 2042, 2054):
            raise errors.to_provider_error(answer)

    def forget(self, voice_id: str) -> None:
        """Delete the voice under each id that it may have, because a voice that never spoke is in no list."""
        for number in range(_MAX_IDS):
            self.delete(VoiceRef(self._remote_id(voice_id, number)))

    def _remote_id(self, voice_id: str, number: int) -> str:
        return f"vxp-{self._tag}-{re.sub(r'[^A-Za-z0-9]', '', voice_id)}-{number}x"

    def _upload(self, sample: Audio) -> int:
        files = {"file": ("sample.wav", wav_bytes(to_pcm16(sample)), "audio/wav")}
        answer = self._send_free("/v1/files/upload", data={"purpose": "voice_clone"}, files=files)
        body = answer.json()
        file = body.get("file") if isinstance(body, dict) else None
        if answer.status != 200 or errors.code_of(body) != 0 or not isinstance(file, dict):
            raise errors.to_provider_error(answer)
        file_id = file.get("file_id")
        if not isinstance(file_id, int) or isinstance(file_id, bool) or not 0 <= file_id < _MAX_FILE_ID:
            failed = ProviderFailed(f"{errors.TITLE} did not take the recording. Nothing was charged; try again.")
            raise errors.label_error(failed, answer)
        return file_id

    def _create_voice(self, file_id: int, remote_id: str) -> tuple[bool, UpstreamResponse]:
        """Create the voice. Returns whether it is new (False if the id was taken), and the response. A voice costs
        nothing until it speaks, so the request is free and is retried."""
        answer = self._send_free("/v1/voice_clone", json={"file_id": file_id, "voice_id": remote_id})
        code = errors.code_of(answer.json()) if answer.status == 200 else None
        if code not in (0, errors.DUPLICATE):
            raise errors.to_provider_error(answer)
        return code == 0, answer

    def _activate(self, remote_id: str) -> bool:
        """Speak once with the voice. Returns whether it exists: until it has spoken, it is in no list."""
        try:
            for _ in self.speak(VoiceRef(remote_id), Utterance(_ACTIVATION_TEXT, _CLONE_LANGUAGE)):
                pass
        except VoiceLost:
            return False
        return True

    # Speech

    def speech_version(self) -> str:
        return self._speech_version

    def pause_markup(self, seconds: float) -> str:
        return f"<#{max(seconds, 0.01):.2f}#>"

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        return speak_in_parts(utterance, limit=self._limit, source=self._source(voice, utterance, "pcm"))

    def can_relay(self, utterance: Utterance, audio_format: RelayFormat) -> bool:
        return len(utterance.text) <= self._limit

    def relay(self, voice: VoiceRef, utterance: Utterance, audio_format: RelayFormat) -> Iterator[RelayedAudio]:
        arrival = Arrival()
        return relay(
            utterance, audio_format, self._source(voice, utterance, audio_format, arrival), arrival.is_complete
        )

    @property
    def _limit(self) -> int:
        return min(_MAX_TEXT_LENGTH, self._max_text_length)

    def _source(
        self, voice: VoiceRef, utterance: Utterance, audio_format: RelayFormat, arrival: Arrival | None = None
    ) -> AudioSource:
        body = {
            "model": self._model,
            "voice_setting": {"voice_id": voice.provider_voice_id, "speed": utterance.speed},
            "audio_setting": {"sample_rate": SAMPLE_RATE, "format": audio_format, "channel": 1},
            "language_boost": _LANGUAGE_BOOSTS.get(utterance.language.partition("-")[0], "auto"),
        }

        def source(part: str) -> Iterator[bytes]:
            # Stream even without `low_latency`: a single response would hold all of the audio in hexadecimal.
            # Without the exclusion the last event repeats all of the audio.
            options = {"stream": True, "stream_options": {"exclude_aggregated_audio": True}}
            with self._send_billed(utterance.client, {**body, "text": part, **options}) as streamed:
                if arrival is not None:
                    arrival.response = streamed
                yield from _events(streamed)

        return source

    def _send_billed(self, client: str, body: dict[str, Any]) -> AbstractContextManager[StreamedResponse]:
        return self._billed_client.send_billed(client, "/v1/t2a_v2", _classify, params=self._query, json=body)

    # The account

    def _fetch_stock(self) -> tuple[StockVoice, ...]:
        """Query the system voices. Raises ProbeFailed."""
        try:
            answer = self._upstream.send_with_retries(
                "POST", "/v1/get_voice", params=self._query, json={"voice_type": "system"}
            )
        except (RequestNotSent, ResponseLost):
            raise ProbeFailed("it does not answer", is_final=False) from None
        body = answer.json()
        code = errors.code_of(body)
        if errors.is_key_error(code):
            raise ProbeFailed("it refuses the key that is set", is_final=True)
        if answer.status != 200 or code != 0:
            raise ProbeFailed("it does not answer as it should", is_final=False)
        listed = body.get("system_voice")
        return tuple(
            StockVoice(
                one["voice_id"], plain_text(one.get("voice_name") or "", default=one["voice_id"]), _language(one), None
            )
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict) and is_stock_id(one.get("voice_id"))
        )

    def _send_free(self, path: str, **request: Any) -> UpstreamResponse:
        return self._billed_client.send_free("POST", path, params=self._query, **request)

    def start(self) -> None:
        self._stock.refresh()

    def close(self) -> None:
        self._upstream.close()


def _capabilities(max_text_length: int) -> Capabilities:
    return Capabilities(
        supports_voice_cloning=True,
        supports_instant_clone=True,
        supports_streaming=True,
        languages=tuple(_LANGUAGE_BOOSTS),
        clone_language=_CLONE_LANGUAGE,
        max_text_length=max_text_length,
        voice_settings=("speed",),
        sample_min_seconds=_MIN_SAMPLE_SECONDS,
        is_hosted=True,
        markup_tags=("speak", "p", "s", "break", "sub", "say-as"),
        unused_days=_UNUSED_DAYS,
    )


def _language(voice: dict[str, Any]) -> str:
    """Return the language of a system voice, whose id begins with the language's name."""
    start = re.match(r"[A-Za-z]+", str(voice["voice_id"]))
    names = {name: code for code, name in _LANGUAGE_BOOSTS.items()}
    return names.get(start[0], _CLONE_LANGUAGE) if start else _CLONE_LANGUAGE


def _is_json(streamed: StreamedResponse) -> bool:
    return streamed.headers.get("content-type", "").startswith("application/json")


def _classify(streamed: StreamedResponse) -> StreamedResponse | RefusedCall:
    """Accept or refuse a response. A refusal is plain JSON, even for a stream."""
    if streamed.status == 200 and not _is_json(streamed):
        return streamed
    answer = streamed.read(_MAX_LINE_BYTES)
    code = errors.code_of(answer.json())
    if answer.status == 200 and code == 0:
        return StreamedResponse(answer.status, answer.headers, iter([answer.content]))
    streamed.is_failure = errors.is_down(code)
    return RefusedCall(
        errors.to_provider_error(answer, is_speech=True), is_busy=answer.status == 429 or errors.is_busy(code)
    )


def _audio(answer: UpstreamResponse) -> bytes:
    """Return the audio of a response, decoded from hexadecimal. Raises ProviderError."""
    body = answer.json()
    data = body.get("data") if isinstance(body, dict) else None
    audio = data.get("audio") if isinstance(data, dict) else None
    if not isinstance(audio, str) or not audio:
        raise errors.label_error(ProviderFailed(f"{errors.TITLE} sent no audio."), answer)
    return _from_hex(audio)


def _events(streamed: StreamedResponse) -> Iterator[bytes]:
    """Yield the audio of each event. Raises ProviderError for an error code in an event, OutcomeUnknown if one follows
    audio, ResponseLost if the last event is missing."""
    if _is_json(streamed):
        yield _audio(streamed.read())
        return
    if streamed.headers.get("content-type", "").startswith("text/html"):
        raise errors.label_error(ProviderFailed(f"{errors.TITLE} sent no audio."), streamed.without_body())
    has_spoken = False
    for line in _lines(streamed.chunks):
        if not line.startswith(b"data:"):
            continue
        event = UpstreamResponse(200, streamed.headers, line[5:]).json()
        if errors.code_of(event) not in (0, None):
            error = errors.to_provider_error(UpstreamResponse(200, streamed.headers, b""), event, is_speech=True)
            # The audio before it may be billed.
            raise OutcomeUnknown(f"{errors.TITLE} broke off.", details=error.details) if has_spoken else error
        data = event.get("data") if isinstance(event, dict) else None
        if not isinstance(data, dict):
            continue
        if data.get("status") == 2:
            return
        if isinstance(data.get("audio"), str):
            has_spoken = True
            yield _from_hex(data["audio"])
    raise ResponseLost


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Split into lines. Raises ResponseLost if a line is too long."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        if b"\n" in part:
            *lines, rest = bytes(waiting).split(b"\n")
            waiting = bytearray(rest)
            yield from lines
        elif len(waiting) > _MAX_LINE_BYTES:
            raise ResponseLost
    yield bytes(waiting)


def _from_hex(audio: str) -> bytes:
    try:
        return bytes.fromhex(audio)
    except ValueError:
        raise ProviderFailed(f"{errors.TITLE} sent no audio that can be read.") from None
