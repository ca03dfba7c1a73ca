"""Pronunciation rules: how certain words are read, whatever the language's own rules say."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
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
_UNSPACED: Final = re.compile(f"[{_UNSPACED_LETTER}]")
_SPACED: Final = re.compile(rf"(?![{_UNSPACED_LETTER}])[{_LETTER}]")
"""A letter that goes on a word: beside a name in Latin letters, kana and hanzi are other words."""
_NEGATION: Final = re.compile(rf"['’][tT](?![{_LETTER}])")
"""A word goes on in its negation: "don't" is no "don"."""


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
    tokens = list(_TOKEN.finditer(text))
    for segment in line.segments:
        end = position + len(segment.text)
        first = bisect_left(tokens, position, key=re.Match.start)
        last = bisect_right(tokens, end, key=re.Match.end)
        yield from _split(segment, matcher.find(text, tokens[first:last]), text, position)
        position = end


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
    """Looks words up by how they are written: thousands of rules cost no more than one."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules: dict[str, list[tuple[str, Rule]]] = {}
        self._lengths: dict[str, list[int]] = {}
        """By the first token, how many tokens its rules have, the most first."""
        for rule in rules:
            written = _written(rule.match)
            tokens = _TOKEN.findall(written)
            self._rules.setdefault(written.casefold(), []).append((written, rule))
            lengths = self._lengths.setdefault(tokens[0].casefold(), [])
            if len(tokens) not in lengths:
                lengths.append(len(tokens))
                lengths.sort(reverse=True)

    def find(self, text: str, tokens: Sequence[re.Match[str]]) -> Iterator[tuple[int, int, Rule]]:
        """Yield the ranges of `tokens`, which are some of a text's, that rules match, without overlaps. What is beside
        them counts: a part of a word is no word."""
        position = 0
        for number, token in enumerate(tokens):
            if token.start() < position:
                continue
            for length in self._lengths.get(_written(token.group()).casefold(), ()):
                if number + length > len(tokens):
                    continue
                end = tokens[number + length - 1].end()
                rule = self._rule(text, token.start(), end)
                if rule is not None:
                    position = end
                    yield token.start(), end, rule
                    break

    def _rule(self, text: str, start: int, end: int) -> Rule | None:
        """Return the first rule for the words of a range, if they are whole words."""
        written = _written(text[start:end])
        for match, rule in self._rules.get(written.casefold(), ()):
            if not rule.is_case_sensitive or match == written:
                break
        else:
            return None
        goes_on_before = start > 0 and not _UNSPACED.match(text, start) and _SPACED.match(text, start - 1)
        goes_on_behind = not _UNSPACED.match(text, end - 1) and (_SPACED.match(text, end) or _NEGATION.match(text, end))
        return None if goes_on_before or goes_on_behind else rule


def _written(words: str) -> str:
    """Return words as they are compared: composed, with one blank between them and one kind of apostrophe."""
    return " ".join(unicodedata.normalize("NFC", words).split()).replace("’", "'")


def _split(segment: Segment, found: Iterator[tuple[int, int, Rule]], line: str, offset: int) -> list[Segment]:
    """Split a segment that begins at `offset` of its line."""
    if segment.is_replaced:
        return [segment]
    parts, position, last = [], 0, offset + len(segment.text)
    for start, end, rule in found:
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
