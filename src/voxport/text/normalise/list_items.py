"""Reads the number of a list item: "1. Wash the rice" is "one, Wash the rice"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_ITEM: Final = re.compile(r"\(?(\d{1,3}(?:\.\d{1,3}){0,4})[.)](?=\s+[^\W\d_«“\"'¿¡]|\s+[«“\"'¿¡(])")
_LETTER: Final = re.compile(r"\(?([A-Za-z])\)(?=\s+\S)")
_ROMAN: Final = re.compile(r"(?=[IVX]{2})(X{0,3})(IX|IV|V?I{0,3})\.(?=\s+[^\W\d_])")
_VALUES: Final = {"I": 1, "V": 5, "X": 10}


def read(text: str, numbers: NumberWords) -> str:
    """`text` is one sentence or line. Only its beginning can hold the number of an item."""
    item = _ITEM.match(text)
    if item is not None:
        parts = item[1].split(".")
        spoken = f" {numbers.locale_words.address_symbols['.']} ".join(numbers.cardinal(part) for part in parts)
        return f"{spoken},{text[item.end() :]}"
    letter = _LETTER.match(text)
    if letter is not None:
        return f"{letter[1].upper()},{text[letter.end() :]}"
    roman = _ROMAN.match(text)
    if roman is not None:
        values = [_VALUES[sign] for sign in roman[1] + roman[2]]
        value = sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
        return f"{numbers.cardinal(str(value))},{text[roman.end() :]}"
    return text
