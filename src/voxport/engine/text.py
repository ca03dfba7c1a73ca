"""Text as it comes: cleaned, checked against the alphabet of its language, cut into sentences and clauses."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

from voxport.engine.errors import TextNotSpeakable
from voxport.engine.languages import LANGUAGES

_ENDS: Final = ".!?…।"
_CLOSERS: Final = "\"'”’»)]"
_ABBREVIATIONS: Final = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "jr",
        "st",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "no",
        "vol",
        "fig",
        "approx",
        "dept",
        "est",
        "inc",
        "ltd",
        "co",
        "gen",
        "col",
        "capt",
        "sgt",
        "rev",
        "hon",
        "sra",
        "srta",
        "dra",
        "dott",
        "sig",
        "av",
        "pág",
        "núm",
        "mme",
        "mlle",
        "ed",
    ]
)
_SENTENCE_END: Final = re.compile(rf"[{_ENDS}]+[{re.escape(_CLOSERS)}]*(?=\s|$)")
_LAST_WORD: Final = re.compile(r"[\w.]+$")
_CLAUSE_END: Final = re.compile(rf"[,;:—…]+[{re.escape(_CLOSERS)}]*(?=\s|$)|—")


def clean(text: str) -> str:
    """One line per paragraph: control characters are whitespace, look-alike letters (full width, mathematical,
    ligatures) their plain ones, and a decomposed letter is composed."""
    composed = unicodedata.normalize("NFC", text)
    plain = "".join(_plain(character) for character in composed)
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\s*\n\s*\n\s*", plain))
    return "\n".join(filter(None, paragraphs))


def check_alphabet(text: str, language: str) -> None:
    """Raise TextNotSpeakable where most letters are foreign to `language`, or where there is nothing to say."""
    if language not in LANGUAGES:
        raise TextNotSpeakable(f"The language {language!r} is not spoken.{_spoken()}", language=language)
    letters = [character for character in text if _is_letter(character)]
    foreign = [character for character in letters if not _belongs(character, language)]
    if len(foreign) * 2 > len(letters):
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
    return "".join(" " if _is_letter(c) and not _belongs(c, language) and _alphabet(c) != "GREEK" else c for c in text)


def sentences(paragraph: str) -> list[str]:
    """The sentences of one paragraph. A dot after an abbreviation or an initial does not end one."""
    return _cut(paragraph, [m.end() for m in _SENTENCE_END.finditer(paragraph) if _ends_sentence(paragraph, m)])


def clauses(sentence: str) -> list[str]:
    """The clauses of one sentence, each with the mark that ends it."""
    return _cut(sentence, [match.end() for match in _CLAUSE_END.finditer(sentence)])


def halves(text: str) -> list[str]:
    """The text cut in two between the words nearest to its middle, or in the middle of its only word."""
    middle = len(text) // 2
    spaces = [match.start() for match in re.finditer(" ", text)]
    cut = min(spaces, key=lambda space: abs(space - middle), default=middle)
    return [text[:cut].strip(), text[cut:].strip()]


def keeps_dot(word: str) -> bool:
    """Whether a dot behind `word` belongs to it: an abbreviation ("Dr.", "p.m."), or an initial ("J.")."""
    return word.lower() in _ABBREVIATIONS or "." in word or (len(word) == 1 and word.isupper())


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if match.group() != ".":
        return True
    word = _LAST_WORD.search(text, max(0, match.start() - 40), match.start())
    return not (word and keeps_dot(word.group()))


def _cut(text: str, ends: list[int]) -> list[str]:
    bounds = [0, *ends, len(text)]
    pieces = (text[start:end].strip() for start, end in pairwise(bounds))
    return [piece for piece in pieces if piece]


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


def _is_letter(character: str) -> bool:
    return unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo")


def _belongs(character: str, language: str) -> bool:
    alphabet = _alphabet(character)
    return alphabet in ("LATIN", "FEMININE", "MASCULINE", "MICRO") or (language == "hi" and alphabet == "DEVANAGARI")


def _alphabet(character: str) -> str:
    """The first word of the letter's Unicode name: LATIN, CYRILLIC, CJK, ARABIC, DEVANAGARI, …"""
    return unicodedata.name(character, "unknown").split()[0]


def _spoken() -> str:
    return f" Spoken are: {', '.join(LANGUAGES)}."
