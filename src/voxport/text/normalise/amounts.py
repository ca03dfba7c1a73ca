"""Reads percentages and amounts with units ("25%", "5 km/h", "20 °C"). `money` reads currencies."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from babel import Locale
from babel.units import format_unit

from voxport.text.normalise.number_words import ELISION_MARK, NumberWords

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
"""Units that are also read without a number directly before them."""


def read(text: str, numbers: NumberWords) -> str:
    text = _percents(numbers).sub(
        lambda m: f" {_sign(m, numbers)}{numbers.say(m['n'])} {numbers.locale_words.symbols['%']} ", text
    )
    text = _units(numbers).sub(lambda m: _unit(m, numbers), text)
    return _standalone_units().sub(lambda m: f" {unit_name(UNITS[m[1]], 2, numbers)} ", text)


def _unit(match: re.Match[str], numbers: NumberWords) -> str:
    key = UNITS[match["unit"]]
    whole, fraction = numbers.parts(match["n"])
    feminine = key in numbers.locale_words.feminine_units
    spoken = numbers.say(match["n"], feminine=feminine, before_noun=True)
    name = unit_name(key, 1 if _is_one(whole, fraction, numbers) else 2, numbers)
    of = numbers.million_preposition(match["n"], f" {name}").rstrip()
    return f" {_sign(match, numbers)}{spoken}{of} {name} ".replace(f"{ELISION_MARK} ", "")


def _is_one(whole: str, fraction: str, numbers: NumberWords) -> bool:
    """Return whether the unit is singular. French and Portuguese use the singular below two: "1,5 litre"."""
    return whole == "1" and (not fraction or numbers.locale_words.base_language in ("fr", "pt"))


def _sign(match: re.Match[str], numbers: NumberWords) -> str:
    return f"{numbers.locale_words.minus} " if match["minus"] else ""


@cache
def unit_name(key: str, count: int, numbers: NumberWords) -> str:
    local_name = numbers.locale_words.units.get(key)
    if local_name is not None:
        return local_name[0 if count == 1 else 1]
    return (
        format_unit(count, key, "long", locale=Locale.parse(numbers.locale_words.locale))
        .replace(str(count), "")
        .strip()
    )


@cache
def _percents(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(rf"(?P<minus>(?<![\w])[-−])?(?<![\w])(?<!\d[.,])(?P<n>{numbers.pattern}) ?%")


@cache
def _units(numbers: NumberWords) -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
    return re.compile(
        rf"(?P<minus>(?<![\w])[-−])?(?<![\w])(?<!\d[.,])(?P<n>{numbers.pattern}) ?(?P<unit>{units})(?![\w/²³'’])"
    )


@cache
def _standalone_units() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(_ALONE, key=len, reverse=True))
    return re.compile(rf"(?<!\S)({units})(?![\w/²³])")
