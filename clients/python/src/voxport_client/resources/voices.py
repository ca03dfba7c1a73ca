"""`client.voices`: cloning, and the library."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from voxport_client.models.jobs import Accepted, CheckedSample, ClonedVoice
from voxport_client.models.names import Consent, ProviderChoice, ProviderName
from voxport_client.models.voices import DeletedVoice, Voice, VoiceDetail, VoiceList
from voxport_client.resources.jobs import AsyncJobs, Jobs
from voxport_client.resources.media import AsyncMedia, Media
from voxport_client.resources.pending import AsyncPendingJob, PendingJob, cloned_voice
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, billed, parse_body, parse_data, path, sent
from voxport_client.transport.sync_transport import Transport
from voxport_client.transport.uploads import AudioSource, UploadProgress


def _clone(audio_url: str, idempotency_key: str | None, **fields: Any) -> Call[Accepted]:
    body = {"audioUrl": audio_url, **sent(**fields)}
    return billed(Call("POST", "/v1/proxy/core-voice-clone", parse_body(Accepted), body=body), idempotency_key)


def _check(audio_url: str) -> Call[CheckedSample]:
    return Call("POST", "/v1/samples/check", parse_data(CheckedSample), body={"audioUrl": audio_url})


def _bind(voice_id: str, idempotency_key: str | None, **fields: Any) -> Call[Accepted]:
    where = path("/v1/voices/{voice_id}/bindings", voice_id=voice_id)
    return billed(Call("POST", where, parse_body(Accepted), body=sent(**fields)), idempotency_key)


def _overview(provider: str | None, language: str | None, cloned: bool | None) -> Call[VoiceList]:
    query = {"provider": provider, "language": language, "cloned": cloned}
    return Call("GET", "/v1/proxy/core-tts-voices", parse_data(VoiceList), query=query)


def _get(voice_id: str) -> Call[VoiceDetail]:
    return Call("GET", path("/v1/voices/{voice_id}", voice_id=voice_id), parse_data(VoiceDetail))


def _update(voice_id: str, **fields: Any) -> Call[VoiceDetail]:
    where = path("/v1/voices/{voice_id}", voice_id=voice_id)
    return Call("PATCH", where, parse_data(VoiceDetail), body=sent(**fields))


def _mix(name: str, parts: Mapping[str, float], idempotency_key: str | None, **fields: Any) -> Call[VoiceDetail]:
    mix = [{"voice_id": voice_id, "weight": weight} for voice_id, weight in parts.items()]
    body = {"name": name, "mix": mix, **sent(**fields)}
    return billed(Call("POST", "/v1/voices", parse_data(VoiceDetail), body=body), idempotency_key)


def _delete(voice_id: str, with_mixes: bool) -> Call[DeletedVoice]:
    where, query = path("/v1/voices/{voice_id}", voice_id=voice_id), {"with_mixes": with_mixes or None}
    return Call("DELETE", where, parse_data(DeletedVoice), query=query)


class Voices:
    def __init__(self, transport: Transport, jobs: Jobs, media: Media) -> None:
        self._transport = transport
        self._jobs = jobs
        self._media = media

    def clone(
        self,
        audio: AudioSource,
        *,
        name: str | None = None,
        description: str | None = None,
        provider: ProviderChoice | None = None,
        webhook_url: str | None = None,
        consent: Consent | None = None,
        on_upload: UploadProgress | None = None,
        idempotency_key: str | None = None,
    ) -> PendingJob[ClonedVoice]:
        """Queue the cloning of a voice: `.wait()` gives it. `audio` is a recording or a video: a path, bytes, an open
        binary file, or an `http(s)` URL; `on_upload` gets the bytes that were sent and all bytes. Billed once, when the
        job completes."""
        url = self._media.url_of(audio, on_progress=on_upload)
        call = _clone(
            url,
            idempotency_key,
            name=name,
            description=description,
            provider=provider,
            webhook_url=webhook_url,
            consent=consent,
        )
        return PendingJob(self._jobs, self._transport.send(call), call.idempotency_key, cloned_voice)

    def check_sample(self, audio: AudioSource, *, on_upload: UploadProgress | None = None) -> CheckedSample:
        """Measure a recording as a clone of it would, before that is paid for: `audio` and `on_upload` are those of
        `clone`. Free. Raises BadRequestError, with the reason, for a recording that can't be cloned."""
        return self._transport.send(_check(self._media.url_of(audio, on_progress=on_upload)))

    def bind(
        self,
        voice_id: str,
        provider: ProviderName,
        *,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> PendingJob[ClonedVoice]:
        """Queue the cloning of a voice at another provider, where it gets the same `voice_id`. Billed as a clone."""
        call = _bind(voice_id, idempotency_key, provider=provider, webhook_url=webhook_url)
        return PendingJob(self._jobs, self._transport.send(call), call.idempotency_key, cloned_voice)

    def mix(
        self,
        name: str,
        parts: Mapping[str, float],
        *,
        pitch: float | None = None,
        rate: float | None = None,
        tone: float | None = None,
        language: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> VoiceDetail:
        """Mix voices into a new one, free: `parts` are the weights by voice, stock voices of `local` and your own that
        are there. `pitch` is in semitones above the mean of theirs (-6 to 6), `rate` a factor on theirs (0.5 to 2),
        `tone` from -1 (dark) to 1 (bright). `language` is that of the heaviest part unless it is given."""
        call = _mix(
            name,
            parts,
            idempotency_key,
            pitch=pitch,
            rate=rate,
            tone=tone,
            language=language,
            description=description,
        )
        return self._transport.send(call)

    def list(
        self, *, provider: ProviderName | None = None, language: str | None = None, cloned: bool | None = None
    ) -> builtins.list[Voice]:
        """The stock voices and your own. `cloned` True lists only your own, False only stock voices."""
        return self.overview(provider=provider, language=language, cloned=cloned).voices

    def overview(
        self, *, provider: ProviderName | None = None, language: str | None = None, cloned: bool | None = None
    ) -> VoiceList:
        """The voices, what each provider can do, and which provider could not be asked."""
        return self._transport.send(_overview(provider, language, cloned))

    def get(self, voice_id: str) -> VoiceDetail:
        return self._transport.send(_get(voice_id))

    def update(
        self,
        voice_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        pronunciations: Sequence[str] | None = None,
    ) -> VoiceDetail:
        """Change what is not None. `pronunciations` are the dictionaries that speak where a call names none."""
        return self._transport.send(
            _update(voice_id, name=name, description=description, tags=tags, pronunciations=pronunciations)
        )

    def delete(self, voice_id: str, *, with_mixes: bool = False) -> DeletedVoice:
        """Delete a voice of yours, at its providers too, and `with_mixes` the mixes that a clone is in. Raises
        ConflictError for a clone that is in mixes, which are to stay."""
        return self._transport.send(_delete(voice_id, with_mixes))


class AsyncVoices:
    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs, media: AsyncMedia) -> None:
        self._transport = transport
        self._jobs = jobs
        self._media = media

    async def clone(
        self,
        audio: AudioSource,
        *,
        name: str | None = None,
        description: str | None = None,
        provider: ProviderChoice | None = None,
        webhook_url: str | None = None,
        consent: Consent | None = None,
        on_upload: UploadProgress | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncPendingJob[ClonedVoice]:
        """Queue the cloning of a voice: `.wait()` gives it. `audio` is a recording or a video: a path, bytes, an open
        binary file, or an `http(s)` URL; `on_upload` gets the bytes that were sent and all bytes. Billed once, when the
        job completes."""
        url = await self._media.url_of(audio, on_progress=on_upload)
        call = _clone(
            url,
            idempotency_key,
            name=name,
            description=description,
            provider=provider,
            webhook_url=webhook_url,
            consent=consent,
        )
        return AsyncPendingJob(self._jobs, await self._transport.send(call), call.idempotency_key, cloned_voice)

    async def check_sample(self, audio: AudioSource, *, on_upload: UploadProgress | None = None) -> CheckedSample:
        """Measure a recording as a clone of it would, before that is paid for: `audio` and `on_upload` are those of
        `clone`. Free. Raises BadRequestError, with the reason, for a recording that can't be cloned."""
        return await self._transport.send(_check(await self._media.url_of(audio, on_progress=on_upload)))

    async def bind(
        self,
        voice_id: str,
        provider: ProviderName,
        *,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncPendingJob[ClonedVoice]:
        """Queue the cloning of a voice at another provider, where it gets the same `voice_id`. Billed as a clone."""
        call = _bind(voice_id, idempotency_key, provider=provider, webhook_url=webhook_url)
        return AsyncPendingJob(self._jobs, await self._transport.send(call), call.idempotency_key, cloned_voice)

    async def mix(
        self,
        name: str,
        parts: Mapping[str, float],
        *,
        pitch: float | None = None,
        rate: float | None = None,
        tone: float | None = None,
        language: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> VoiceDetail:
        """Mix voices into a new one, free: `parts` are the weights by voice, stock voices of `local` and your own that
        are there. `pitch` is in semitones above the mean of theirs (-6 to 6), `rate` a factor on theirs (0.5 to 2),
        `tone` from -1 (dark) to 1 (bright). `language` is that of the heaviest part unless it is given."""
        call = _mix(
            name,
            parts,
            idempotency_key,
            pitch=pitch,
            rate=rate,
            tone=tone,
            language=language,
            description=description,
        )
        return await self._transport.send(call)

    async def list(
        self, *, provider: ProviderName | None = None, language: str | None = None, cloned: bool | None = None
    ) -> builtins.list[Voice]:
        """The stock voices and your own. `cloned` True lists only your own, False only stock voices."""
        return (await self.overview(provider=provider, language=language, cloned=cloned)).voices

    async def overview(
        self, *, provider: ProviderName | None = None, language: str | None = None, cloned: bool | None = None
    ) -> VoiceList:
        """The voices, what each provider can do, and which provider could not be asked."""
        return await self._transport.send(_overview(provider, language, cloned))

    async def get(self, voice_id: str) -> VoiceDetail:
        return await self._transport.send(_get(voice_id))

    async def update(
        self,
        voice_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        pronunciations: Sequence[str] | None = None,
    ) -> VoiceDetail:
        """Change what is not None. `pronunciations` are the dictionaries that speak where a call names none."""
        return await self._transport.send(
            _update(voice_id, name=name, description=description, tags=tags, pronunciations=pronunciations)
        )

    async def delete(self, voice_id: str, *, with_mixes: bool = False) -> DeletedVoice:
        """Delete a voice of yours, at its providers too, and `with_mixes` the mixes that a clone is in. Raises
        ConflictError for a clone that is in mixes, which are to stay."""
        return await self._transport.send(_delete(voice_id, with_mixes))
