"""What a request for speech asks for, and all that can be refused of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from voxport.accounts.service import Principal
from voxport.audio.codec.encode import FORMATS, AudioFormat
from voxport.audio.codec.streaming import LIVE_FORMATS
from voxport.catalog import Catalog
from voxport.errors import BadRequest, Invalid, VoxportError
from voxport.providers.base import Provider, VoiceSettings
from voxport.providers.registry import Registry
from voxport.speech.codes import nearest_code, not_spoken
from voxport.speech.durations import require_text
from voxport.speech.other_language import NAMES, other_language
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
    """A provider that can speak a request, how its language is called there, and what to tell of the text."""

    speaker: Speaker
    language: str
    warnings: tuple[str, ...] = ()


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
    def language(self) -> str | None:
        """The code that the language of the request was taken for; None where it named none."""
        return self.ways[0].language if self.request.language is not None else None

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.ways[0].warnings

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
        warnings = text_warnings(provider, request.text, language, is_named=request.language is not None)
        if request.is_stream and not provider.capabilities().supports_streaming:
            raise BadRequest(
                f"The provider {provider.name} can't stream. Leave stream out.", code="provider_cannot_stream"
            )
        return Way(speaker, language, warnings)

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
        can = provider.capabilities()
        if wanted is None:
            return own_language(own, can.languages, can.clone_language)
        code = nearest_code(wanted, can.languages)
        if code is None:
            raise Invalid(
                not_spoken(wanted, can.languages, can.missing_languages, provider.name),
                location=("body", "language"),
                details={"spoken": list(can.languages)},
            )
        return code


def own_language(own: str, spoken: Sequence[str], otherwise: str) -> str:
    """A voice's language as a provider calls it: one says `en`, another `en-us`."""
    if own in spoken:
        return own
    first = own.partition("-")[0]
    near = [language for language in spoken if language.partition("-")[0] == first]
    return otherwise if not near or otherwise in near else near[0]


def text_warnings(provider: Provider, text: str, language: str, *, is_named: bool) -> tuple[str, ...]:
    """What a caller should know of the text: words that are not spoken, and that it is in another language. A hosted
    provider hears the language by itself, so there only one that was named can be wrong. Raises Invalid."""
    warnings = list(provider.check_text(text, language) or ())
    can = provider.capabilities()
    other = other_language(text, language) if is_named or not can.is_hosted else None
    if other is not None:
        code = nearest_code(other, can.languages)
        advice = f'Send "language": "{code}".' if code else f"{provider.name} does not speak {NAMES[other]}."
        warnings.append(f"The text looks {NAMES[other]} and is spoken as {language}. {advice}")
    return tuple(warnings)


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
