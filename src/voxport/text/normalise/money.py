"""Reads money: "$3.50", "£5m", "20 CHF", "A$20", "5¢", "$1,234.50 MXN"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Final

from babel.numbers import get_currency_name

from voxport.text.normalise.locale_words import Currency
from voxport.text.normalise.locales import money as currency_names
from voxport.text.normalise.number_words import ELISION_MARK, NumberWords

_OTHER_SIGNS: Final = (
    "".join(chr(point) for point in range(0x20A0, 0x20C1) if unicodedata.category(chr(point)) == "Sc") + "؋৲৳૱௹฿៛﷼¤֏"
)
"""Currency signs beyond the table: each has a name in CLDR or Unicode."""
_MINUS: Final = r"(?P<minus>(?<![\w])[-−])?"


_ADJECTIVE: Final = re.compile(r"\b(?:an?|another|every|each) $", re.IGNORECASE)
"""Words before an amount that describes a noun: "a $5 bill" is "a five dollar bill"."""


def read(text: str, numbers: NumberWords) -> str:
    if text.isascii() and not any(character.isdecimal() for character in text):
        return text
    text = _sign_and_word(numbers).sub(lambda m: _amount_words(m, _word_code(m["word"], numbers), numbers), text)
    text = _sign_before(numbers).sub(lambda m: _amount_words(m, m["sign"], numbers), text)
    text = _sign_behind(numbers).sub(lambda m: _amount_words(m, m["sign"], numbers), text)
    return re.sub(rf"[{re.escape(_OTHER_SIGNS)}]", lambda m: f" {currency(m[0], numbers).plural} ", text)


@cache
def currency(sign: str, numbers: NumberWords) -> Currency:
    """Return the names of a sign or an ISO code. A sign without a name in CLDR gets its Unicode name."""
    locale_words, code = numbers.locale_words, currency_names.SIGNS.get(sign, sign.rstrip(" $€£¥₹") or sign)
    local = currency_names.LOCAL_SIGNS.get(code, code)
    if local in locale_words.currencies:
        return locale_words.currencies[local]
    one, many = currency_names.local_name(code, locale_words.base_language) or _by_cldr(code, numbers)
    cent, cents = currency_names.cents(code, locale_words.base_language, locale_words.currencies["$"])
    feminine = many.lower().startswith(currency_names.FEMININE.get(locale_words.base_language, ("\0",)))
    return Currency(one, many, cent, cents, feminine=feminine)


def _by_cldr(code: str, numbers: NumberWords) -> tuple[str, str]:
    if len(code) == 1:
        name = unicodedata.name(code, "").lower().removesuffix(" sign").replace("-", " ")
        return name, name
    one, many = (get_currency_name(code, count, numbers.locale_words.locale) for count in (1, 2))
    if numbers.locale_words.base_language == "pt":
        one, many = (f"{name[0].lower()}{name[1:]}" for name in (one, many))
    return one, many


def _amount_words(match: re.Match[str], sign: str, numbers: NumberWords) -> str:
    locale_words, known = numbers.locale_words, currency(sign, numbers)
    whole, fraction = numbers.parts(match["n"])
    minus = f"{locale_words.minus} " if match["minus"] else ""
    if locale_words.base_language == "en" and _ADJECTIVE.search(match.string, max(0, match.start() - 9), match.start()):
        following = match.string[match.end() : match.end() + 24]
        if re.match(r" [a-z]{3,20}(?<!ing)\b", following) and not re.match(
            r" (?:and|or|but|for|per|each|from|with|was|in|on|of|to|at|by|more|less|that|which|because|when|if)\b",
            following,
        ):
            known = replace(known, plural=known.singular)
    if match["scale"]:
        return f" {minus}{_scaled_amount(match, known, numbers)} "
    if len(fraction) == 2 and known.cents:
        cents = int(fraction)
        small = f"{numbers.cardinal(str(cents), before_noun=True)} {known.cent if cents == 1 else known.cents}"
        if not cents:
            return f" {minus}{_whole_amount(whole, known, numbers)} "
        if int(whole) == 0:
            return f" {minus}{small} "
        return f" {minus}{_whole_amount(whole, known, numbers)} {locale_words.and_cents} {small} "
    if fraction.strip("0"):
        return f" {minus}{numbers.say(match['n'])} {known.plural} "
    return f" {minus}{_whole_amount(whole, known, numbers)} "


def _scaled_amount(match: re.Match[str], known: Currency, numbers: NumberWords) -> str:
    locale_words, (whole, fraction) = numbers.locale_words, numbers.parts(match["n"])
    scale = locale_words.scales[match["scale"].lower()]
    amount = numbers.say(match["n"], before_noun=True)
    is_one = (whole, fraction) == ("1", "")
    many = scale[0] if is_one else scale[1]
    is_thousand = many == locale_words.scales["k"][1]
    if is_thousand and not locale_words.locale.startswith("en") and len(whole) <= 6 and len(fraction) <= 3:
        return _whole_amount(str(int(whole + fraction.ljust(3, "0"))), known, numbers)  # "10k" is "diecimila"
    of = "" if is_thousand else numbers.preposition_before(f" {known.plural}").rstrip()
    return f"{amount} {many}{of} {known.plural}".replace(f"{ELISION_MARK} ", "")


def _whole_amount(digits: str, known: Currency, numbers: NumberWords) -> str:
    spoken = numbers.cardinal(digits, feminine=known.feminine, before_noun=True)
    of = numbers.million_preposition(digits, f" {known.plural}").rstrip()
    return f"{spoken}{of} {known.singular if digits == '1' else known.plural}".replace(f"{ELISION_MARK} ", "")


def _word_code(word: str, numbers: NumberWords) -> str:
    if word in currency_names.CODES:
        return word
    return next(
        code
        for key, code in currency_names.WORDS[numbers.locale_words.base_language].items()
        if re.fullmatch(key, word, re.I)
    )


@cache
def _sign_and_word(numbers: NumberWords) -> re.Pattern[str]:
    """Match an amount with a sign and a more specific word or code: "$500 pesos", "MXN $500", "$5 USD"."""
    words = "|".join(
        (*currency_names.CODES, *(f"(?i:{key})" for key in currency_names.WORDS[numbers.locale_words.base_language]))
    )
    return re.compile(
        rf"{_MINUS}(?<!\w)(?:[$€£¥₹] ?(?P<n>{numbers.pattern})(?: ?(?P<scale>{_scales(numbers)})(?!\w))?"
        rf" ?(?: de )?(?P<word>{words})(?![\w\u0900-\u097f]))"
    )


@cache
def _sign_before(numbers: NumberWords) -> re.Pattern[str]:
    plain = "|".join(code for code in currency_names.CODES if code not in currency_names.AMBIGUOUS_CODES)
    also = rf"(?:{'|'.join(sorted(currency_names.AMBIGUOUS_CODES))})(?= ?(?:\d{{1,3}}\D\d|\d{{3}}))"
    signs = _alternatives(sign for sign in currency_names.SIGNS if sign not in ("lei", "Ft", "¢", "XBT"))
    return re.compile(
        rf"{_MINUS}(?<!\w)(?P<sign>{signs}|[{_OTHER_SIGNS}]|(?:{plain})(?: ?[$€£¥₹])?(?= ?\d)|{also}) ?"
        rf"(?P<n>{numbers.pattern})(?: ?(?P<scale>{_scales(numbers)})(?!\w))?"
    )


@cache
def _sign_behind(numbers: NumberWords) -> re.Pattern[str]:
    signs = _alternatives(sign for sign in currency_names.SIGNS if sign not in ("S/", "Rs", "Rs.", "Fr.", "रु"))
    return re.compile(
        rf"{_MINUS}(?<![\w])(?<!\d[.,])(?P<n>{numbers.pattern})(?: ?(?P<scale>{_scales(numbers)})(?!\w))?"
        rf" ?(?P<sign>(?:{signs}|[{_OTHER_SIGNS}]|{'|'.join(currency_names.CODES)})(?!\w))"
    )


def _alternatives(signs: Iterable[str]) -> str:
    return "|".join(re.escape(sign) for sign in sorted(signs, key=len, reverse=True))


@cache
def _scales(numbers: NumberWords) -> str:
    return "|".join(f"(?i:{re.escape(scale)})" for scale in sorted(numbers.locale_words.scales, key=len, reverse=True))
