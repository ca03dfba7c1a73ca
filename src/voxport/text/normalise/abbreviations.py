"""Expands abbreviations, and Roman numerals that are certainly numbers: "Dr.", "etc.", "Henry VIII"."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.abbreviation_forms import TITLES_BEFORE_CAPITALS, abbreviations_of, looks_abbreviated
from voxport.text.normalise.function_words import SENTENCE_OPENERS
from voxport.text.normalise.number_words import NumberWords
from voxport.text.normalise.wordlist import word_set

_ROMAN: Final = r"(?=[IVX])(X{0,3})(IX|IV|V?I{0,3})"
_LETTER: Final = r"[\w\u0900-\u0963\u0970-\u097f.]"
"""Characters that cannot precede an abbreviation: letters, and vowel signs of Devanagari, which are not in `\\w`."""
_STREET: Final = re.compile(
    r"(?<![\w.])([A-Z][\w'’]{1,30}|\d{1,4}(?:st|nd|rd|th)) (St|Dr)"
    r"(?:\.(?= [a-z]|[,;:)])|(\.)(?= [A-Z])|(?=[,;:.)]?\s*$)|(?=[,;:)])|(?= [a-z]))"
)
""""St" or "Dr" after a name and not before another name: "Main St., St. John", "Elm Dr. near Dr. Elm"."""
_NUMBERED_STREET: Final = re.compile(r"(?<![\w.])(\d{1,5}[A-Z]? (?:[A-Z][\w'’]{1,30} ){1,2})(St|Dr)\.(?= [A-Z])")
"""After a house number it is a street even before a capital (a town)."""
_INCHES: Final = re.compile(r"(?<=\d )in\.(?= [a-z])")
_UNIT: Final = re.compile(
    r"(?<=\d)( ?(?:min|mins|sec|s|h|hrs|km|m|cm|mm|kg|g|mg|l|ml|ft|lb|lbs|oz|mi))\.(?:(?= [a-zà-ÿ\d]|[,;:)])()|(?!\w))"
)
"""The dot after a unit. Before a capital or at the end of the text it also ends the sentence."""
_HINDI_ZERO_DOT: Final = re.compile(r"([\u0904-\u0963]{1,6})0(?= )")
"""Hindi also writes a zero for the dot of an abbreviation."""
_NUMBER_OF: Final = re.compile(r"(?<![\w.])[Nn]o\. of(?!\w)")
_NOT_STREETS: Final = word_set("hello hi hey dear thanks thank yes ok okay sorry ask see call sir saint mr mrs")
_VALUES: Final = {"I": 1, "V": 5, "X": 10}
_AFTER_FIRST: Final = re.compile(r"\s*(?:[,.;:!?)]|$)| (?:of|de|di|was|and|is|y|et|e) ")
_END: Final = re.compile(r"[\"'”’»)]*\s*$")
_NEXT_WORD: Final = re.compile(r" ([^\W\d_][\w'’]*)")
_UNKNOWN: Final = re.compile(r"(?<![\w.@/\\-])([^\W\d_]{2,6})\.(?= [a-z0-9à-ÿ])")


def read(text: str, numbers: NumberWords) -> str:
    locale_words, abbreviations = numbers.locale_words, abbreviations_of(numbers.language)
    if any(character.isdecimal() for character in text):
        text = _UNIT.sub(lambda m: m[1] if m[2] is not None else f"{m[1]} .", text)
    if locale_words.base_language == "hi":
        text = _HINDI_ZERO_DOT.sub(lambda m: f"{m[1]}." if f"{m[1]}." in abbreviations.titles else m[0], text)
    if abbreviations.before_numbers:
        text = _numbered(numbers).sub(lambda m: f"{abbreviations.before_numbers[m[1]]} ", text)
    if locale_words.base_language == "en":
        text = _INCHES.sub("inches", text)
        text = _NUMBER_OF.sub("number of", text)
        text = _NUMBERED_STREET.sub(lambda m: f"{m[1]}{'Street' if m[2] == 'St' else 'Drive'}", text)
        text = _STREET.sub(_street_name, text)
    text = _abbreviations(numbers).sub(lambda m: _expand(m, numbers), text)
    text = _UNKNOWN.sub(lambda m: m[1] if looks_abbreviated(m[1], numbers.language) else m[0], text)
    if not re.search(r"[IVX]", text):
        return text
    if locale_words.century_word:
        text = _century(numbers).sub(lambda m: f"{numbers.ordinal(_roman_value(m[1]))}{m[4]}", text)
    text = re.sub(r"(?<=[a-zé] )I(?:er|ᵉʳ)\b", numbers.ordinal(1), text) if locale_words.base_language == "fr" else text
    return _romans().sub(lambda m: _roman(m, numbers), text)


def _expand(match: re.Match[str], numbers: NumberWords) -> str:
    """Return the expansion, with a dot if the abbreviation's dot also ended the sentence ("etc.")."""
    abbreviation, abbreviations = match[1], abbreviations_of(numbers.language)
    ends_sentence = abbreviation.endswith(".") and (
        _END.match(match.string, match.end()) is not None
        or (abbreviation in abbreviations.anywhere and _starts_sentence(match.string, match.end(), numbers))
    )
    expansion = {**abbreviations.anywhere, **abbreviations.titles}[abbreviation]
    following = match.string[match.end() : match.end() + 1]
    return f"{expansion}{'.' if ends_sentence else ' ' if following.isalnum() else ''}"


