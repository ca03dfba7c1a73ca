"""Checks a script with its cast before anything is spoken: voices, texts, and what each line comes to."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import zip_longest
from typing import Final

from voxport.accounts.service import Principal
from voxport.catalog import Catalog
from voxport.errors import BadRequest, Invalid, NotFound
from voxport.pronunciations.service import Pronunciations, UsedDictionary
from voxport.providers.base import VoiceSettings
from voxport.providers.failover import all_that_can
from voxport.scripts.digests import LineDigests
from voxport.scripts.script import MAX_CHARACTERS, Script, ScriptLine, case_warnings
from voxport.speech.durations import (
    estimated_document_seconds,
    estimated_seconds,
    max_document_seconds,
    max_seconds,
)
from voxport.speech.preparation import Preparation, SpeechRequest
from voxport.text.pronunciation import Rule
from voxport.text.ssml.document import Document
from voxport.voices.service import ResolvedVoice, VoiceService

_MAX_WARNINGS: Final = 50
_MAX_UNKNOWN: Final = 500  # as many as a cast may have
_MAX_PAUSE: Final = 60.0
_MAX_SPOKEN_CHARACTERS: Final = 2 * MAX_CHARACTERS
"""Of all lines as dictionaries spell them: an alias may have 200 characters for one of the script."""
_ANY_TEXT: Final = "1"
"""What each language and alphabet can speak, to check a voice by itself."""
# Seconds behind a line that names no pause: within a paragraph, between speakers or paragraphs, between chapters.
_SENTENCE_PAUSE: Final = 0.2
_LINE_PAUSE: Final = 0.5
_CHAPTER_PAUSE: Final = 2.0


@dataclass(frozen=True)
class CastMember:
    """Who speaks a character's lines, and how."""

    voice_id: str
    provider: str | None = None
    language: str | None = None
    voice_settings: VoiceSettings = field(default_factory=dict)
    pronunciations: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedMember:
    """A cast member whose voice was found. `language` is what was asked for."""

    voice: ResolvedVoice
    language: str | None
    settings: VoiceSettings
    rules: tuple[Rule, ...]
    dictionaries: tuple[UsedDictionary, ...]
    voice_id: str


@dataclass(frozen=True)
class PreparedLine:
    """A line that can be spoken. Seconds: `expected` as a rule, and at most `longest`; `pause` behind it."""

    line: ScriptLine
    language: str
    settings: VoiceSettings
    digest: str
    expected: Decimal
    longest: Decimal
    pause: float
    read_text: str


@dataclass(frozen=True)
class PreparedScript:
    script: Script
    members: Mapping[str, PreparedMember]
    lines: tuple[PreparedLine, ...]
    warnings: tuple[str, ...]


