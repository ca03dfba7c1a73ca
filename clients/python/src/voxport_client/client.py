"""The blocking client."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx2

from voxport_client.models.billing import Catalog
from voxport_client.models.names import (
    Consent,
    Markup,
    OutputFormat,
    ProviderChoice,
    SampleRate,
    StreamFormat,
    SubtitleFormat,
    TimestampGranularity,
    VoiceSettings,
)
from voxport_client.models.speech import Estimate, InstantSpeech, SpeechFile, TextPreview
from voxport_client.resources.admin import Admin
from voxport_client.resources.billing import Billing
from voxport_client.resources.health import catalog_call, is_up, ping_call
from voxport_client.resources.jobs import Jobs
from voxport_client.resources.keys import Keys
from voxport_client.resources.media import Media
from voxport_client.resources.pending import PendingJob, speech_file
from voxport_client.resources.pronunciations import Pronunciations
from voxport_client.resources.scripts import Scripts
from voxport_client.resources.speech import (
    Speech,
    estimate_call,
    instant_body,
    instant_call,
    preview_call,
    speak_call,
    speech_body,
    stream_call,
    submit_call,
)
from voxport_client.resources.voices import Voices
from voxport_client.resources.watermark import Watermark
from voxport_client.resources.webhooks import Webhooks
from voxport_client.speech_stream import SpeechStream
from voxport_client.transport.calls import raw_call
from voxport_client.transport.options import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    ClientOptions,
    changed_options,
    client_options,
    direct_mounts,
    shown_url,
)
from voxport_client.transport.sync_transport import Transport
from voxport_client.transport.uploads import AudioSource, UploadProgress


class Voxport:
    """A client of a Voxport gateway. It may be shared by threads, and is closed after use, best by `with`."""

    voices: Voices
    media: Media
    jobs: Jobs
    pronunciations: Pronunciations
    scripts: Scripts
    billing: Billing
    keys: Keys
    webhooks: Webhooks
    watermark: Watermark
    admin: Admin

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        http_client: httpx2.Client | None = None,
    ) -> None:
        """`api_key` is VOXPORT_API_KEY if it is not given; `base_url` is VOXPORT_BASE_URL or VOXPORT_URL, else
        http://127.0.0.1:8000. `timeout` is the number of seconds after which a call that hears nothing is given up.
        `max_retries` limits how often a call is sent again. `http_client` is closed by its owner. Raises ValueError."""
        options = client_options(api_key, base_url, timeout, max_retries)
        self._owns_http = http_client is None
        self._open(Transport(options, http_client or httpx2.Client(mounts=direct_mounts(options.base_url))))

    def _open(self, transport: Transport) -> None:
        self._transport = transport
        self.media = Media(transport)
        self.jobs = Jobs(transport)
        self.voices = Voices(transport, self.jobs, self.media)
        self.pronunciations = Pronunciations(transport)
        self.scripts = Scripts(transport, self.jobs, self.media)
        self.billing = Billing(transport)
        self.keys = Keys(transport)
        self.webhooks = Webhooks(transport)
        self.watermark = Watermark(transport, self.media)
        self.admin = Admin(transport)

    @property
    def base_url(self) -> str:
        return self._options.base_url

    @property
    def _options(self) -> ClientOptions:
        return self._transport.options

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Voxport:
        """A client on the same connections with another timeout, in seconds, or another number of retries."""
        other = Voxport.__new__(Voxport)
        other._owns_http = False
        options = changed_options(self._options, timeout, max_retries)
        other._open(Transport(options, self._transport.http, sleep=self._transport.sleep))
        return other

    def speak(
        self,
        text: str,
        voice_id: str,
        *,
        provider: ProviderChoice | None = None,
        output_format: OutputFormat | None = None,
        language: str | None = None,
        voice_settings: VoiceSettings | None = None,
        markup: Markup | None = None,
        pronunciations: Sequence[str] | None = None,
        timestamps: TimestampGranularity | None = None,
        subtitles: Sequence[SubtitleFormat] | None = None,
        sample_rate: SampleRate | None = None,
        folder_id: str | None = None,
        cache: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Speech:
        """Speak a text of up to 5,000 characters: `.save(path)` or `.read()` gives the audio, `.cost` what it cost.
        `folder_id` is a label of yours; `cache` False speaks an identical text again. `pronunciations` are ids of
        dictionaries; `timestamps` and `subtitles` say when each word is heard. Billed by the second of audio."""
        call = speak_call(
            speech_body(
                text,
                voice_id,
                provider=provider,
                output_format=output_format,
                language=language,
                voice_settings=voice_settings,
                markup=markup,
                pronunciations=pronunciations,
                timestamps=timestamps,
                subtitles=subtitles,
                sample_rate=sample_rate,
                folder_id=folder_id,
                cache=cache,
            ),
            idempotency_key,
        )
        return Speech(self.media, *self._transport.send(call), call.idempotency_key or "")

    def stream(
        self,
        text: str,
        voice_id: str,
        *,
        provider: ProviderChoice | None = None,
        output_format: StreamFormat | None = None,
        language: str | None = None,
        voice_settings: VoiceSettings | None = None,
        markup: Markup | None = None,
        pronunciations: Sequence[str] | None = None,
        sample_rate: SampleRate | None = None,
        idempotency_key: str | None = None,
    ) -> SpeechStream:
        """Speak a text, and hear it while it is made: iterate over the chunks. Use it in `with`. Billed by the second
        of audio that was made."""
        call = stream_call(
            speech_body(
                text,
                voice_id,
                provider=provider,
                output_format=output_format,
                language=language,
                voice_settings=voice_settings,
                markup=markup,
                pronunciations=pronunciations,
                sample_rate=sample_rate,
            ),
            idempotency_key,
        )
        return SpeechStream(self._transport, call, self._transport.open(call))

    def submit(
        self,
        text: str,
        voice_id: str,
        *,
        provider: ProviderChoice | None = None,
        output_format: OutputFormat | None = None,
        language: str | None = None,
        voice_settings: VoiceSettings | None = None,
        markup: Markup | None = None,
        pronunciations: Sequence[str] | None = None,
        timestamps: TimestampGranularity | None = None,
        subtitles: Sequence[SubtitleFormat] | None = None,
        sample_rate: SampleRate | None = None,
        folder_id: str | None = None,
        webhook_url: str | None = None,
        cache: bool | None = None,
        idempotency_key: str | None = None,
    ) -> PendingJob[SpeechFile]:
        """Queue a text of up to 100,000 characters: `.wait()` gives the file, `client.media.save(file.key, path)` its
        audio. Billed by the second of audio, when the job completes."""
        call = submit_call(
            speech_body(
                text,
                voice_id,
                provider=provider,
                output_format=output_format,
                language=language,
                voice_settings=voice_settings,
                markup=markup,
                pronunciations=pronunciations,
                timestamps=timestamps,
                subtitles=subtitles,
                sample_rate=sample_rate,
                folder_id=folder_id,
                webhook_url=webhook_url,
                cache=cache,
            ),
            idempotency_key,
        )
        return PendingJob(self.jobs, self._transport.send(call), call.idempotency_key, speech_file)

    def estimate(
        self,
        text: str,
        voice_id: str,
        *,
        provider: ProviderChoice | None = None,
        output_format: OutputFormat | None = None,
        language: str | None = None,
        voice_settings: VoiceSettings | None = None,
        markup: Markup | None = None,
        pronunciations: Sequence[str] | None = None,
        as_job: bool = False,
    ) -> Estimate:
        """What a text would cost; free. `as_job` allows the length that `submit` takes."""
        body = speech_body(
            text,
            voice_id,
            provider=provider,
            output_format=output_format,
            language=language,
            voice_settings=voice_settings,
            markup=markup,
            pronunciations=pronunciations,
        )
        return self._transport.send(estimate_call(body, as_job=as_job))

    def preview(
        self,
        text: str,
        voice_id: str,
        *,
        provider: ProviderChoice | None = None,
        language: str | None = None,
        voice_settings: VoiceSettings | None = None,
        markup: Markup | None = None,
        pronunciations: Sequence[str] | None = None,
    ) -> TextPreview:
        """How a text of up to 5,000 characters will be read, in words and IPA; free."""
        body = speech_body(
            text,
            voice_id,
            provider=provider,
            output_format=None,
            language=language,
            voice_settings=voice_settings,
            markup=markup,
            pronunciations=pronunciations,
        )
        return self._transport.send(preview_call(body))

    def instant(
        self,
        audio: AudioSource,
        text: str,
        *,
        provider: ProviderChoice | None = None,
        voice_settings: VoiceSettings | None = None,
        consent: Consent | None = None,
        on_upload: UploadProgress | None = None,
        idempotency_key: str | None = None,
    ) -> InstantSpeech:
        """Speak one text in the voice of a recording, and keep no voice. `audio` is a path, bytes, an open binary file,
        or an `http(s)` URL; `on_upload` gets the bytes that were sent and all bytes. Billed by the request."""
        url = self.media.url_of(audio, on_progress=on_upload)
        body = instant_body(url, text, provider=provider, voice_settings=voice_settings, consent=consent)
        return self._transport.send(instant_call(body, idempotency_key))

    def catalog(self) -> Catalog:
        """The services with their prices and limits."""
        return self._transport.send(catalog_call())

    def is_alive(self) -> bool:
        """Whether the gateway answers."""
        return is_up(self._transport.send(ping_call("/healthz")))

    def is_ready(self) -> bool:
        """Whether the gateway's database, storage and engine are ready."""
        return is_up(self._transport.send(ping_call("/readyz")))

    def request(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        query: dict[str, str | int | bool | None] | None = None,
        headers: dict[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> httpx2.Response:
        """Send a call that this version of the client does not know, with the same retries and errors. A POST is sent
        again after a lost answer only if it has an `idempotency_key`."""
        return self._transport.send(raw_call(method, path, json, query, headers, idempotency_key))

    def close(self) -> None:
        """Close the connections, unless they are those of a given `http_client` or of another client."""
        if self._owns_http:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={shown_url(self.base_url)!r})"