def _street_name(match: re.Match[str]) -> str:
    name = match[1].lower()
    if name in SENTENCE_OPENERS["en"] or name in _NOT_STREETS:
        return match.group()
    if match[3]:
        following = _NEXT_WORD.match(match.string, match.end())
        if following is None or following[1].lower() not in SENTENCE_OPENERS["en"]:
            return match.group()
    return f"{match[1]} {'Street' if match[2] == 'St' else 'Drive'}{match[3] or ''}"


def _starts_sentence(text: str, position: int, numbers: NumberWords) -> bool:
    """Return whether a sentence starts here: the next word is capitalised and is not a name."""
    following = _NEXT_WORD.match(text, position)
    return (
        following is not None
        and following[1][0].isupper()
        and following[1].lower() in SENTENCE_OPENERS[numbers.locale_words.base_language]
    )


def _roman(match: re.Match[str], numbers: NumberWords) -> str:
    word, numeral, value = match[1], match[2], _roman_value(match[2])
    locale_words = numbers.locale_words
    if numeral == "I" and not _AFTER_FIRST.match(match.string, match.end()):
        return match.group()  # "Charles I think so"
    if word in locale_words.rulers:
        if value <= locale_words.ruler_ordinals:
            return f"{word} {locale_words.ruler_article}{numbers.ordinal(value)}"
        return f"{word} {numbers.cardinal(str(value))}"
    is_numbered_word = word.lower() in locale_words.words_before_roman
    if is_numbered_word or (len(numeral) > 1 and word[0].isupper() and not word.isupper()):
        return f"{word} {numbers.cardinal(str(value))}"
    return match.group()


def _roman_value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


@cache
def _abbreviations(numbers: NumberWords) -> re.Pattern[str]:
    """Match every abbreviation. A title may have no space before its name ("Mr.Smith"). Some forms without a dot are
    ordinary words unless a capital follows."""
    abbreviations = abbreviations_of(numbers.language)
    titles = [key for key in abbreviations.titles if key.endswith(".") and key.count(".") == 1 and len(key) > 2]
    joined = "|".join(map(re.escape, sorted(titles, key=len, reverse=True)))
    before_name = rf"|(?:{joined})(?=[^\W\d_])" if joined else ""
    keys = sorted({*abbreviations.anywhere, *abbreviations.titles}, key=len, reverse=True)
    written = "|".join(
        re.escape(key)
        + ("" if key.endswith(".") else r"(?!\.[^\W\d_])")
        + (r"(?=[ -][A-ZÀ-Þ])" if key in TITLES_BEFORE_CAPITALS else "")
        for key in keys
    )
    return re.compile(rf"(?<!{_LETTER})((?:{written})(?!{_LETTER[:-2]}]){before_name})")


@cache
def _numbered(numbers: NumberWords) -> re.Pattern[str]:
    """Match abbreviations before digits ("Apt. 4B", "No. A4", "tel. (11) 5555") and Roman numerals ("Cap. IV")."""
    keys = sorted(abbreviations_of(numbers.language).before_numbers, key=len, reverse=True)
    written = "|".join(map(re.escape, keys))
    roman = r"(?<=[^\W\d_]{3}\. )(?:[IVX]{2,6}(?!\w)|[IVX](?=[,.;:)]|$| [a-z(]))"
    letter = r"(?<=[^\W\d_]{2}\. )[B-DF-HJ-NP-XZ](?![\w.'’])"
    number = rf"[(+]?\d|:|(?<=\. )[A-Z]\d|{letter}|{roman}"
    return re.compile(rf"(?<!{_LETTER})({written})\s?(?={number})")


@cache
def _romans() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'’])([^\W\d_]{{2,20}}) ({_ROMAN})(?!\w|['’](?!s\b)|\.\w)")


@cache
def _century(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)({_ROMAN})(?:e|ᵉ|ème|er|º|°|\^e)?(\s{numbers.locale_words.century_word})\b")
