"""Text as it comes: cleaned, checked against the alphabet of its language, cut into sentences and clauses."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import groupby, pairwise
from typing import Final

from voxport.engine.errors import TextNotSpeakable
from voxport.engine.languages import LANGUAGES
from voxport.engine.normalise.wordings import WORDINGS

_LATIN: Final = ("LATIN", "FEMININE", "MASCULINE", "MICRO")
_ALPHABETS: Final = {
    "hi": ("DEVANAGARI",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),
    "zh": ("CJK",),
}
"""What a language is written in besides Latin letters: the first words of the letters' Unicode names."""
_OPENING_LEAST: Final = 20
_OPENING_MOST: Final = 70
"""Characters of an opening: about 20 to 60 symbols, two to four seconds of speech."""
_ENDS: Final = ".!?…।"
_CLOSERS: Final = "\"'”’»)]"
_SENTENCE_END: Final = re.compile(
    rf"(?<![{_ENDS}])[{_ENDS}]++[{re.escape(_CLOSERS)}]*+(?=\s|$)|(?<![。！？])[。！？]++[」』”）】]*+"
)
"""Japanese and Chinese have no space behind theirs."""
_LAST_WORD: Final = re.compile(r"[\w.-]+\.$")
_NEXT: Final = re.compile(r"\s*(\S)?")
_CLAUSE_END: Final = re.compile(
    rf"(?<![,;:—…])[,;:—…]++[{re.escape(_CLOSERS)}]*+(?=\s|$)|[，、；：]++|—|\s[–-]+(?=\s)|(?<=[\w)])\s(?=\([^()]{{20,}}\))"
)
"""Behind a comma, a semicolon, a colon, a dash or an ellipsis, and before a long bracket."""


def clean(text: str) -> str:
    """One line per paragraph: control characters are whitespace, look-alike letters (full width, mathematical,
    ligatures) their plain ones, and a decomposed letter is composed."""
    plain = "".join(map(_plain, unicodedata.normalize("NFC", text)))
    lines = (" ".join(line.split()) for line in plain.split("\n"))
    paragraphs = (" ".join(group) for filled, group in groupby(lines, bool) if filled)
    return "\n".join(paragraphs)


def check_alphabet(text: str, language: str) -> None:
    """Raise TextNotSpeakable where most letters are foreign to `language`, or where there is nothing to say."""
    if language not in LANGUAGES:
        raise TextNotSpeakable(f"The language {language!r} is not spoken.{_spoken()}", language=language)
    letters = {c: count for c, count in Counter(text).items() if _is_letter(c)}
    foreign = {c: count for c, count in letters.items() if not _belongs(c, language)}
    if sum(foreign.values()) * 2 > sum(letters.values()):
        alphabets = sorted({_alphabet(character).title() for character in foreign})
        raise TextNotSpeakable(
            f"The text is written in an alphabet ({', '.join(alphabets[:3])}) that the language {language!r} "
            f"can't speak.{_spoken()}",
            language=language,
        )
    if not letters and not any(character.isdigit() for character in text):
        raise TextNotSpeakable(
            f"The text has no letters or digits, so there is nothing to speak.{_spoken()}", language=language
        )


def without_foreign(text: str, language: str) -> str:
    """The text without letters of another alphabet, which espeak-ng would name one by one. Greek stays: its
    letters are read by their names (`π`)."""
    foreign = {c for c in set(text) if _is_letter(c) and not _belongs(c, language) and _alphabet(c) != "GREEK"}
    return text.translate(dict.fromkeys(map(ord, foreign), " "))


def sentences(paragraph: str, language: str) -> list[str]:
    """The sentences of one paragraph. A dot that belongs to an abbreviation or an initial does not end one, unless
    the abbreviation can stand last and a capital follows: "and so on, etc. Then"."""
    ends = [m.end() for m in _SENTENCE_END.finditer(paragraph) if _ends_sentence(paragraph, m, language)]
    return _cut(paragraph, ends)


