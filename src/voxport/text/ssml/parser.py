"""Parses SSML with expat, and refuses what is not honoured. No entity but the five of XML exists, so none expands."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, NoReturn
from xml.parsers import expat

from voxport.text.ipa import check_ipa
from voxport.text.source_words import plain_characters
from voxport.text.ssml import values
from voxport.text.ssml.document import Document, Line, Segment, Style
from voxport.text.ssml.say_as import DATE_FORMATS, KINDS, say_as
from voxport.text.ssml.values import ValueProblem

MAX_DEPTH: Final = 16
_ROOT: Final = "speak"
_ATTRIBUTES: Final[dict[str, frozenset[str]]] = {
    "speak": frozenset(["version", "xml:lang", "xmlns", "xmlns:xsi", "xsi:schemaLocation"]),
    "p": frozenset(["xml:lang"]),
    "s": frozenset(["xml:lang"]),
    "break": frozenset(["time", "strength"]),
    "sub": frozenset(["alias"]),
    "say-as": frozenset(["interpret-as", "format"]),
    "phoneme": frozenset(["alphabet", "ph"]),
    "prosody": frozenset(["rate", "pitch", "volume"]),
    "emphasis": frozenset(["level"]),
    "lang": frozenset(["xml:lang"]),
    "voice": frozenset(["name"]),
}
_TEXT_ONLY: Final = frozenset(["sub", "say-as", "phoneme"])
"""Tags that hold text alone."""
_REQUIRED: Final = {"sub": "alias", "say-as": "interpret-as", "phoneme": "ph", "lang": "xml:lang", "voice": "name"}
TAGS: Final = tuple(_ATTRIBUTES)
_VERSIONS: Final = ("1.0", "1.1")
_NAMESPACE: Final = "http://www.w3.org/2001/10/synthesis"
_WHOLE: Final = re.compile(r"\ufeff?(?:\s|<!--.*?-->)*+<(?:speak(?=[\s/>])|\?xml\s|!DOCTYPE)", re.DOTALL)
"""The beginning of a text that has its outermost tag itself."""

Languages = Callable[[str], str | None]
"""Returns the code that the provider has for a language, or None."""


class SsmlError(Exception):
    """What is wrong, in a sentence; `position` is the number of the character where it stands, from 0."""

    def __init__(self, message: str, position: int, source: str) -> None:
        line = source.count("\n", 0, position) + 1
        column = position - (source.rfind("\n", 0, position) + 1) + 1
        super().__init__(f"{message} (line {line}, column {column})")
        self.position = position
        self.line = line
        self.column = column


def parse_ssml(source: str, *, language: str, languages: Languages, tags: Collection[str] = TAGS) -> Document:
    """Parse a text with markup; `speak` around it may be missing. `language` is what is read where no tag says another;
    `tags` are those that the provider honours. Raises SsmlError."""
    return _Parser(source, language, languages, tags).parse()


@dataclass(frozen=True)
class _Open:
    """A tag that is not closed yet, with the style inside it."""

    name: str
    style: Style
    attributes: dict[str, str]
    position: int
    first_segment: int


class _Parser:
    def __init__(self, source: str, language: str, languages: Languages, tags: Collection[str]) -> None:
        self._source = source
        self._tags = tags
        self._language = language
        self._languages = languages
        self._prefix = "" if _WHOLE.match(source) else "<speak>"
        self._content = f"{self._prefix}{source}{'</speak>' if self._prefix else ''}"
        self._encoded = self._content.encode("utf-8", "surrogatepass")
        self._bytes_seen = self._characters_seen = 0
        self._is_cdata = False
        self._open: list[_Open] = []
        self._lines: list[Line] = []
        self._segments: list[Segment] = []

    def parse(self) -> Document:
        if "\x00" in self._source:
            self._fail("A text has no character 0", self._source.index("\x00"))
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = False
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._on_text
        parser.StartCdataSectionHandler = lambda: self._on_cdata(begins=True)
        parser.EndCdataSectionHandler = lambda: self._on_cdata(begins=False)
        parser.StartDoctypeDeclHandler = self._on_doctype
        parser.ProcessingInstructionHandler = self._on_instruction
        self._expat = parser
        try:
            parser.Parse(self._encoded, True)
        except expat.ExpatError as error:
            at = self._character_at(parser.ErrorByteIndex)
            self._fail(f"The markup can't be read: {expat.ErrorString(error.code)}", at)
        except UnicodeError:
            self._fail("The text is no valid Unicode", 0)
        self._end_line()
        return Document(tuple(line for line in self._lines if line.segments or line.pause is not None))

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        at = self._position()
        if name not in _ATTRIBUTES:
            self._fail(f"The tag <{name}> is not known. Known are: {', '.join(TAGS)}", at)
        if name not in self._tags:
            self._fail(f"The provider does not honour the tag <{name}>. It honours: {', '.join(self._tags)}", at)
        if (name == _ROOT) != (not self._open):
            self._fail(f"<{_ROOT}> is the outermost tag, and there only", at)
        if len(self._open) >= MAX_DEPTH:
            self._fail(f"Tags are nested deeper than {MAX_DEPTH} levels", at)
        if self._open and self._open[-1].name in (*_TEXT_ONLY, "break"):
            self._fail(f"<{self._open[-1].name}> holds no other tag", at)
        for attribute in attributes:
            if attribute not in _ATTRIBUTES[name]:
                known = ", ".join(sorted(_ATTRIBUTES[name]))
                self._fail(f"<{name}> has no attribute {attribute}. It has: {known}", at)
        required = _REQUIRED.get(name)
        if required is not None and not attributes.get(required, "").strip():
            self._fail(f"<{name}> needs the attribute {required}", at)
        style = self._open[-1].style if self._open else Style()
        try:
            _check_document_attributes(name, attributes)
            style = self._style(name, attributes, style, at)
        except ValueProblem as problem:
            self._fail(f"<{name}>: {problem}", at)
        if name in ("p", "s"):
            self._end_line()
        self._open.append(_Open(name, style, attributes, at, len(self._segments)))

    def _style(self, name: str, attributes: dict[str, str], style: Style, at: int) -> Style:
        if "xml:lang" in attributes:
            code = self._languages(attributes["xml:lang"])
            if code is None:
                self._fail(f"<{name}>: the language {attributes['xml:lang']!r} is not spoken", at)
            if code != self._language and "lang" not in self._tags:
                self._fail(f"<{name}>: the provider reads a text in one language, here {self._language}", at)
            style = replace(style, language=code)
        if name == "voice":
            style = replace(style, voice=attributes["name"].strip())
        if name == "prosody":
            if not attributes:
                raise ValueProblem("it needs rate, pitch or volume")
            style = _changed(
                style,
                values.rate(attributes["rate"]) if "rate" in attributes else 1.0,
                values.semitones(attributes["pitch"]) if "pitch" in attributes else 0.0,
                values.decibels(attributes["volume"]) if "volume" in attributes else 0.0,
            )
        if name == "emphasis":
            style = _changed(style, *values.emphasis(attributes.get("level")))
        return style

    def _on_text(self, data: str) -> None:
        start = self._position()
        if not self._open:
            return
        if self._open[-1].name == "break" and data.strip():
            self._fail("<break> is empty", start)
        # An entity is one character of the text, and several of the source.
        is_entity = self._source[start : start + 1] == "&" and not self._is_cdata
        positions = tuple([start] * len(data) if is_entity else range(start, start + len(data)))
        self._segments.append(Segment(data, positions, self._open[-1].style))

    def _on_cdata(self, *, begins: bool) -> None:
        self._is_cdata = begins

    def _on_end(self, name: str) -> None:
        opened = self._open.pop()
        if name == "break":
            self._on_break(opened)
        elif name in _TEXT_ONLY:
            self._replace(opened)
        elif name == "p":
            self._end_line(ends_paragraph=True)
        elif name == "s":
            self._end_line(ends_sentence=True)

    def _on_break(self, opened: _Open) -> None:
        try:
            seconds = values.break_seconds(opened.attributes.get("time"), opened.attributes.get("strength"))
        except ValueProblem as problem:
            self._fail(f"<break>: {problem}", opened.position)
        self._end_line(pause=seconds)

    def _replace(self, opened: _Open) -> None:
        """Make one segment of the text inside a tag that says how it is read."""
        inside = self._segments[opened.first_segment :]
        text = "".join(segment.text for segment in inside)
        origins = tuple(origin for segment in inside for origin in segment.origins)
        if not text.strip():
            self._fail(f"<{opened.name}> is empty", opened.position)
        alias, ipa = None, None
        language = opened.style.language or self._language
        try:
            if opened.name == "sub":
                alias = opened.attributes["alias"].strip()
            elif opened.name == "say-as":
                alias = self._say_as(text, opened.attributes, language)
            else:
                ipa = self._phonemes(opened.attributes, language)
        except ValueProblem as problem:
            self._fail(f"<{opened.name}>: {problem}", opened.position)
        self._segments[opened.first_segment :] = [Segment(text, origins, opened.style, alias, ipa)]

    def _say_as(self, text: str, attributes: dict[str, str], language: str) -> str:
        kind, date_format = attributes["interpret-as"], attributes.get("format")
        if kind not in KINDS:
            raise ValueProblem(f"interpret-as takes {', '.join(KINDS)}")
        if date_format is not None and (kind != "date" or date_format not in DATE_FORMATS):
            raise ValueProblem(f"format is for dates, and takes {', '.join(DATE_FORMATS)}")
        return say_as(text, kind, date_format, language)

    def _phonemes(self, attributes: dict[str, str], language: str) -> str:
        if attributes.get("alphabet", "ipa") != "ipa":
            raise ValueProblem("the alphabet is ipa")
        try:
            check_ipa(attributes["ph"], language)
        except ValueError as error:
            raise ValueProblem(str(error)) from None
        return attributes["ph"]

    def _end_line(
        self, *, pause: float | None = None, ends_paragraph: bool = False, ends_sentence: bool = False
    ) -> None:
        """End the line; a second end in a row only adds to the first."""
        segments = _joined(self._segments) if any(segment.text.strip() for segment in self._segments) else ()
        self._segments.clear()
        self._open = [replace(one, first_segment=0) for one in self._open]
        if segments or not self._lines:
            if segments or pause is not None:
                self._lines.append(Line(segments, pause, ends_paragraph, ends_sentence))
            return
        last = self._lines[-1]
        pauses = [one for one in (last.pause, pause) if one is not None]
        self._lines[-1] = replace(
            last,
            pause=sum(pauses) if pauses else None,
            ends_paragraph=last.ends_paragraph or ends_paragraph,
            ends_sentence=last.ends_sentence or ends_sentence,
        )

    def _on_doctype(self, *_: object) -> None:
        self._fail("A document type is not taken: leave <!DOCTYPE …> out", self._position())

    def _on_instruction(self, *_: object) -> None:
        self._fail("Processing instructions are not taken", self._position())

    def _position(self) -> int:
        return self._character_at(self._expat.CurrentByteIndex)

    def _character_at(self, byte: int) -> int:
        """Return the position in the source of a byte of what is parsed. Bytes are asked for in their order."""
        if byte < self._bytes_seen:
            self._bytes_seen = self._characters_seen = 0
        between = self._encoded[self._bytes_seen : byte]
        self._characters_seen += len(between.decode("utf-8", "ignore"))
        self._bytes_seen = max(byte, 0)
        return min(max(self._characters_seen - len(self._prefix), 0), len(self._source))

    def _fail(self, message: str, position: int) -> NoReturn:
        raise SsmlError(f"{message}.", position, self._source)


def _check_document_attributes(name: str, attributes: dict[str, str]) -> None:
    """Raises ValueProblem for another version or namespace of `speak`."""
    if name == _ROOT and attributes.get("version", "1.1") not in _VERSIONS:
        raise ValueProblem(f"version takes {' or '.join(_VERSIONS)}")
    if name == _ROOT and attributes.get("xmlns", _NAMESPACE) != _NAMESPACE:
        raise ValueProblem(f"xmlns takes {_NAMESPACE}")


def _joined(segments: list[Segment]) -> tuple[Segment, ...]:
    """Join neighbours of one style: the parser yields a text in pieces, and words go on over lines, entities and
    comments. Write the characters as the cleaning of a plain text does."""
    result: list[Segment] = []
    for (style, is_replaced), group in groupby(segments, lambda one: (one.style, one.is_replaced)):
        if is_replaced:
            result += group
            continue
        parts = list(group)
        origins = tuple(origin for part in parts for origin in part.origins)
        plain = plain_characters("".join(part.text for part in parts))
        text = "".join(character for character, _, _ in plain)
        result.append(Segment(text, tuple(origins[start] for _, start, _ in plain), style))
    return tuple(result)


def _changed(style: Style, rate: float, semitones: float, decibels: float) -> Style:
    """Return a style inside another one. Raises ValueProblem if what they add up to is outside the limits of each."""
    changed = replace(
        style,
        rate=style.rate * rate,
        semitones=style.semitones + semitones,
        decibels=max(style.decibels + decibels, values.SILENT_DECIBELS),
    )
    values.check_sum(changed.rate, changed.semitones, changed.decibels)
    return changed
