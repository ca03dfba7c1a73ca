"""The calls that speak, and what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from voxport_client.errors import PermissionDeniedError
from voxport_client.models.jobs import Accepted
from voxport_client.models.names import Consent, ProviderChoice, VoiceSettings
from voxport_client.models.speech import (
    Estimate,
    InstantSpeech,
    SpeechCost,
    SpeechFile,
    SpeechUsage,
    Spoken,
    TextPreview,
)
from voxport_client.resources.media import AsyncMedia, Media
from voxport_client.transport.attempts import request_id_of
from voxport_client.transport.calls import IDEMPOTENCY_KEY, Call, billed, parse_body, parse_data, sent
from voxport_client.transport.responses import decimal_header, warnings_of

TTS = "/v1/proxy/core-tts"
INSTANT = "/v1/proxy/core-instant-clone-tts"
AS_JOB = {"Prefer": "respond-async"}


class _Speech:
    """What both kinds of Speech show."""

    def __init__(self, spoken: Spoken, response: httpx2.Response, idempotency_key: str) -> None:
        self.file: SpeechFile = spoken.data
        self.usage: SpeechUsage = spoken.usage
        self.cost: SpeechCost = spoken.cost
        self.request_id = request_id_of(response)
        self.idempotency_key = idempotency_key
        self.is_cached = response.headers.get("X-Gateway-Cache") == "hit"

    @property
    def url(self) -> str:
        """A signed URL that reads the audio without a key, for a day."""
        return self.file.url or ""

    @property
    def key(self) -> str:
        """The file's key in `client.media`."""
        return self.file.key

    @property
    def duration_seconds(self) -> float:
        return self.file.duration_seconds

    @property
    def warnings(self) -> list[str]:
        return self.file.warnings

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, duration_seconds={self.duration_seconds})"


class Speech(_Speech):
    """Spoken text: a file in the gateway's storage, with what it cost. `is_cached`: an earlier call's file, for
    nothing."""

    def __init__(self, media: Media, spoken: Spoken, response: httpx2.Response, idempotency_key: str) -> None:
        super().__init__(spoken, response, idempotency_key)
        self._media = media

    def read(self) -> bytes:
        """Download the audio."""
        try:
            return self._media.read_url(self.url)
        except PermissionDeniedError:  # the URL has expired
            return self._media.read(self.key)

    def save(self, path: str | Path) -> Path:
        """Download the audio to a file, which appears when it is complete. Returns its path."""
        try:
            return self._media.save_url(self.url, path)
        except PermissionDeniedError:
            return self._media.save(self.key, path)


class AsyncSpeech(_Speech):
    """Spoken text: a file in the gateway's storage, with what it cost. `is_cached`: an earlier call's file, for
    nothing."""

    def __init__(self, media: AsyncMedia, spoken: Spoken, response: httpx2.Response, idempotency_key: str) -> None:
        super().__init__(spoken, response, idempotency_key)
        self._media = media

    async def read(self) -> bytes:
        """Download the audio."""
        try:
            return await self._media.read_url(self.url)
        except PermissionDeniedError:  # the URL has expired
            return await self._media.read(self.key)

    async def save(self, path: str | Path) -> Path:
        """Download the audio to a file, which appears when it is complete. Returns its path."""
        try:
            return await self._media.save_url(self.url, path)
        except PermissionDeniedError:
            return await self._media.save(self.key, path)


def speech_body(
    text: str,
    voice_id: str,
    *,
    provider: ProviderChoice | None,
    output_format: str | None,
    language: str | None,
    voice_settings: VoiceSettings | None,
    markup: str | None = None,
    pronunciations: Sequence[str] | None = None,
    timestamps: str | None = None,
    subtitles: Sequence[str] | None = None,
    sample_rate: int | None = None,
    folder_id: str | None = None,
    webhook_url: str | None = None,
    cache: bool | None = None,
) -> dict[str, Any]:
    return sent(
        text=text,
        voice_id=voice_id,
        provider=provider,
        output_format=output_format,
        language=language,
        voice_settings=voice_settings,
        markup=markup,
        pronunciations=None if pronunciations is None else list(pronunciations),
        timestamps=timestamps,
        subtitles=None if subtitles is None else list(subtitles),
        sample_rate=sample_rate,
        folder_id=folder_id,
        webhook_url=webhook_url,
        cache=cache,
    )


def speak_call(body: Mapping[str, Any], idempotency_key: str | None) -> Call[tuple[Spoken, httpx2.Response]]:
    parse = parse_body(Spoken)
    return billed(Call("POST", TTS, lambda response: (parse(response), response), body=body), idempotency_key)


def stream_call(body: Mapping[str, Any], idempotency_key: str | None) -> Call[None]:
    call: Call[None] = Call("POST", TTS, lambda _: None, body={**body, "stream": True}, headers={"Accept": "*/*"})
    return billed(call, idempotency_key)


def submit_call(body: Mapping[str, Any], idempotency_key: str | None) -> Call[Accepted]:
    return billed(Call("POST", TTS, parse_body(Accepted), body=body, headers=AS_JOB), idempotency_key)


def estimate_call(body: Mapping[str, Any], *, as_job: bool) -> Call[Estimate]:
    return Call("POST", "/v1/estimate", parse_data(Estimate), body=body, headers=AS_JOB if as_job else {})


def preview_call(body: Mapping[str, Any]) -> Call[TextPreview]:
    return Call("POST", "/v1/text/preview", parse_data(TextPreview), body=body)


def instant_call(body: Mapping[str, Any], idempotency_key: str | None) -> Call[InstantSpeech]:
    call: Call[InstantSpeech] = Call("POST", INSTANT, _instant, body=body, headers={"Accept": "*/*"})
    return billed(call, idempotency_key)


def instant_body(
    audio_url: str,
    text: str,
    *,
    provider: ProviderChoice | None,
    voice_settings: VoiceSettings | None,
    consent: Consent | None,
) -> dict[str, Any]:
    fields = sent(provider=provider, voice_settings=voice_settings, consent=consent)
    return {"audioUrl": audio_url, "text": text, **fields}


def _instant(response: httpx2.Response) -> InstantSpeech:
    headers = response.headers
    return InstantSpeech(
        audio=response.content,
        voice_id=headers.get("X-Used-Voice-Id", ""),
        provider=headers.get("X-Provider", ""),
        text_length=int(decimal_header(response, "X-Text-Length")),
        units=float(decimal_header(response, "X-Gateway-Units")),
        tokens=decimal_header(response, "X-Gateway-Token-Cost"),
        balance=decimal_header(response, "X-Gateway-Credit-Balance"),
        warnings=warnings_of(response),
        request_id=request_id_of(response),
        idempotency_key=response.request.headers[IDEMPOTENCY_KEY],
    )