class ScriptPreparation:
    def __init__(
        self,
        catalog: Catalog,
        speech: Preparation,
        voices: VoiceService,
        pronunciations: Pronunciations,
        digests: LineDigests,
    ) -> None:
        self._limits = catalog.limits
        self._speech = speech
        self._voices = voices
        self._pronunciations = pronunciations
        self._digests = digests

    def prepare(
        self, caller: Principal, script: Script, cast: Mapping[str, CastMember], pronunciations: Sequence[str]
    ) -> PreparedScript:
        """Check every line. Raises Invalid, which names the line, NotFound, BadRequest, ProviderUnavailable."""
        _require_cast(script, cast)
        speaking = {line.character for line in script.lines}
        members = {
            name: self._member(caller, member, name, pronunciations)
            for name, member in cast.items()
            if name in speaking
        }
        warnings: dict[str, None] = dict.fromkeys(script.warnings)
        unused = [name for name in cast if name not in speaking]
        if unused:
            warnings[f"These of the cast say nothing: {', '.join(sorted(unused)[:20])}."] = None
        warnings |= dict.fromkeys(case_warnings(line.character for line in script.lines))
        lines = []
        spoken = 0
        for line, following in zip_longest(script.lines, script.lines[1:]):
            prepared, found = self._line(caller, line, members[line.character], _pause(line, following))
            lines.append(prepared)
            spoken += len(prepared.read_text)
            if spoken > _MAX_SPOKEN_CHARACTERS:
                raise Invalid(
                    f"{_upper(line.place)}: With the words of its dictionaries the script has more than "
                    f"{_MAX_SPOKEN_CHARACTERS:,} characters up to here. Split it, or shorten the aliases.",
                    location=("body", "script", line.id, "text"),
                    details={"line": line.id, "max_characters": _MAX_SPOKEN_CHARACTERS},
                )
            warnings |= dict.fromkeys(f"{_upper(line.place)}: {warning}" for warning in found)
        kept = list(warnings)
        if len(kept) > _MAX_WARNINGS:
            kept = [*kept[:_MAX_WARNINGS], f"{len(kept) - _MAX_WARNINGS} more warnings are left out."]
        return PreparedScript(script, members, tuple(lines), tuple(kept))

    def _member(
        self, caller: Principal, member: CastMember, name: str, pronunciations: Sequence[str]
    ) -> PreparedMember:
        named = tuple(dict.fromkeys((*member.pronunciations, *pronunciations)))
        request = SpeechRequest(
            _ANY_TEXT, member.voice_id, language=member.language, voice_settings=member.voice_settings
        )
        try:
            speakers = self._voices.resolve(caller.profile_id, member.voice_id, member.provider)
            rules, dictionaries = self._pronunciations.rules_of(
                caller.profile_id, named or speakers[0].pronunciations, skip_missing=not named
            )
            routes = all_that_can(speakers, lambda voice: self._speech.route(caller, request, voice, ()))
        except (NotFound, BadRequest) as error:
            raise type(error)(f"{name}: {error.message}", code=error.code, details=error.details) from None
        except Invalid as error:
            raise Invalid(f"{name}: {error.message}", location=("body", "cast", name, *error.location[1:])) from None
        return PreparedMember(
            routes[0].voice, member.language, member.voice_settings, rules, dictionaries, member.voice_id
        )

    def _line(
        self, caller: Principal, line: ScriptLine, member: PreparedMember, pause: float
    ) -> tuple[PreparedLine, tuple[str, ...]]:
        settings = {**member.settings, **line.voice_settings}
        request = _request(line, member.voice_id, line.language or member.language, settings)
        try:
            route = self._speech.route(caller, request, member.voice, member.rules, checks_language=False)
            route = replace(route, document=plain_if_unchanged(route.document, request.markup))
            read_text = request.text if route.document is None else route.document.read_text()
            if not any(unicodedata.category(character)[0] in "LN" for character in read_text):
                raise Invalid("There is nothing to say: a line needs a word.", location=("body", "text"))
        except Invalid as error:
            location = ("body", "script", line.id, *error.location[1:])
            raise Invalid(
                f"{_upper(line.place)}: {error.message}", location=location, details={**error.details, "line": line.id}
            ) from None
        speed, limits = request.speed * member.voice.pace, self._limits
        if route.document is None:
            expected, longest = estimated_seconds(line.text, speed, limits), max_seconds(line.text, speed, limits)
        else:
            expected = estimated_document_seconds(route.document, speed, limits)
            longest = max_document_seconds(route.document, speed, limits)
        digest = self._digests.of(caller.profile_id, line.text, settings, route)
        prepared = PreparedLine(line, route.language, settings, digest, expected, longest, pause, read_text)
        return prepared, route.warnings


def _request(line: ScriptLine, voice_id: str, language: str | None, settings: VoiceSettings) -> SpeechRequest:
    return SpeechRequest(line.text, voice_id, language=language, voice_settings=settings, markup=line.markup)


def plain_if_unchanged(document: Document | None, markup: str) -> Document | None:
    """Drop the document of a plain text that no pronunciation changes, so that its digest does not depend on rules that
    are about other lines."""
    if markup != "none" or document is None:
        return document
    is_changed = any(segment.is_replaced for line in document.lines for segment in line.segments)
    return document if is_changed else None


def _require_cast(script: Script, cast: Mapping[str, CastMember]) -> None:
    """Raises Invalid for the first line whose character has no voice. Its details name all such characters."""
    unknown = list(dict.fromkeys(line.character for line in script.lines if line.character not in cast))
    for line in script.lines:
        if line.character not in cast:
            known = ", ".join(sorted(cast)[:20]) or "nobody"
            raise Invalid(
                f"{_upper(line.place)}: {line.character!r} is not in the cast, which has {known}. Add the character to "
                "`cast`, or mend the name in the script.",
                location=("body", "script", line.id, "character"),
                details={
                    "line": line.id,
                    "character": line.character,
                    "cast": sorted(cast)[:100],
                    "unknown": unknown[:_MAX_UNKNOWN],
                },
            )


def _pause(line: ScriptLine, following: ScriptLine | None) -> float:
    """Return the seconds of silence behind a line."""
    if line.pause_after is not None:
        return min(max(line.pause_after, 0.0), _MAX_PAUSE)
    if following is None:
        return 0.0
    if following.chapter != line.chapter:
        return _CHAPTER_PAUSE
    is_continued = not following.begins_paragraph and following.character == line.character
    return _SENTENCE_PAUSE if is_continued else _LINE_PAUSE


def _upper(place: str) -> str:
    return place[:1].upper() + place[1:]
