"""Abbreviations in full, and Roman numerals where they are surely numbers: "Dr.", "etc.", "Henry VIII"."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.abbreviation_forms import BEFORE_CAPITALS, looks_shortened, shortened
from voxport.text.normalise.function_words import OPENERS
from voxport.text.normalise.number_words import Speech
from voxport.text.normalise.wordlist import words_of

_ROMAN: Final = r"(?=[IVX])(X{0,3})(IX|IV|V?I{0,3})"
_LETTER: Final = r"[\w\u0900-\u0963\u0970-\u097f.]"
"""What an abbreviation does not begin behind: letters, with the vowel signs of Devanagari, which are no `\\w`."""
_STREET: Final = re.compile(
    r"(?<![\w.])([A-Z][\w'’]{1,30}|\d{1,4}(?:st|nd|rd|th)) (St|Dr)"
    r"(?:\.(?= [a-z]|[,;:)])|(\.)(?= [A-Z])|(?=[,;:.)]?\s*$)|(?=[,;:)])|(?= [a-z]))"
)
"""Behind a name, and before no other one: "Main St., St. John", "Elm Dr. near Dr. Elm"."""
_HOUSE: Final = re.compile(r"(?<![\w.])(\d{1,5}[A-Z]? (?:[A-Z][\w'’]{1,30} ){1,2})(St|Dr)\.(?= [A-Z])")
"""Behind the number of a house also before a town."""
_INCHES: Final = re.compile(r"(?<=\d )in\.(?= [a-z])")
_UNIT: Final = re.compile(
    r"(?<=\d)( ?(?:min|mins|sec|s|h|hrs|km|m|cm|mm|kg|g|mg|l|ml|ft|lb|lbs|oz|mi))\.(?:(?= [a-zà-ÿ\d]|[,;:)])()|(?!\w))"
)
"""The dot behind a unit, which ends a sentence before a capital or at the end."""
_ZERO: Final = re.compile(r"([\u0904-\u0963]{1,6})0(?= )")
"""Hindi writes a zero for the dot of an abbreviation too."""
_NUMBER_OF: Final = re.compile(r"(?<![\w.])[Nn]o\. of(?!\w)")
_NO_STREETS: Final = words_of("hello hi hey dear thanks thank yes ok okay sorry ask see call sir saint mr mrs")
_VALUES: Final = {"I": 1, "V": 5, "X": 10}
_AFTER_FIRST: Final = re.compile(r"\s*(?:[,.;:!?)]|$)| (?:of|de|di|was|and|is|y|et|e) ")
_END: Final = re.compile(r"[\"'”’»)]*\s*$")
_NEXT_WORD: Final = re.compile(r" ([^\W\d_][\w'’]*)")
_UNKNOWN: Final = re.compile(r"(?<![\w.@/\\-])([^\W\d_]{2,6})\.(?= [a-z0-9à-ÿ])")


def read(text: str, speech: Speech) -> str:
    wording, known = speech.wording, shortened(speech.language)
    if any(character.isdecimal() for character in text):
        text = _UNIT.sub(lambda m: m[1] if m[2] is not None else f"{m[1]} .", text)
    if wording.rules == "hi":
        text = _ZERO.sub(lambda m: f"{m[1]}." if f"{m[1]}." in known.titles else m[0], text)
    if known.before_numbers:
        text = _numbered(speech).sub(lambda m: f"{known.before_numbers[m[1]]} ", text)
    if wording.rules == "en":
        text = _INCHES.sub("inches", text)
        text = _NUMBER_OF.sub("number of", text)
        text = _HOUSE.sub(lambda m: f"{m[1]}{'Street' if m[2] == 'St' else 'Drive'}", text)
        text = _STREET.sub(_street, text)
    text = _abbreviations(speech).sub(lambda m: _in_full(m, speech), text)
    text = _UNKNOWN.sub(lambda m: m[1] if looks_shortened(m[1], speech.language) else m[0], text)
    if not re.search(r"[IVX]", text):
        return text
    if wording.century:
        text = _century(speech).sub(lambda m: f"{speech.ordinal(_value(m[1]))}{m[4]}", text)
    text = re.sub(r"(?<=[a-zé] )I(?:er|ᵉʳ)\b", speech.ordinal(1), text) if wording.rules == "fr" else text
    return _romans().sub(lambda m: _roman(m, speech), text)


def _in_full(match: re.Match[str], speech: Speech) -> str:
    """The words, and the dot where it ended the sentence too: "etc."."""
    short, known = match[1], shortened(speech.language)
    ends = short.endswith(".") and (
        _END.match(match.string, match.end()) is not None
        or (short in known.anywhere and _opens(match.string, match.end(), speech))
    )
    full = {**known.anywhere, **known.titles}[short]
    following = match.string[match.end() : match.end() + 1]
    return f"{full}{'.' if ends else ' ' if following.isalnum() else ''}"


def _street(match: re.Match[str]) -> str:
    name = match[1].lower()
    if name in OPENERS["en"] or name in _NO_STREETS:
        return match.group()
    if match[3]:
        following = _NEXT_WORD.match(match.string, match.end())
        if following is None or following[1].lower() not in OPENERS["en"]:
            return match.group()
    return f"{match[1]} {'Street' if match[2] == 'St' else 'Drive'}{match[3] or ''}"


def _opens(text: str, at: int, speech: Speech) -> bool:
    """Whether a sentence begins here: with a word that has a capital and is no name."""
    following = _NEXT_WORD.match(text, at)
    return following is not None and following[1][0].isupper() and following[1].lower() in OPENERS[speech.wording.rules]


def _roman(match: re.Match[str], speech: Speech) -> str:
    word, numeral, value = match[1], match[2], _value(match[2])
    wording = speech.wording
    if numeral == "I" and not _AFTER_FIRST.match(match.string, match.end()):
        return match.group()  # "Charles I think so"
    if word in wording.rulers:
        if value <= wording.ruler_ordinals:
            return f"{word} {wording.ruler_article}{speech.ordinal(value)}"
        return f"{word} {speech.cardinal(str(value))}"
    known = word.lower() in wording.numbered
    if known or (len(numeral) > 1 and word[0].isupper() and not word.isupper()):
        return f"{word} {speech.cardinal(str(value))}"
    return match.group()


def _value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


@cache
def _abbreviations(speech: Speech) -> re.Pattern[str]:
    """A title may stand without a space before its name ("Mr.Smith"), and some without a dot are words elsewhere."""
    known = shortened(speech.language)
    titles = [key for key in known.titles if key.endswith(".") and key.count(".") == 1 and len(key) > 2]
    joined = "|".join(map(re.escape, sorted(titles, key=len, reverse=True)))
    before_name = rf"|(?:{joined})(?=[^\W\d_])" if joined else ""
    keys = sorted({*known.anywhere, *known.titles}, key=len, reverse=True)
    written = "|".join(
        re.escape(key)
        + ("" if key.endswith(".") else r"(?!\.[^\W\d_])")
        + (r"(?=[ -][A-ZÀ-Þ])" if key in BEFORE_CAPITALS else "")
        for key in keys
    )
    return re.compile(rf"(?<!{_LETTER})((?:{written})(?!{_LETTER[:-2]}]){before_name})")


@cache
def _numbered(speech: Speech) -> re.Pattern[str]:
    """Before digits ("Apt. 4B", "No. A4", "tel. (11) 5555") and Roman numerals ("Cap. IV")."""
    keys = sorted(shortened(speech.language).before_numbers, key=len, reverse=True)
    written = "|".join(map(re.escape, keys))
    roman = r"(?<=[^\W\d_]{3}\. )(?:[IVX]{2,6}(?!\w)|[IVX](?=[,.;:)]|$| [a-z(]))"
    letter = r"(?<=[^\W\d_]{2}\. )[B-DF-HJ-NP-XZ](?![\w.'’])"
    number = rf"[(+]?\d|:|(?<=\. )[A-Z]\d|{letter}|{roman}"
    return re.compile(rf"(?<!{_LETTER})({written})\s?(?={number})")


@cache
def _romans() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'’])([^\W\d_]{{2,20}}) ({_ROMAN})(?!\w|['’](?!s\b)|\.\w)")


@cache
def _century(speech: Speech) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)({_ROMAN})(?:e|ᵉ|ème|er|º|°|\^e)?(\s{speech.wording.century})\b")
