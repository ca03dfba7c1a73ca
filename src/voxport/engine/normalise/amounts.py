"""Amounts: money ("$3.50", "£5m", "20 CHF"), percentages and units ("5 km/h", "20 °C")."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from babel import Locale
from babel.numbers import get_currency_name
from babel.units import format_unit

from voxport.engine.normalise.speech import Speech
from voxport.engine.normalise.wording import Currency

_UNITS: Final = {
    "km/h": "speed-kilometer-per-hour",
    "kmh": "speed-kilometer-per-hour",
    "kph": "speed-kilometer-per-hour",
    "mph": "speed-mile-per-hour",
    "m/s": "speed-meter-per-second",
    "km²": "area-square-kilometer",
    "km2": "area-square-kilometer",
    "m²": "area-square-meter",
    "m2": "area-square-meter",
    "m³": "volume-cubic-meter",
    "m3": "volume-cubic-meter",
    "cm³": "volume-cubic-centimeter",
    "km": "length-kilometer",
    "m": "length-meter",
    "cm": "length-centimeter",
    "mm": "length-millimeter",
    "mi": "length-mile",
    "ft": "length-foot",
    "kg": "mass-kilogram",
    "g": "mass-gram",
    "mg": "mass-milligram",
    "lb": "mass-pound",
    "lbs": "mass-pound",
    "oz": "mass-ounce",
    "l": "volume-liter",
    "L": "volume-liter",
    "ml": "volume-milliliter",
    "mL": "volume-milliliter",
    "°C": "temperature-celsius",
    "℃": "temperature-celsius",
    "°F": "temperature-fahrenheit",
    "℉": "temperature-fahrenheit",
    "°": "angle-degree",
    "h": "duration-hour",
    "hrs": "duration-hour",
    "min": "duration-minute",
    "s": "duration-second",
    "sec": "duration-second",
    "ms": "duration-millisecond",
    "Hz": "frequency-hertz",
    "kHz": "frequency-kilohertz",
    "MHz": "frequency-megahertz",
    "GHz": "frequency-gigahertz",
    "W": "power-watt",
    "kW": "power-kilowatt",
    "MW": "power-megawatt",
    "kWh": "energy-kilowatt-hour",
    "V": "electric-volt",
    "KB": "digital-kilobyte",
    "kB": "digital-kilobyte",
    "MB": "digital-megabyte",
    "GB": "digital-gigabyte",
    "TB": "digital-terabyte",
}
_ALONE: Final = ("km/h", "km²", "km", "cm", "mm", "kg", "mph", "kWh", "GB", "MB", "GHz", "MHz", "kHz", "°C", "°F", "m²")
"""Units that are units also where no number stands directly before them."""
_CODES: Final = "AUD|BRL|CAD|CHF|CNY|DKK|EUR|GBP|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|TRY|USD|ZAR"


def read(text: str, speech: Speech) -> str:
    text = _before(speech).sub(lambda m: _money(m, m["sign"], speech), text)
    text = _behind(speech).sub(lambda m: _money(m, m["sign"], speech), text)
    text = _percents(speech).sub(
        lambda m: f" {_sign(m, speech)}{speech.say(m['n'])} {speech.wording.marks['%']} ", text
    )
    text = _units(speech).sub(lambda m: _unit(m, speech), text)
    return _alone().sub(lambda m: f" {_unit_name(_UNITS[m[1]], 2, speech)} ", text)


def _money(match: re.Match[str], sign: str, speech: Speech) -> str:
    wording, currency = speech.wording, _currency(sign, speech)
    whole, fraction = speech.parts(match["n"])
    minus = f"{wording.minus} " if match["minus"] else ""
    if match["scale"]:
        scale = wording.scales[match["scale"].lower()]
        amount = speech.say(match["n"], counting=True)
        many = scale[0] if (whole, fraction) == ("1", "") else scale[1]
        thousand = many == wording.scales["k"][1]
        if thousand and (whole, fraction) == ("1", "") and not wording.locale.startswith("en"):
            amount = ""
        return f" {minus}{amount} {many}{'' if thousand else wording.of_scale} {currency.many} "
    if len(fraction) == 2 and currency.cents:
        cents = int(fraction)
        small = f"{speech.cardinal(str(cents), counting=True)} {currency.cent if cents == 1 else currency.cents}"
        if not cents:
            return f" {minus}{_whole(whole, currency, speech)} "
        if int(whole) == 0:
            return f" {minus}{small} "
        return f" {minus}{_whole(whole, currency, speech)} {wording.and_cents} {small} "
    if fraction:
        return f" {minus}{speech.say(match['n'])} {currency.many} "
    return f" {minus}{_whole(whole, currency, speech)} "


def _whole(digits: str, currency: Currency, speech: Speech) -> str:
    said = speech.cardinal(digits, feminine=currency.feminine, counting=True)
    of = speech.wording.of_scale if re.fullmatch(r"[1-9]\d*0{6}", digits) else ""
    return f"{said}{of} {currency.one if digits == '1' else currency.many}"


def _currency(sign: str, speech: Speech) -> Currency:
    wording = speech.wording
    sign = {"US$": "$", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$"}.get(sign, sign)
    if sign in wording.currencies:
        return wording.currencies[sign]
    one, many = (get_currency_name(sign, count, wording.locale) for count in (1, 2))
    return Currency(one, many)


def _unit(match: re.Match[str], speech: Speech) -> str:
    key = _UNITS[match["unit"]]
    whole, fraction = speech.parts(match["n"])
    feminine = key in speech.wording.feminine_units
    said = speech.say(match["n"], feminine=feminine, counting=True)
    name = _unit_name(key, 1 if (whole, fraction) == ("1", "") else 2, speech)
    return f" {_sign(match, speech)}{said} {name} "


def _sign(match: re.Match[str], speech: Speech) -> str:
    return f"{speech.wording.minus} " if match["minus"] else ""


@cache
def _unit_name(key: str, count: int, speech: Speech) -> str:
    own = speech.wording.units.get(key)
    if own is not None:
        return own[0 if count == 1 else 1]
    return format_unit(count, key, "long", locale=Locale.parse(speech.wording.locale)).replace(str(count), "").strip()


@cache
def _before(speech: Speech) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<minus>(?<![\w])[-−])?(?<!\w)(?P<sign>US\$|R\$|[$£€¥₹]|(?:{_CODES})(?= ?\d)) ?"
        rf"(?P<n>{speech.number})(?: ?(?P<scale>{_scales(speech)})(?!\w))?"
    )


@cache
def _behind(speech: Speech) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<minus>(?<![\w])[-−])?(?<![\w])(?<!\d[.,])(?P<n>{speech.number})(?: ?(?P<scale>{_scales(speech)})(?!\w))?"
        rf" ?(?P<sign>R\$|[$£€¥₹](?!\d)|(?:{_CODES})(?!\w))"
    )


@cache
def _percents(speech: Speech) -> re.Pattern[str]:
    return re.compile(rf"(?P<minus>(?<![\w])[-−])?(?<![\w])(?<!\d[.,])(?P<n>{speech.number}) ?%")


@cache
def _units(speech: Speech) -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
    return re.compile(
        rf"(?P<minus>(?<![\w])[-−])?(?<![\w])(?<!\d[.,])(?P<n>{speech.number}) ?(?P<unit>{units})(?![\w/²³'’])"
    )


@cache
def _alone() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(_ALONE, key=len, reverse=True))
    return re.compile(rf"(?<!\S)({units})(?![\w/²³])")


def _scales(speech: Speech) -> str:
    return "|".join(f"(?i:{re.escape(scale)})" for scale in sorted(speech.wording.scales, key=len, reverse=True))
