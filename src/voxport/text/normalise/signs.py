"""Reads signs beside numbers and letters: "≥18", "x <= 5", "√16", "10 / 2 = 5", "+5%", "A → B"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.locales.signs import SIGN_WORDS, SignWords
from voxport.text.normalise.number_words import NumberWords

_ASCII_SIGNS: Final = {
    "<=": "≤",
    "=<": "≤",
    ">=": "≥",
    "!=": "≠",
    "=/=": "≠",
    "==": "=",
    "->": "→",
    "<-": "←",
    "=>": "⇒",
    "~=": "≈",
}
_ASCII_SIGN: Final = re.compile(r"(?<![<>=!~-])(?:=/=|<=|=<|>=|!=|==|~=|->|=>)(?![<>=!-])")
_RELATION: Final = re.compile(r"(?<=[\w)²³%]) ?([≥≤≠≈]) ?(?=[\w(√$€£+−-])|(?<=[\w)²³%]) ([<>]) (?=[\w(√$€£+−-])")
_COMPARED: Final = re.compile(
    r"(?<![^\W\d_])(?<=[\w)])([<>])(?=\d)|(?<=\d)([<>])(?=[^\W\d_]\b)"
    r"|(?<=\b[A-Za-z])([<>])(?=[A-Za-z]\b(?![<>]))"
)
_LIMIT: Final = re.compile(r"(?<![\w<>=/])([≥≤<>~≈±]) ?(?=[$€£¥₹]?\d)")
_POWER: Final = re.compile(r"(?<=[\w)])\^\(?([-−+]?\d{1,6}|[^\W\d_])\)?(?!\w)")
_PRODUCT: Final = re.compile(r"(?<=\d)( ?)([*·×xX])( ?)(?=\d)|(?<=[\w)²³]) ([*·⋅]) (?=[\w(])")
_SIZE: Final = re.compile(r"[\d.,٬]{1,20} ?(?:[cmk]?m|in|ft|px|pixels?|inch(?:es)?|cm|″|\")(?!\w)")
_MEASURE: Final = r"(?:[cmk]?m|in|ft|px|cm)"
_MEASURED: Final = re.compile(rf"(?<=\d)( ?{_MEASURE}) ?[x×] ?(?=\d[\d.,]{{0,9}} ?{_MEASURE}\b)")
"""Both sides of a size have a unit: "3 m × 4 m"."""
_DIVISION: Final = re.compile(r"(?<=[\d)]) / (?=[\d(])|(?<=\d)/(?=\d{1,9} ?=)|(?<= [^\W\d_]) / (?=[^\W\d_]\b)")
_DIFFERENCE: Final = re.compile(
    r"(?<=[\d)²³]) - (?=[\d(][\w.,٬()²³ +*/−×÷-]{0,40}=)|(?<=\b[a-z]) - (?=[a-z0-9]\b)|(?<=\d)-(?=\d{1,9} ?=)"
)
_SUBTRACTION: Final = re.compile(r"(?<=[\w)²³]) ?− ?(?=[\w(√])")
_FOLD: Final = re.compile(r"(?<![\w.,])(\d{1,6}(?:[.,]\d{1,3})?)[x×](?![\w/]| ?[-+=−*^])")
_POSITIVE: Final = re.compile(r"(?<![^\s(\[/,;:\"'])\+(?=[$€£¥₹]?\d)")
_AND_MORE: Final = re.compile(r"(?<=\d)\+(?![\w(]| ?\d)|(?<=\d [KMB])\+(?!\w)|(?<=%)\+(?!\w)|(?<=\b[A-F])\+(?![\w+])")
_ROOT: Final = re.compile(r"√ ?\(?(?=[\w(])")
_ALL_DAY: Final = re.compile(r"(?<![\w.,/-])24/7(?:/365)?(?![\w/])(?![.,]\d)")
_SEPTEMBER: Final = re.compile(r"(?<![\w.,/-])9/11(?![\w/-])(?![.,]\d)(?! (?:of|inch|in|cups?)\b)")


def read(text: str, numbers: NumberWords) -> str:
    if text.isascii() and not re.search(r"[\^<>=~*/+x×-]|[A-Z]", text):
        return text
    signs, symbols = SIGN_WORDS[numbers.locale_words.base_language], numbers.locale_words.symbols
    text = _ASCII_SIGN.sub(lambda match: _ASCII_SIGNS.get(match[0], match[0]), text)
    text = _ALL_DAY.sub(f" {signs.around_the_clock} ", text)
    if numbers.locale_words.base_language == "en":
        text = _SEPTEMBER.sub(" nine eleven ", text)
    text = _read_relations(text, signs, symbols["±"])
    text = _POWER.sub(lambda match: _power(match[1], signs, numbers), text)
    text = _MEASURED.sub(rf"\1 {signs.by} ", text)
    text = _PRODUCT.sub(lambda match: f" {_product(match, signs)} ", text)
    text = _FOLD.sub(lambda match: f" {match[1]} {signs.multiple} ", text)
    text = _DIVISION.sub(f" {signs.divided_by} ", text)
    text = _DIFFERENCE.sub(f" {numbers.locale_words.minus} ", text)
    text = _SUBTRACTION.sub(f" {numbers.locale_words.minus} ", text)
    text = _POSITIVE.sub(f"{symbols['+']} ", text)
    text = _AND_MORE.sub(f" {symbols['+']} ", text)
    text = _ROOT.sub(f" {signs.square_root} ", text)
    text = re.sub(r"[→⟶➔➜➡]\ufe0f?", f" {signs.arrow} ", text)
    text = re.sub(r"[⇒⟹]", f" {signs.implies} ", text)
    return text.replace("∞", f" {signs.infinity} ").replace("‰", f" {signs.per_mille} ")


def _read_relations(text: str, signs: SignWords, plus_or_minus: str) -> str:
    text = _RELATION.sub(lambda match: _relation(match, signs), text)
    text = _COMPARED.sub(lambda match: f" {signs.relations[match[1] or match[2] or match[3]]} ", text)
    limits = {
        "≥": signs.at_least, "≤": signs.at_most, "<": signs.less_than, ">": signs.more_than,
        "~": signs.about, "≈": signs.about,
        "±": plus_or_minus,
    }  # fmt: skip
    text = _LIMIT.sub(lambda match: f"{limits[match[1]]} ", text)
    for sign, name in signs.relations.items():
        text = text.replace(sign, f" {name} ") if sign in "≥≤≠≈" else text
    return text


def _relation(match: re.Match[str], signs: SignWords) -> str:
    """Read a relation between operands, or a limit after a word: "must be ≥18"."""
    sign = match[1] or match[2]
    before = match.string[max(0, match.start() - 24) : match.start()]
    if re.search(r"(?:(?<![^\W_])[^\W\d_]|\d|[²³)%])$", before):
        return f" {signs.relations[sign]} "
    limits = {"≥": signs.at_least, "≤": signs.at_most, "<": signs.less_than, ">": signs.more_than, "≈": signs.about}
    is_limit = re.match(r"[$€£+−-]?\d", match.string[match.end() : match.end() + 2]) is not None
    return f" {limits[sign] if is_limit and sign in limits else signs.relations[sign]} "


def _power(exponent: str, signs: SignWords, numbers: NumberWords) -> str:
    known = {"2": numbers.locale_words.squared, "3": numbers.locale_words.cubed}
    if exponent in known:
        return f" {known[exponent]} "
    spoken = exponent.replace("-", f"{numbers.locale_words.minus} ").replace("−", f"{numbers.locale_words.minus} ")
    return f" {signs.power} {spoken} "


def _product(match: re.Match[str], signs: SignWords) -> str:
    """Read a product. Sizes are read with "by": "1920x1080", "3 × 4 m"."""
    if match[2] in ("x", "X") or _SIZE.match(match.string, match.end()):
        return signs.by if match[2] in ("x", "X", "×") else signs.times
    return signs.times
