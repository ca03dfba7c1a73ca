"""What a request for speech asks for, and all that can be refused of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from voxport.accounts.service import Principal
from voxport.catalog import Catalog
from voxport.errors import BadRequest, Invalid, VoxportError
from voxport.media.encode import FORMATS, AudioFormat
from voxport.media.live import LIVE_FORMATS
from voxport.providers.base import Provider, VoiceSettings
from voxport.providers.registry import Registry
from voxport.speech.lengths import require_text
from voxport.voices.service import Speaker, Voices


@dataclass(frozen=True)
class SpeechRequest:
    """`is_job` for an answer that comes later, `is_stream` for audio as it is made."""

    text: str
    voice_id: str
    provider: str | None = None
    output_format: str = "mp3"
    language: str | None = None
    voice_settings: VoiceSettings = field(default_factory=dict)
    folder_id: str | None = None
    is_job: bool = False
    is_stream: bool = False
    webhook_url: str | None = None


@dataclass(frozen=True)
class Way:
    """A provider that can speak a request, and how its language is called there."""

    speaker: Speaker
    language: str


@dataclass(frozen=True)
class PreparedSpeech:
    """A request that nothing speaks against but, perhaps, the money. Of its ways the first is taken; the others, of
    `provider: auto` only, where that one fails."""

    caller: Principal
    request: SpeechRequest
    ways: tuple[Way, ...]
    audio_format: AudioFormat

    @property
    def providers(self) -> list[str]:
        """The providers of its ways."""
        return [way.speaker.provider.name for way in self.ways]

    def beginning_with(self, number: int) -> PreparedSpeech:
        """The same with this way first."""
        return replace(self, ways=(self.ways[number], *self.ways[:number], *self.ways[number + 1 :]))

    @property
    def speed(self) -> float:
        return self.request.voice_settings.get("speed", 1.0)


class Preparation:
    def __init__(self, catalog: Catalog, voices: Voices, providers: Registry) -> None:
        self._limits = catalog.limits
        self._voices = voices
        self._providers = providers

    def prepare(self, caller: Principal, request: SpeechRequest) -> PreparedSpeech:
        """Raises Invalid, NotFound, BadRequest, ProviderUnavailable."""
        self._check_shape(request)
        ways: list[Way] = []
        refusal: VoxportError | None = None
        for speaker in self._voices.resolve(caller.profile_id, request.voice_id, request.provider):
            try:
                ways.append(self._way(request, speaker))
            except VoxportError as error:
                refusal = refusal or error
        if not ways and refusal is not None:
            raise refusal
        return PreparedSpeech(caller, request, tuple(ways), FORMATS[request.output_format])

    def _way(self, request: SpeechRequest, speaker: Speaker) -> Way:
        provider = self._providers.require_available(speaker.provider.name)
        language = self._language(provider, request.language, speaker.language)
        require_settings(provider, request.voice_settings)
        provider.check_text(request.text, language)
        if request.is_stream and not provider.capabilities().supports_streaming:
            raise BadRequest(
                f"The provider {provider.name} can't stream. Leave stream out.", code="provider_cannot_stream"
            )
        return Way(speaker, language)

    def _check_shape(self, request: SpeechRequest) -> None:
        if request.is_job:
            require_text(request.text, self._limits.text_characters_async)
        else:
            require_text(
                request.text,
                self._limits.text_characters,
                advice=f"Send the header `Prefer: respond-async` (without stream): then it is spoken as a job, and up "
                f"to {self._limits.text_characters_async:,} characters are taken.",
            )
        if request.webhook_url is not None and not request.is_job:
            raise Invalid(
                "The webhook_url is told of a job's end. Send the header `Prefer: respond-async` (without stream), or "
                "leave webhook_url out.",
                location=("body", "webhook_url"),
            )
        if request.is_stream and request.output_format not in LIVE_FORMATS:
            raise Invalid(
                f"The format {request.output_format} can't be streamed. Streamed are: {', '.join(LIVE_FORMATS)}.",
                location=("body", "output_format"),
                details={"streamed": list(LIVE_FORMATS)},
            )

    def _language(self, provider: Provider, wanted: str | None, own: str) -> str:
        spoken = provider.capabilities().languages
        if wanted is None:
            return own_language(own, spoken, provider.capabilities().clone_language)
        if wanted.lower() not in spoken:
            raise Invalid(
                f"The language {wanted!r} is not spoken by {provider.name}. Spoken are: {', '.join(spoken)}.",
                location=("body", "language"),
                details={"spoken": list(spoken)},
            )
        return wanted.lower()


def own_language(own: str, spoken: Sequence[str], otherwise: str) -> str:
    """A voice's language as a provider calls it: one says `en`, another `en-us`."""
    if own in spoken:
        return own
    first = own.partition("-")[0]
    near = [language for language in spoken if language.partition("-")[0] == first]
    return otherwise if not near or otherwise in near else near[0]


def require_settings(provider: Provider, settings: VoiceSettings) -> None:
    """Raises Invalid for a setting that the provider does not use."""
    used = provider.capabilities().voice_settings
    for name in settings:
        if name not in used:
            raise Invalid(
                f"The provider {provider.name} does not use {name}. It uses: {', '.join(used) or 'none'}.",
                location=("body", "voice_settings", name),
                details={"used": list(used)},
            )
