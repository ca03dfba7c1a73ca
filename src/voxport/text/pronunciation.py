"""Pronunciation rules: how certain words are read, whatever the language's own rules say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from voxport.text.sentences import clean_text
from voxport.text.source_words import SourceWords
from voxport.text.ssml.document import Document, Line, Segment

_LETTER: Final = r"\w\u0300-\u036f\u0900-\u097f"
_UNSPACED_LETTER: Final = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Letters of languages that have no blanks between words."""
_TOKEN: Final = re.compile(rf"[{_UNSPACED_LETTER}]|(?:(?![{_UNSPACED_LETTER}])[{_LETTER}])+|[^\s{_LETTER}]")
_GENITIVE: Final = re.compile(rf"['’]s(?![{_LETTER}])")
_NEGATION: Final = rf"(?!['’][tT](?![{_LETTER}]))"
"""A word goes on in its negation: "don't" is no "don"."""
_UNSPACED: Final = re.compile(f"[{_UNSPACED_LETTER}]")
_SPACED: Final = rf"(?![{_UNSPACED_LETTER}])[{_LETTER}]"
"""A letter that goes on a word: beside a name in Latin letters, kana and hanzi are other words."""


@dataclass(frozen=True)
class Rule:
    """`match` is read as `alias`, a text, or spoken as `ipa`; one of them is set."""

    match: str
    alias: str | None = None
    ipa: str | None = None
    is_case_sensitive: bool = False


def document_of_text(text: str, rules: Sequence[Rule]) -> Document:
    """Make a document of a text without markup."""
    lines, source = [], SourceWords(text)
    for paragraph in clean_text(text).split("\n\n"):
        written = [line for line in paragraph.split("\n") if line]
        for number, line in enumerate(written, 1):
            segment = Segment(line, _origins(line, source))
            lines.append(Line((segment,), ends_paragraph=number == len(written)))
    return with_rules(Document(tuple(lines)), rules)


def with_rules(document: Document, rules: Sequence[Rule]) -> Document:
    """Replace the words that rules match, the longest first; of two rules for the same words the first is used. What is
    replaced already stays as it is, and what a rule puts in is not looked at again."""
    if not rules:
        return document
    matcher = _matcher(tuple(rules))
    return Document(tuple(replace(line, segments=tuple(_split_line(line, matcher))) for line in document.lines))


def _split_line(line: Line, matcher: _Matcher) -> Iterator[Segment]:
    text, position = line.text, 0
    for segment in line.segments:
        yield from _split(segment, matcher, text, position)
        position += len(segment.text)


def _origins(line: str, source: SourceWords) -> tuple[int, ...]:
    """Return the positions in the sent text of the characters of a cleaned line."""
    origins = list[int]()
    for part in re.split(r"(\s+)", line):
        found = source.find_characters(part) if part.strip() else None
        # Lines that were joined without a blank, as in Chinese, are found by their characters.
        for piece in [part] if found is not None or not part.strip() else part:
            last = origins[-1] if origins else 0
            origins += found or source.find_characters(piece) or [last] * len(piece)
    return tuple(origins)


class _Matcher:
    """Finds the rules by the first word of each, so that many rules take no longer than few."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_first_word: dict[str, list[tuple[re.Pattern[str], Rule]]] = {}
        # The sort is stable: of two rules for the same words the first stays first.
        written_rules = [(unicodedata.normalize("NFC", " ".join(rule.match.split())), rule) for rule in rules]
        for written, rule in sorted(written_rules, key=lambda one: -len(one[0])):
            first = _TOKEN.search(written)
            assert first is not None
            self._by_first_word.setdefault(first.group().casefold(), []).append((_pattern(written, rule), rule))

    def find(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, Rule]]:
        """Yield the ranges between two positions that rules match, without overlaps. What is beside them counts: a part
        of a word is no word."""
        position = start
        for token in _TOKEN.finditer(text, start, end):
            if token.start() < position:
                continue
            for pattern, rule in self._by_first_word.get(token.group().casefold(), ()):
                found = pattern.match(text, token.start())
                if found is not None and found.end() <= end:
                    position = found.end()
                    yield token.start(), position, rule
                    break


def _split(segment: Segment, matcher: _Matcher, line: str, offset: int) -> list[Segment]:
    """Split a segment that begins at `offset` of its line."""
    if segment.is_replaced:
        return [segment]
    parts, position, last = [], 0, offset + len(segment.text)
    for start, end, rule in matcher.find(line, offset, last):
        if position < start - offset:
            parts.append(_slice(segment, position, start - offset))
        genitive = _GENITIVE.match(line, end)
        has_genitive = genitive is not None and genitive.end() <= last
        position = (genitive.end() if genitive is not None and has_genitive else end) - offset
        matched = _slice(segment, start - offset, position)
        parts.append(
            _with_genitive(matched, rule) if has_genitive else replace(matched, alias=rule.alias, ipa=rule.ipa)
        )
    if position < len(segment.text):
        parts.append(_slice(segment, position, len(segment.text)))
    return parts


def _with_genitive(segment: Segment, rule: Rule) -> Segment:
    """Read the English genitive with its word: /ɪz/ after a sibilant, /s/ after a voiceless sound, else /z/."""
    if rule.ipa is None:
        return replace(segment, alias=f"{rule.alias}'s")
    last = rule.ipa.rstrip("ːˑ. ")[-1:]
    return replace(segment, ipa=rule.ipa + ("ɪz" if last in "szʃʒ" else "s" if last in "ptkfθ" else "z"))


def _slice(segment: Segment, start: int, end: int) -> Segment:
    return replace(segment, text=segment.text[start:end], origins=segment.origins[start:end])


@lru_cache(maxsize=64)
def _matcher(rules: tuple[Rule, ...]) -> _Matcher:
    return _Matcher(rules)


def _pattern(written: str, rule: Rule) -> re.Pattern[str]:
    words = re.sub("['’]", "['’]", r"\s+".join(map(re.escape, written.split())))
    before = "" if _UNSPACED.match(written[0]) else rf"(?<!{_SPACED})"
    after = "" if _UNSPACED.match(written[-1]) else rf"(?!{_SPACED}){_NEGATION}"
    # The whole pattern without case would take milliseconds to compile: re folds each letter of the ranges around it.
    return re.compile(f"{before}{words if rule.is_case_sensitive else f'(?i:{words})'}{after}")
