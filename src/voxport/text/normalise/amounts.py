"""Amounts: percentages and units ("25%", "5 km/h", "20 °C"). `money` reads currencies."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from babel import Locale
from babel.units import format_unit

from voxport.text.normalise.number_words import ELIDED, Speech

UNITS: Final = {
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
    "t": "mass-tonne",
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
    "PB": "digital-petabyte",
    "sq ft": "area-square-foot",
    "sq. ft.": "area-square-foot",
    "ft²": "area-square-foot",
    "sq mi": "area-square-mile",
    "cm²": "area-square-centimeter",
    "cu ft": "volume-cubic-foot",
    "ft³": "volume-cubic-foot",
    "ha": "area-hectare",
    "yd": "length-yard",
    "yds": "length-yard",
    "µm": "length-micrometer",
    "μm": "length-micrometer",
    "nm": "length-nanometer",
    "µg": "mass-microgram",
    "μg": "mass-microgram",
    "mcg": "mass-microgram",
    "cl": "volume-centiliter",
    "dl": "volume-deciliter",
    "gal": "volume-gallon",
    "mpg": "consumption-mile-per-gallon",
    "psi": "pressure-pound-force-per-square-inch",
    "hPa": "pressure-hectopascal",
    "GW": "power-gigawatt",
    "hp": "power-horsepower",
    "kcal": "energy-kilocalorie",
    "kJ": "energy-kilojoule",
    "mA": "electric-milliampere",
    "Ω": "electric-ohm",
    "hr": "duration-hour",
}
_ALONE: Final = ("km/h", "km²", "km", "cm", "mm", "kg", "mph", "kWh", "GB", "MB", "GHz", "MHz", "kHz", "°C", "°F", "m²")
"""Units that are units also where no number stands directly before them."""


def read(text: str, speech: Speech) -> str:
    text = _percents(speech).sub(
        lambda m: f" {_sign(m, speech)}{speech.say(m['n'])} {speech.wording.marks['%']} ", text
    )
    text = _units(speech).sub(lambda m: _unit(m, speech), text)
    return _alone().sub(lambda m: f" {unit_name(UNITS[m[1]], 2, speech)} ", text)


def _unit(match: re.Match[str], speech: Speech) -> str:
    key = UNITS[match["unit"]]
    whole, fraction = speech.parts(match["n"])
    feminine = key in speech.wording.feminine_units
    said = speech.say(match["n"], feminine=feminine, counting=True)
    name = unit_name(key, 1 if _is_one(whole, fraction, speech) else 2, speech)
    of = speech.of_millions(match["n"], f" {name}").rstrip()
    return f" {_sign(match, speech)}{said}{of} {name} ".replace(f"{ELIDED} ", "")


def _is_one(whole: str, fraction: str, speech: Speech) -> bool:
    """French and Portuguese say the singular up to two: "1,5 litre"."""
    return whole == "1" and (not fraction or speech.wording.rules in ("fr", "pt"))


def _sign(match: re.Match[str], speech: Speech) -> str:
    return f"{speech.wording.minus} " if match["minus"] else ""


@cache
def unit_name(key: str, count: int, speech: Speech) -> str:
    own = speech.wording.units.get(key)
    if own is not None:
        return own[0 if count == 1 else 1]
    return format_unit(count, key, "long", locale=Locale.parse(speech.wording.locale)).replace(str(count), "").strip()


@cache
def _percents(speech: Speech) -> re.Pattern[str]:
    return re.compile(rf"(?P<minus>(?<![\w])[-−])?(?<![\w])(?<!\d[.,])(?P<n>{speech.number}) ?%")


@cache
def _units(speech: Speech) -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
    return re.compile(
        rf"(?P<minus>(?<![\w])[-−])?(?<![\w])(?<!\d[.,])(?P<n>{speech.number}) ?(?P<unit>{units})(?![\w/²³'’])"
    )


@cache
def _alone() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(_ALONE, key=len, reverse=True))
    return re.compile(rf"(?<!\S)({units})(?![\w/²³])")
