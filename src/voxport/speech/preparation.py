"""Validates speech requests and finds the providers that can serve them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from voxport.accounts.service import Principal
from voxport.audio.codec.encode import FORMATS, STREAM_FORMATS, AudioFormat, format_at
from voxport.catalog import Catalog
from voxport.errors import BadRequest, Invalid, NotFound
from voxport.pronunciations.service import Pronunciations, UsedDictionary
from voxport.providers.base import Provider, VoiceSettings
from voxport.providers.failover import all_that_can
from voxport.providers.registry import Registry
from voxport.speech.codes import nearest_code, unsupported_language
from voxport.speech.durations import max_document_seconds, max_seconds, require_text
from voxport.speech.other_language import NAMES, other_language
from voxport.speech.reading import read_document
from voxport.speech.subtitles import SubtitleFormat
from voxport.speech.timestamps import Granularity
from voxport.text.normalise.tags import find_markup
from voxport.text.pronunciation import Rule
from voxport.text.ssml.document import Document
from voxport.voices.service import ResolvedVoice, VoiceService

_MAX_MARKUP_SHOWN: Final = 40


@dataclass(frozen=True)
class SpeechRequest:
    """A request for speech. `is_job` for an asynchronous job, `is_stream` for audio as it is made, `is_preview` for a
    text that is not spoken."""

    text: str
    voice_id: str
    provider: str | None = None
    output_format: str = "mp3"
    sample_rate: int | None = None
    """In Hz; None for that of the format."""
    language: str | None = None
    voice_settings: VoiceSettings = field(default_factory=dict)
    folder_id: str | None = None
    is_job: bool = False
    is_stream: bool = False
    is_preview: bool = False
    webhook_url: str | None = None
    markup: str = "none"
    pronunciations: tuple[str, ...] | None = None
    """Ids of dictionaries; None for those of the voice."""
    timestamps: Granularity | None = None
    subtitles: tuple[SubtitleFormat, ...] = ()
    use_cache: bool = True
    """Whether the file of an identical call may be the answer, and this call's file that of later ones."""

    @property
    def speed(self) -> float:
        return self.voice_settings.get("speed", 1.0)

    @property
    def needs_words(self) -> bool:
        """Whether the times of the words are asked for."""
        return self.timestamps is not None or bool(self.subtitles)


@dataclass(frozen=True)
class Route:
    """A voice at a provider that can speak a request, the provider's language code, and warnings about the text."""

    voice: ResolvedVoice
    language: str
    warnings: tuple[str, ...] = ()
    document: Document | None = None
    voices: Mapping[str, ResolvedVoice] = field(default_factory=dict)
    """The voices that the document names."""


@dataclass(frozen=True)
class PreparedSpeech:
    """A request that passed every check but that of the balance. The first route is used; the others exist only for
    `provider: auto`, for failover."""

    caller: Principal
    request: SpeechRequest
    routes: tuple[Route, ...]
    audio_format: AudioFormat
    dictionaries: tuple[UsedDictionary, ...]
    rules: tuple[Rule, ...]
    """Those of the dictionaries, as they are now."""
    max_seconds: Decimal
    """An upper bound of the audio's length, for the hold."""

    @property
    def providers(self) -> list[str]:
        """Names of the routes' providers."""
        return [route.voice.provider.name for route in self.routes]

    def route_of(self, provider: str) -> Route:
        return next(route for route in self.routes if route.voice.provider.name == provider)

    def marked_up_document(self, provider: str) -> Document | None:
        """Return the document of a text with markup as `provider` reads it; None for a text without."""
        return self.route_of(provider).document if self.request.markup != "none" else None

    def starting_with(self, number: int) -> PreparedSpeech:
        """Return a copy with this route first."""
        if number == 0:
            return self
        return replace(self, routes=(self.routes[number], *self.routes[:number], *self.routes[number + 1 :]))

    @property
    def language(self) -> str | None:
        """The language code that the request's language resolved to; None if the request names none."""
        return self.routes[0].language if self.request.language is not None else None

    @property
    def read_text(self) -> str:
        """What is read, without markup."""
        document = self.routes[0].document
        return self.request.text if document is None else document.read_text()

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.routes[0].warnings


