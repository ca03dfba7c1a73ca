"""Text as it comes: cleaned, checked against the alphabet of its language, cut into sentences and clauses."""

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
from voxport.text.markup import without_markup
from voxport.text.pauses import split_pause, without_pause_marks
from voxport.text.sentence_dots import ends_sentence

_SENTENCE_ENDS: Final = ".!?…।"
_CLOSERS: Final = "\"'”’»)]"
_SENTENCE_END: Final = re.compile(
    rf"(?<![{_SENTENCE_ENDS}])[{_SENTENCE_ENDS}]++[{re.escape(_CLOSERS)}]*+(?=\s|$)|(?<![。！？])[。！？]++[」』”）】]*+"
)
"""Japanese and Chinese have no space behind theirs."""
_HYPHENATED_WORD: Final = re.compile("\u00ad[ \t]{0,9}(?:\r\n?|\n)[ \t]{0,9}")
_LINE_BREAK: Final = re.compile("\r\n?|[\v\x1c-\x1e\x85\u2028]")
_PARAGRAPH_BREAK: Final = re.compile("[\f\u2029]")
_CLAUSE_END: Final = re.compile(
    rf"(?<![,;:—…])[,;:—…]++[{re.escape(_CLOSERS)}]*+(?=\s|$)|[，、；：]++|—|\s[–-]+(?=\s)|(?<=[\w)])\s(?=\([^()]{{20,}}\))"
)
"""Behind a comma, a semicolon, a colon, a dash or an ellipsis, and before a long bracket."""


def clean_text(text: str) -> str:
    """Paragraphs with an empty line between them, and a line break where one pauses (`line_breaks.py`): control
    characters are whitespace, look-alike letters (full width, mathematical, ligatures) their plain ones, and a
    decomposed letter is composed."""
    return _normalise_characters(without_pause_marks(text))


def clean_markup_text(text: str) -> str:
    """`clean_text` of a text whose tags, comments and entities are not spoken. A line that a `<break time="2s"/>`
    stands before begins with a mark of `pauses`."""
    return _normalise_characters(without_markup(text))


def check_alphabet(text: str, language: str) -> None:
    """Raise TextNotSpeakable where most letters are foreign to `language`, or where there is nothing to say."""
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
    """The sentences of one paragraph. A dot that belongs to an abbreviation or an initial does not end one, unless
    the abbreviation can stand last and a capital follows: "and so on, etc. Then"."""
    ends = [m.end() for m in _SENTENCE_END.finditer(paragraph) if ends_sentence(paragraph, m, language)]
    return _split_at(paragraph, ends)


def split_clauses(sentence: str) -> list[str]:
    """The clauses of one sentence, each with the mark that ends it."""
    return _split_at(sentence, clause_ends(sentence))


def clause_ends(sentence: str) -> list[int]:
    """Where the clauses of a sentence end, behind the mark of each."""
    return [match.end() for match in _CLAUSE_END.finditer(sentence)]


def pack_parts(parts: list[str], limit: int) -> list[str]:
    """Neighbours joined while they stay within `limit` characters."""
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
    """The text cut in two between the words nearest to its middle, or in the middle of its only word."""
    middle = len(text) // 2
    spaces = [space for space in (text.rfind(" ", 0, middle), text.find(" ", middle)) if space > 0]
    middle_space = min(spaces, key=lambda space: abs(space - middle), default=middle)
    return [text[:middle_space].strip(), text[middle_space:].strip()]


def _normalise_characters(text: str) -> str:
    broken = _LINE_BREAK.sub(
        "\n", _PARAGRAPH_BREAK.sub("\n\n", _HYPHENATED_WORD.sub("", unicodedata.normalize("NFC", text)))
    )
    plain = "".join(map(_plain_character, broken))
    return "\n\n".join("\n".join(lines) for lines in split_paragraphs(plain))


def _split_at(text: str, ends: list[int]) -> list[str]:
    bounds = [0, *ends, len(text)]
    pieces = (text[start:end].strip() for start, end in pairwise(bounds))
    return [piece for piece in pieces if piece]


@cache
def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if split_pause(character)[0] is not None:
        return character
    if character != "\n" and category[0] in "CZ" and character != "\u200d":
        # Format characters inside a word (a soft hyphen, a zero-width space) vanish; the others are whitespace.
        return "" if category == "Cf" else " "
    if category[0] == "L" and character not in "ªº":
        compatible = unicodedata.normalize("NFKC", character)
        if compatible.isascii() and compatible.isalpha():
            return compatible
    return character


def _languages_hint() -> str:
    return f" Spoken are: {', '.join(LANGUAGES)}."
