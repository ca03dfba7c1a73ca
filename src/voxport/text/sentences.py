"""Cleans raw text, checks it against the alphabet of its language, and splits it into sentences and clauses."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Final

from voxport.engine_errors import TextNotSpeakable
from voxport.text.alphabets import alphabet, is_letter, is_native_letter
from voxport.text.languages import LANGUAGES
from voxport.text.line_breaks import split_paragraphs
from voxport.text.sentence_dots import ends_sentence

_SENTENCE_ENDS: Final = ".!?…।"
_CLOSERS: Final = "\"'”’»)]"
_SENTENCE_END: Final = re.compile(
    rf"(?<![{_SENTENCE_ENDS}])[{_SENTENCE_ENDS}]++[{re.escape(_CLOSERS)}]*+(?=\s|$)|(?<![。！？])[。！？]++[」』”）】]*+"
)
"""Japanese and Chinese have no space after the mark."""
_HYPHENATED_WORD: Final = re.compile("\u00ad[ \t]{0,9}(?:\r\n?|\n)[ \t]{0,9}")
_LINE_BREAK: Final = re.compile("\r\n?|[\v\x1c-\x1e\x85\u2028]")
_PARAGRAPH_BREAK: Final = re.compile("[\f\u2029]")
_CLAUSE_END: Final = re.compile(
    rf"(?<![,;:—…])[,;:—…]++[{re.escape(_CLOSERS)}]*+(?=\s|$)|[，、；：]++|—|\s[–-]+(?=\s)|(?<=[\w)])\s(?=\([^()]{{20,}}\))"
)
"""Matches after a comma, semicolon, colon, dash or ellipsis, and before a long parenthesis."""


def clean_text(text: str) -> str:
    """Returns paragraphs separated by an empty line, with a line break for each pause (`line_breaks.py`). Replaces
    control characters with whitespace and look-alike letters (full width, mathematical, ligatures) with plain ones,
    and composes decomposed letters."""
    broken = _LINE_BREAK.sub(
        "\n", _PARAGRAPH_BREAK.sub("\n\n", _HYPHENATED_WORD.sub("", unicodedata.normalize("NFC", text)))
    )
    plain = "".join(map(plain_character, broken))
    return "\n\n".join("\n".join(lines) for lines in split_paragraphs(plain))


def check_alphabet(text: str, language: str) -> None:
    """Raises TextNotSpeakable if `language` is unknown, most letters are foreign to it, or nothing can be said."""
    if language not in LANGUAGES:
        raise TextNotSpeakable(
            f"The language {language!r} is not spoken.{_languages_hint()}", language=language, spoken=LANGUAGES
        )
    letters = {c: count for c, count in Counter(text).items() if is_letter(c)}
    foreign = {c: count for c, count in letters.items() if not is_native_letter(c, language)}
    if sum(foreign.values()) * 2 > sum(letters.values()):
        alphabets = sorted({alphabet(character).title() for character in foreign})
        raise TextNotSpeakable(
            f"The text is written in an alphabet ({', '.join(alphabets[:3])}) that the language {language!r} "
            f"can't speak.{_languages_hint()}",
            language=language,
            spoken=LANGUAGES,
        )
    if not letters and not any(character.isdigit() for character in text):
        raise TextNotSpeakable(
            f"The text has no letters or digits, so there is nothing to speak.{_languages_hint()}",
            language=language,
            spoken=LANGUAGES,
        )


def split_sentences(paragraph: str, language: str) -> list[str]:
    """Splits one paragraph into sentences. A dot of an abbreviation or an initial does not end a sentence, unless the
    abbreviation can stand last and a capital follows: "and so on, etc. Then"."""
    ends = [m.end() for m in _SENTENCE_END.finditer(paragraph) if ends_sentence(paragraph, m, language)]
    return _split_at(paragraph, ends)


def split_clauses(sentence: str) -> list[str]:
    """Splits one sentence into clauses, each with the mark that ends it."""
    return _split_at(sentence, clause_ends(sentence))


def clause_ends(sentence: str) -> list[int]:
    """Returns the end positions of the clauses of a sentence, after their marks."""
    return [match.end() for match in _CLAUSE_END.finditer(sentence)]


@cache
def plain_character(character: str) -> str:
    """Returns what the cleaning makes of one character: nothing, a blank, plain letters, or itself."""
    category = unicodedata.category(character)
    if character != "\n" and category[0] in "CZ" and character != "\u200d":
        # Remove format characters inside a word (a soft hyphen, a zero-width space); the others become whitespace.
        return "" if category == "Cf" else " "
    if category[0] == "L" and character not in "ªº":
        compatible = unicodedata.normalize("NFKC", character)
        if compatible.isascii() and compatible.isalpha():
            return compatible
    return character


def pack_parts(parts: list[str], limit: int) -> list[str]:
    """Joins adjacent parts while the result stays within `limit` characters."""
    lines: list[list[str]] = []
    length = 0
    for part in parts:
        if lines and length + 1 + len(part) <= limit:
            lines[-1].append(part)
            length += 1 + len(part)
        else:
            lines.append([part])
            length = len(part)
    return [" ".join(line) for line in lines]


def split_in_half(text: str) -> list[str]:
    """Splits the text at the space nearest to its middle, or in the middle if it has only one word."""
    middle = len(text) // 2
    spaces = [space for space in (text.rfind(" ", 0, middle), text.find(" ", middle)) if space > 0]
    middle_space = min(spaces, key=lambda space: abs(space - middle), default=middle)
    return [text[:middle_space].strip(), text[middle_space:].strip()]


def _split_at(text: str, ends: list[int]) -> list[str]:
    bounds = [0, *ends, len(text)]
    pieces = (text[start:end].strip() for start, end in pairwise(bounds))
    return [piece for piece in pieces if piece]


def _languages_hint() -> str:
    return f" Spoken are: {', '.join(LANGUAGES)}."
