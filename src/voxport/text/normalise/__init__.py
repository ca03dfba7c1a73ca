"""Text as it is written to text as it is said: "$3.50" to "three dollars and fifty cents".

`spoken` does one reader after the other. Each replaces what it knows and leaves the rest as it is, so no word is
lost; at the end no digit and no sign is left that nobody would speak. Every regular expression is bounded or
possessive, so the time grows with the length of the text only. `docs/text.md` says what is read how.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from voxport.text.languages import BY_MISAKI
from voxport.text.normalise import abbreviations as words
from voxport.text.normalise import (
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
    money,
    numerals,
    ordinals,
    paths,
    phones,
    rates,
    ratios,
    romans,
    signs,
    web,
)
from voxport.text.normalise import list_items as items
from voxport.text.normalise import magnitudes as scales
from voxport.text.normalise import symbols as marks
from voxport.text.normalise import time_zones as zones
from voxport.text.normalise.number_words import speech

_READERS: Final = (
    items.read,
    web.read,
    elisions.read_decades,
    ratios.read,
    british.read,
    hindi_units.read,
    zones.read,
    bare_dates.read,
    clock.read,
    romans.read,
    paths.read,
    calendar_names.read,
    words.read,
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
    scales.read,
    amounts.read,
    numerals.read,
    paths.read_slashes,
    marks.read,
    elisions.read,
)


_RAISED: Final = re.compile(r"(?<=[\w)])(?:⁻?[⁰¹²³⁴-⁹]{2,}|⁻[⁰¹²³⁴-⁹]|[⁰¹⁴-⁹])(?!\w)")
"""Powers in raised digits; "²" and "³" alone may belong to a unit."""


def spoken(text: str, language: str) -> str:
    """`text` (of one of LANGUAGES) with numbers, dates, amounts, addresses, abbreviations and signs in words. Of
    Japanese and Chinese only numbers are read, the latter by misaki."""
    if language in BY_MISAKI:
        return kanji_numbers.read(text, language)
    said = " ".join(_plain_digits(text).split())
    for read in _READERS:
        said = " ".join(read(said, speech(language)).split())
    return re.sub(r" (?=[,;:.!?…)\]])|(?<=[(\[]) ", "", said)


def _plain_digits(text: str) -> str:
    """Digits of every script as 0 to 9; "½" as "1/2" and "①" as "1", apart from what stands beside them."""
    if text.isascii():
        return text
    text = _RAISED.sub(lambda match: f"^{unicodedata.normalize('NFKC', match.group()).replace('−', '-')}", text)
    return "".join(map(_plain_digit, text))


def _plain_digit(character: str) -> str:
    if character.isascii() or not character.isnumeric() or character in "²³":
        return character
    decimal = unicodedata.decimal(character, None)
    if decimal is not None:
        return str(decimal)
    compatible = unicodedata.normalize("NFKC", character).replace("⁄", "/")
    return f" {compatible} " if re.fullmatch(r"[0-9/.()]+", compatible) else character