class Preparation:
    def __init__(
        self, catalog: Catalog, voices: VoiceService, providers: Registry, pronunciations: Pronunciations
    ) -> None:
        self._pronunciations = pronunciations
        self._limits = catalog.limits
        self._voices = voices
        self._providers = providers

    def prepare(self, caller: Principal, request: SpeechRequest) -> PreparedSpeech:
        """Validate a request and resolve its routes. Raises Invalid, NotFound, BadRequest, ProviderUnavailable."""
        self._check_request(request)
        audio_format = self._format(request)
        speakers = self._voices.resolve(caller.profile_id, request.voice_id, request.provider)
        own = request.pronunciations is None
        ids = speakers[0].pronunciations if request.pronunciations is None else request.pronunciations
        rules, dictionaries = self._pronunciations.rules_of(caller.profile_id, ids, skip_missing=own)
        routes = all_that_can(speakers, lambda voice: self.route(caller, request, voice, rules))
        document = routes[0].document
        speed = request.speed * min(_paces(routes))
        longest = (
            max_seconds(request.text, speed, self._limits)
            if document is None
            else max_document_seconds(document, speed, self._limits)
        )
        return PreparedSpeech(caller, request, tuple(routes), audio_format, dictionaries, rules, longest)

    def route(
        self,
        caller: Principal,
        request: SpeechRequest,
        voice: ResolvedVoice,
        rules: Sequence[Rule],
        *,
        checks_language: bool = True,
    ) -> Route:
        """Check that a voice can speak a request. Without `checks_language` a text that looks to be in another language
        gets no warning. Raises Invalid, BadRequest, ProviderUnavailable."""
        provider = self._providers.require_available(voice.provider.name)
        language = self._language(provider, request.language, voice.language)
        require_settings(provider, request.voice_settings)
        document = read_document(
            request.text,
            markup=request.markup,
            rules=rules,
            language=language,
            capabilities=provider.capabilities(),
            provider=provider.name,
        )
        text = request.text if document is None else document.read_text()
        warnings = text_warnings(
            provider,
            text,
            language,
            is_named=request.language is not None,
            is_text=request.markup == "none",
            checks_language=checks_language,
        )
        if request.needs_words and not provider.capabilities().supports_timestamps:
            field = "timestamps" if request.timestamps is not None else "subtitles"
            raise Invalid(
                f"The provider {provider.name} does not say when its words are heard. Leave {field} out, or choose "
                "another provider.",
                location=("body", field),
            )
        if request.is_stream and not provider.capabilities().supports_streaming:
            raise BadRequest(
                f"The provider {provider.name} can't stream. Leave stream out.", code="provider_cannot_stream"
            )
        voices = {} if document is None else self._named_voices(caller, document, provider.name)
        return Route(voice, language, warnings, document, voices)

    def _named_voices(self, caller: Principal, document: Document, provider: str) -> dict[str, ResolvedVoice]:
        """Resolve the voices that a document names. Raises Invalid."""
        found = {}
        for name in sorted(document.voices):
            try:
                (found[name],) = self._voices.resolve(caller.profile_id, name, provider)
            except (NotFound, BadRequest) as error:
                raise Invalid(f"<voice name={name!r}>: {error.message}", location=("body", "text")) from None
        return found

    def _check_request(self, request: SpeechRequest) -> None:
        if request.is_job:
            require_text(request.text, self._limits.text_characters_async)
        elif request.is_preview:
            require_text(request.text, self._limits.text_characters, advice="Send it in parts.")
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
        if request.is_stream and request.needs_words:
            field = "timestamps" if request.timestamps is not None else "subtitles"
            raise Invalid(f"A stream has no {field}. Leave stream out for a file with them.", location=("body", field))
        if request.is_stream and request.output_format not in STREAM_FORMATS:
            raise Invalid(
                f"The format {request.output_format} can't be streamed. Streamed are: {', '.join(STREAM_FORMATS)}.",
                location=("body", "output_format"),
                details={"streamed": list(STREAM_FORMATS)},
            )

    def _format(self, request: SpeechRequest) -> AudioFormat:
        """Raises Invalid for a sample rate that the format does not have."""
        try:
            return format_at(request.output_format, request.sample_rate)
        except ValueError:
            rates = FORMATS[request.output_format].sample_rates
            raise Invalid(
                f"The format {request.output_format} has no sample_rate of {request.sample_rate}. It has: "
                f"{', '.join(map(str, rates))}.",
                location=("body", "sample_rate"),
                details={"sample_rates": list(rates)},
            ) from None

    def _language(self, provider: Provider, wanted: str | None, own: str) -> str:
        capabilities = provider.capabilities()
        if wanted is None:
            return language_at_provider(own, capabilities.languages, capabilities.clone_language)
        code = nearest_code(wanted, capabilities.languages)
        if code is None:
            raise Invalid(
                unsupported_language(wanted, capabilities.languages, capabilities.missing_languages, provider.name),
                location=("body", "language"),
                details={"spoken": list(capabilities.languages)},
            )
        return code


def _paces(routes: Sequence[Route]) -> list[float]:
    """Return the rates of all voices that may speak."""
    return [voice.pace for route in routes for voice in (route.voice, *route.voices.values())]


def language_at_provider(own: str, spoken: Sequence[str], default: str) -> str:
    """Map a voice's language to the provider's code: some use `en`, others `en-us`."""
    if own in spoken:
        return own
    first = own.partition("-")[0]
    near = [language for language in spoken if language.partition("-")[0] == first]
    return default if not near or default in near else near[0]


def text_warnings(
    provider: Provider,
    text: str,
    language: str,
    *,
    is_named: bool,
    is_text: bool = True,
    checks_language: bool = True,
) -> tuple[str, ...]:
    """Return warnings about the text: words that are not spoken, another language than the spoken one, or what looks
    like markup where it is text.

    Hosted providers detect the language themselves, so their texts are checked only if the request names a language.
    Raises Invalid."""
    warnings = [*markup_warnings(text, is_text=is_text), *(provider.check_text(text, language) or ())]
    capabilities = provider.capabilities()
    has_language = checks_language and (is_named or not capabilities.is_hosted)
    other = other_language(text, language) if has_language else None
    if other is not None:
        code = nearest_code(other, capabilities.languages)
        advice = f'Send "language": "{code}".' if code else f"{provider.name} does not speak {NAMES[other]}."
        warnings.append(f"The text looks {NAMES[other]} and is spoken as {language}. {advice}")
    return tuple(warnings)


def markup_warnings(text: str, *, is_text: bool) -> list[str]:
    """Return a warning if the text looks like markup and is spoken as text."""
    markup = find_markup(text) if is_text else None
    if markup is None:
        return []
    shown = markup if len(markup) <= _MAX_MARKUP_SHOWN else f"{markup[:_MAX_MARKUP_SHOWN]}…"
    return [
        f"The text looks like markup ({shown}) and is spoken as text. core-tts reads SSML with "
        '"markup": "ssml"; take other tags out.'
    ]


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
