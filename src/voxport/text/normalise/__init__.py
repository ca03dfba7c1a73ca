"""Converts written text to spoken text: "$3.50" becomes "three dollars and fifty cents".

`normalise_text` runs the readers one after the other. Each replaces what it recognises and leaves the rest unchanged,
so no word is lost. The result contains no digit, and no sign that nobody would speak. Every regular expression is
bounded or possessive, so the run time is linear in the length of the text. `docs/text.md` lists what is read how.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.normalise import (
    abbreviations,
    amounts,
    articles,
    bare_dates,
    british,
    calendar_names,
    clock,
    dates,
    elisions,
    grouped,
    hindi_units,
    identifiers,
    kanji_numbers,
    list_items,
    magnitudes,
    money,
    numerals,
    ordinals,
    paths,
    phones,
    rates,
    ratios,
    romans,
    signs,
    symbols,
    tags,
    time_zones,
    web,
)
from voxport.text.normalise.number_words import number_words

_READERS: Final = (
    list_items.read,
    tags.read,
    web.read,
    elisions.read_decades,
    ratios.read,
    british.read,
    hindi_units.read,
    time_zones.read,
    bare_dates.read,
    clock.read,
    romans.read,
    paths.read,
    calendar_names.read,
    abbreviations.read,
    identifiers.read,
    phones.read,
    ordinals.read,
    grouped.read,
    signs.read,
    dates.read,
    articles.read,
    rates.read,
    numerals.read_shapes,
    money.read,
    magnitudes.read,
    amounts.read,
    numerals.read,
    paths.read_slashes,
    symbols.read,
    elisions.read,
)


_SUPERSCRIPTS: Final = re.compile(r"(?<=[\w)])(?:⁻?[⁰¹²³⁴-⁹]{2,}|⁻[⁰¹²³⁴-⁹]|[⁰¹⁴-⁹])(?!\w)")
"""Exponents in superscript digits. A single "²" or "³" is excluded: it may belong to a unit."""


def normalise_text(text: str, language: str) -> str:
    """Return `text` with numbers, dates, amounts, addresses, abbreviations and signs in words.

    `language` is one of LANGUAGES. In Japanese and Chinese only numbers are converted; misaki reads the Chinese ones.
    """
    if language in MISAKI_LANGUAGES:
        return kanji_numbers.read(text, language)
    spoken = " ".join(_plain_digits(text).split())
    for read in _READERS:
        spoken = " ".join(read(spoken, number_words(language)).split())
    return re.sub(r" (?=[,;:.!?…)\]])|(?<=[(\[]) ", "", spoken)


def _plain_digits(text: str) -> str:
    """Convert digits of every script to 0-9, "½" to "1/2" and "①" to "1", the last two set off by spaces."""
    if text.isascii():
        return text
    text = _SUPERSCRIPTS.sub(lambda match: f"^{unicodedata.normalize('NFKC', match.group()).replace('−', '-')}", text)
    return "".join(map(_plain_digit, text))


def _plain_digit(character: str) -> str:
    if character.isascii() or not character.isnumeric() or character in "²³":
        return character
    decimal = unicodedata.decimal(character, None)
    if decimal is not None:
        return str(decimal)
    compatible = unicodedata.normalize("NFKC", character).replace("⁄", "/")
    return f" {compatible} " if re.fullmatch(r"[0-9/.()]+", compatible) else character