def clauses(sentence: str) -> list[str]:
    """The clauses of one sentence, each with the mark that ends it."""
    return _cut(sentence, [match.end() for match in _CLAUSE_END.finditer(sentence)])


def packed(parts: list[str], limit: int) -> list[str]:
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


def halves(text: str) -> list[str]:
    """The text cut in two between the words nearest to its middle, or in the middle of its only word."""
    middle = len(text) // 2
    spaces = [space for space in (text.rfind(" ", 0, middle), text.find(" ", middle)) if space > 0]
    cut = min(spaces, key=lambda space: abs(space - middle), default=middle)
    return [text[:cut].strip(), text[cut:].strip()]


def opening(sentence: str, language: str) -> tuple[str, str]:
    """The first few words of a sentence, up to where one may breathe, and its rest: for a first sound soon.

    That is its first clauses, or what stands before a word like "and" or "which" where no clause ends in time.
    """
    if len(sentence) <= _OPENING_MOST:
        return sentence, ""
    for end in (match.end() for match in _CLAUSE_END.finditer(sentence, 0, _OPENING_MOST)):
        if end >= _OPENING_LEAST:
            return sentence[:end].strip(), sentence[end:].strip()
    words = re.finditer(r" (\w+)", sentence[:_OPENING_MOST])
    breaths = [m.start() for m in words if m.start() >= _OPENING_LEAST and m[1].lower() in WORDINGS[language].breaths]
    cut = breaths[-1] if breaths else sentence.rfind(" ", _OPENING_LEAST, _OPENING_MOST)
    return (sentence[:cut].strip(), sentence[cut:].strip()) if cut > 0 else (sentence, "")


def keeps_dot(word: str) -> bool:
    """Whether a dot behind `word` belongs to it: "U.S.A", or an initial, "J"."""
    return "." in word or (len(word) == 1 and word.isupper())


def _ends_sentence(text: str, match: re.Match[str], language: str) -> bool:
    if match.group() != ".":
        return True
    last = _LAST_WORD.search(text, max(0, match.start() - 40), match.end())
    if last is None:
        return True
    if language not in WORDINGS:
        return not keeps_dot(last.group()[:-1])
    wording, two_words = WORDINGS[language], _in_two_words(language)
    word = next((key for key in two_words if text.endswith(key, 0, match.end())), last.group())
    following = _NEXT.match(text, match.end())
    start = following.group(1) if following and following.group(1) else ""
    if word in wording.titles or any(key.startswith(f"{word} ") for key in two_words):
        return False
    if word in wording.before_numbers:
        return not start.isdecimal()
    if word in wording.abbreviations:
        return not start.islower() and start not in "(,;"
    return not keeps_dot(word[:-1])


@cache
def _in_two_words(language: str) -> tuple[str, ...]:
    """Abbreviations in two words: "p. ej."."""
    wording = WORDINGS[language]
    return tuple(key for key in (*wording.titles, *wording.abbreviations) if " " in key)


def _cut(text: str, ends: list[int]) -> list[str]:
    bounds = [0, *ends, len(text)]
    pieces = (text[start:end].strip() for start, end in pairwise(bounds))
    return [piece for piece in pieces if piece]


@cache
def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if character != "\n" and category[0] in "CZ" and character != "\u200d":
        # Format characters inside a word (a soft hyphen, a zero-width space) vanish; the others are whitespace.
        return "" if category == "Cf" else " "
    if category[0] == "L" and character not in "ªº":
        compatible = unicodedata.normalize("NFKC", character)
        if compatible.isascii() and compatible.isalpha():
            return compatible
    return character


@cache
def _is_letter(character: str) -> bool:
    return unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo")


def _belongs(character: str, language: str) -> bool:
    return _alphabet(character) in (*_LATIN, *_ALPHABETS.get(language, ()))


@cache
def _alphabet(character: str) -> str:
    """The first word of the letter's Unicode name: LATIN, CYRILLIC, CJK, ARABIC, DEVANAGARI, …"""
    return unicodedata.name(character, "unknown").split()[0]


def _spoken() -> str:
    return f" Spoken are: {', '.join(LANGUAGES)}."
