"""Money: "$3.50", "£5m", "20 CHF", "A$20", "5¢", "$1,234.50 MXN"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Final

from babel.numbers import get_currency_name

from voxport.text.normalise.locale_words import Currency
from voxport.text.normalise.locales import money as names
from voxport.text.normalise.number_words import ELIDED, Speech

_UNKNOWN: Final = (
    "".join(chr(point) for point in range(0x20A0, 0x20C1) if unicodedata.category(chr(point)) == "Sc") + "؋৲৳૱௹฿៛﷼¤֏"
)
"""Signs of currencies that need not stand in the table: each is named by Unicode where CLDR has no name."""
_MINUS: Final = r"(?P<minus>(?<![\w])[-−])?"


_ADJECTIVE: Final = re.compile(r"\b(?:an?|another|every|each) $", re.IGNORECASE)
"""Before an amount that describes a thing: "a $5 bill" is "a five dollar bill"."""


def read(text: str, speech: Speech) -> str:
    if text.isascii() and not any(character.isdecimal() for character in text):
        return text
    text = _with_word(speech).sub(lambda m: _money(m, _word(m["word"], speech), speech), text)
    text = _before(speech).sub(lambda m: _money(m, m["sign"], speech), text)
    text = _behind(speech).sub(lambda m: _money(m, m["sign"], speech), text)
    return re.sub(rf"[{re.escape(_UNKNOWN)}]", lambda m: f" {currency(m[0], speech).many} ", text)


@cache
def currency(sign: str, speech: Speech) -> Currency:
    """What a sign or an ISO code is called. A sign that CLDR has no name for is called by its name in Unicode."""
    wording, code = speech.wording, names.SIGNS.get(sign, sign.rstrip(" $€£¥₹") or sign)
    local = names.LOCAL_SIGNS.get(code, code)
    if local in wording.currencies:
        return wording.currencies[local]
    one, many = names.own_name(code, wording.rules) or _by_cldr(code, speech)
    cent, cents = names.cents(code, wording.rules, wording.currencies["$"])
    feminine = many.lower().startswith(names.FEMININE.get(wording.rules, ("\0",)))
    return Currency(one, many, cent, cents, feminine=feminine)


def _by_cldr(code: str, speech: Speech) -> tuple[str, str]:
    if len(code) == 1:
        name = unicodedata.name(code, "").lower().removesuffix(" sign").replace("-", " ")
        return name, name
    one, many = (get_currency_name(code, count, speech.wording.locale) for count in (1, 2))
    if speech.wording.rules == "pt":
        one, many = (f"{name[0].lower()}{name[1:]}" for name in (one, many))
    return one, many


def _money(match: re.Match[str], sign: str, speech: Speech) -> str:
    wording, known = speech.wording, currency(sign, speech)
    whole, fraction = speech.parts(match["n"])
    minus = f"{wording.minus} " if match["minus"] else ""
    if wording.rules == "en" and _ADJECTIVE.search(match.string, max(0, match.start() - 9), match.start()):
        following = match.string[match.end() : match.end() + 24]
        if re.match(r" [a-z]{3,20}(?<!ing)\b", following) and not re.match(
            r" (?:and|or|but|for|per|each|from|with|was|in|on|of|to|at|by|more|less|that|which|because|when|if)\b",
            following,
        ):
            known = replace(known, many=known.one)
    if match["scale"]:
        return f" {minus}{_scaled(match, known, speech)} "
    if len(fraction) == 2 and known.cents:
        cents = int(fraction)
        small = f"{speech.cardinal(str(cents), counting=True)} {known.cent if cents == 1 else known.cents}"
        if not cents:
            return f" {minus}{_whole(whole, known, speech)} "
        if int(whole) == 0:
            return f" {minus}{small} "
        return f" {minus}{_whole(whole, known, speech)} {wording.and_cents} {small} "
    if fraction.strip("0"):
        return f" {minus}{speech.say(match['n'])} {known.many} "
    return f" {minus}{_whole(whole, known, speech)} "


def _scaled(match: re.Match[str], known: Currency, speech: Speech) -> str:
    wording, (whole, fraction) = speech.wording, speech.parts(match["n"])
    scale = wording.scales[match["scale"].lower()]
    amount = speech.say(match["n"], counting=True)
    is_one = (whole, fraction) == ("1", "")
    many = scale[0] if is_one else scale[1]
    is_thousand = many == wording.scales["k"][1]
    if is_thousand and not wording.locale.startswith("en") and len(whole) <= 6 and len(fraction) <= 3:
        return _whole(str(int(whole + fraction.ljust(3, "0"))), known, speech)  # "10k" is "diecimila"
    of = "" if is_thousand else speech.of_noun(f" {known.many}").rstrip()
    return f"{amount} {many}{of} {known.many}".replace(f"{ELIDED} ", "")


def _whole(digits: str, known: Currency, speech: Speech) -> str:
    said = speech.cardinal(digits, feminine=known.feminine, counting=True)
    of = speech.of_millions(digits, f" {known.many}").rstrip()
    return f"{said}{of} {known.one if digits == '1' else known.many}".replace(f"{ELIDED} ", "")


def _word(word: str, speech: Speech) -> str:
    if word in names.CODES:
        return word
    return next(code for key, code in names.WORDS[speech.wording.rules].items() if re.fullmatch(key, word, re.I))


@cache
def _with_word(speech: Speech) -> re.Pattern[str]:
    """A sign and a word, or a code, of which the latter says more: "$500 pesos", "MXN $500", "$5 USD"."""
    words = "|".join((*names.CODES, *(f"(?i:{key})" for key in names.WORDS[speech.wording.rules])))
    return re.compile(
        rf"{_MINUS}(?<!\w)(?:[$€£¥₹] ?(?P<n>{speech.number})(?: ?(?P<scale>{_scales(speech)})(?!\w))?"
        rf" ?(?: de )?(?P<word>{words})(?![\w\u0900-\u097f]))"
    )


@cache
def _before(speech: Speech) -> re.Pattern[str]:
    plain = "|".join(code for code in names.CODES if code not in names.ALSO_WORDS)
    also = rf"(?:{'|'.join(sorted(names.ALSO_WORDS))})(?= ?(?:\d{{1,3}}\D\d|\d{{3}}))"
    signs = _alternatives(sign for sign in names.SIGNS if sign not in ("lei", "Ft", "¢", "XBT"))
    return re.compile(
        rf"{_MINUS}(?<!\w)(?P<sign>{signs}|[{_UNKNOWN}]|(?:{plain})(?: ?[$€£¥₹])?(?= ?\d)|{also}) ?"
        rf"(?P<n>{speech.number})(?: ?(?P<scale>{_scales(speech)})(?!\w))?"
    )


@cache
def _behind(speech: Speech) -> re.Pattern[str]:
    signs = _alternatives(sign for sign in names.SIGNS if sign not in ("S/", "Rs", "Rs.", "Fr.", "रु"))
    return re.compile(
        rf"{_MINUS}(?<![\w])(?<!\d[.,])(?P<n>{speech.number})(?: ?(?P<scale>{_scales(speech)})(?!\w))?"
        rf" ?(?P<sign>(?:{signs}|[{_UNKNOWN}]|{'|'.join(names.CODES)})(?!\w))"
    )


def _alternatives(signs: Iterable[str]) -> str:
    return "|".join(re.escape(sign) for sign in sorted(signs, key=len, reverse=True))


@cache
def _scales(speech: Speech) -> str:
    return "|".join(f"(?i:{re.escape(scale)})" for scale in sorted(speech.wording.scales, key=len, reverse=True))
