"""Reads addresses: "https://example.com/a?x=1" is "example dot com slash a question mark x equals one"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_NAME: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL: Final = re.compile(rf"(?<![\w.+-])[\w.+-]{{1,64}}+@{_NAME}(?:\.{_NAME}){{1,8}}")
_TOP_LEVEL_DOMAINS: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|dev|app|co|me|tv|uk|us|eu|de|fr|es|it|pt|br|in|ca|au|jp|cn|ch|at|be|"
    "nl|mx|ar|cl|ie|nz|se|no|dk|fi|pl|online|site|shop|blog|cloud|tech|xyz"
)
_URL: Final = re.compile(
    rf"(?<![\w@.])(?:(?:https?|ftp)://[^\s<>\"“”«»]+|www\.[^\s<>\"“”«»]+"
    rf"|(?:(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![\d.]*\d)|localhost)(?::\d{{1,5}}(?!\d)|/(?=[\w]))[^\s<>\"“”«»]*"
    rf"|{_NAME}(?:\.{_NAME}){{0,8}}\.(?:{_TOP_LEVEL_DOMAINS})(?![\w-])(?:[/?#:][^\s<>\"“”«»]*)?)",
    re.IGNORECASE,
)
_TRAILING: Final = ".,;:!?…)]}'’*_"
_PIECE: Final = re.compile(r"\d+|[^\W\d_]+(?:['’]\w+)?|[^\w\s]|_")
_CONSONANTS: Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{2,4}", re.IGNORECASE)


def read(text: str, numbers: NumberWords) -> str:
    text = _EMAIL.sub(lambda match: address_words(match.group(), numbers), text)
    return _URL.sub(lambda match: _url(match.group(), numbers), text)


def _url(written: str, numbers: NumberWords) -> str:
    """Read an address without its scheme, which nobody says. Marks that end the sentence stay after it."""
    address = written.rstrip(_TRAILING)
    if address.count("(") > address.count(")") and written[len(address) : len(address) + 1] == ")":
        address += ")"
    tail = written[len(address) :]
    address = re.sub(r"^[a-z]+://", "", address, flags=re.IGNORECASE).rstrip("/")
    return f"{address_words(address, numbers)}{tail}" if address else written


def address_words(address: str, numbers: NumberWords) -> str:
    """Return the words and signs of an address or a path, one by one."""
    return f" {' '.join(_piece(piece, numbers) for piece in _PIECE.findall(address))} "


def _piece(piece: str, numbers: NumberWords) -> str:
    if piece.isdecimal():
        return numbers.year(piece) if len(piece) == 4 and piece[0] in "12" else _digits(piece, numbers)
    if piece[0].isalpha():
        # Parts without a vowel ("www", "xml") and known ones ("uk") are read letter by letter.
        return " ".join(piece.upper()) if _CONSONANTS.fullmatch(piece) or piece.lower() in _SPELT_LABELS else piece
    return numbers.locale_words.address_symbols.get(piece, "")


def _digits(piece: str, numbers: NumberWords) -> str:
    return numbers.cardinal(piece) if len(piece) <= 3 else numbers.digit_by_digit(piece)


_SPELT_LABELS: Final = frozenset(["uk", "us", "eu", "io", "ai", "tv", "au", "fr", "id"])
"""Parts of an address that are spelt although they could be read as words."""
