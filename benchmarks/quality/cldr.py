"""Compares the engine's number words and names with CLDR, as implemented by ICU, which the engine does not use.

Numbers are compared with ICU's RuleBasedNumberFormat through ctypes (Debian: `apt install libicu72`; any libicu works).
The engine reads all digits itself with `unicode-rbnf`, and leaves none to espeak-ng, so the words are compared. In
Japanese and Chinese, where misaki also reads digits, the phonemes are compared. Months, weekdays, currencies and units
in the engine's own tables are compared with Babel.

.venv/bin/python benchmarks/quality/cldr.py [--examples 3]
"""

from __future__ import annotations

import argparse
import ctypes
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from babel.dates import get_day_names, get_month_names
from babel.numbers import get_currency_name
from babel.units import format_unit

from voxport.text.eastasian import misaki_symbols
from voxport.text.languages import LANGUAGES, MISAKI_LANGUAGES
from voxport.text.normalise import normalise_text
from voxport.text.normalise.calendar_names import calendar_abbreviations
from voxport.text.normalise.locales import LOCALE_WORDS
from voxport.text.normalise.number_words import NumberWords, number_words

_SPELLOUT: Final = 5
"""UNUM_SPELLOUT in ICU's `unum.h`."""
_DEFAULT_RULESET: Final = 6
"""UNUM_DEFAULT_RULESET in ICU's `unum.h`."""
_LOCALES: Final = {"fr-fr": "fr", "pt-br": "pt"}
_SEED: Final = 15
_CODES: Final = {"$": "USD", "R$": "BRL", "£": "GBP", "€": "EUR", "¥": "JPY", "₹": "INR"}


class Comparison(NamedTuple):
    """The written text, what the engine says, and what CLDR says."""

    kind: str
    written: str
    said: str
    expected: str


class Icu:
    """Spells numbers with ICU, by the named rule set of a locale or by its first one."""

    def __init__(self, locale: str, ruleset: str = "") -> None:
        self._error = ctypes.c_int(0)
        self._number = ctypes.c_void_p(
            _icu("unum_open", ctypes.c_void_p)(_SPELLOUT, None, 0, locale.encode(), None, ctypes.byref(self._error))
        )
        if ruleset:
            name = f"%{ruleset}"
            _icu("unum_setTextAttribute")(
                self._number, _DEFAULT_RULESET, name.encode("utf-16-le"), len(name), ctypes.byref(self._error)
            )
        if self._error.value > 0:
            raise SystemExit(f"ICU has no rules {ruleset!r} for {locale} (error {self._error.value}).")

    def say(self, number: str) -> str:
        buffer = ctypes.create_string_buffer(4096)
        length = _icu("unum_formatDecimal")(
            self._number, number.encode(), len(number), buffer, 2048, None, ctypes.byref(self._error)
        )
        return buffer.raw[: 2 * length].decode("utf-16-le").replace("\u00ad", "").replace(",", "")


def numbers(limit: int, count: int, first: int = 1200) -> list[int]:
    """Return 0 to `first`, and random numbers of each length up to `limit`, including round ones."""
    chosen, picked = random.Random(_SEED), set(range(first + 1))
    exponent = len(str(first))
    while 10**exponent <= limit:
        for _ in range(count):
            value = chosen.randrange(10 ** (exponent - 1), 10**exponent)
            zeros = chosen.randrange(exponent)
            picked.update((value, value // 10**zeros * 10**zeros))
        exponent += 1
    return sorted({*picked, limit})


def compare(language: str) -> Iterator[Comparison]:
    said_by = number_words(language)
    locale, rules = _LOCALES.get(language, language.split("-")[0]), said_by.locale_words.base_language
    is_english, verbose = rules == "en", "-verbose" if language == "en-gb" else ""
    plain = Icu(locale, f"spellout-cardinal{verbose}" if is_english else "spellout-numbering")
    for value in numbers(10**12, 150):
        written = _grouped(value, language)
        yield Comparison("cardinals", written, normalise_text(written, language), plain.say(str(value)))
    if rules not in ("en", "hi"):
        for gender in ("masculine", "feminine"):
            icu = Icu(locale, f"spellout-cardinal-{gender}")
            for value in numbers(10**12, 50):
                spoken_text = said_by.cardinal(str(value), feminine=gender == "feminine", before_noun=True)
                yield Comparison(f"counting, {gender}", str(value), spoken_text, icu.say(str(value)))
    yield from _ordinals(language, locale, verbose)
    chosen = random.Random(_SEED)
    for _ in range(600):
        decimals = f"{chosen.randrange(1, 10 ** chosen.randrange(1, 5)):0{chosen.randrange(1, 4)}}".rstrip("0")
        digits = f"{chosen.randrange(1100)}.{decimals}"  # without trailing zeros, which ICU drops
        written = digits.replace(".", "," if said_by.locale_words.decimal_comma else ".")
        yield Comparison("decimals", written, normalise_text(f"{written} %", language), f"{plain.say(digits)} %")
    years = Icu(locale, "spellout-numbering-year")
    for year in range(1100, 2100):
        yield Comparison("years", str(year), normalise_text(str(year), language), years.say(str(year)))


def _ordinals(language: str, locale: str, verbose: str) -> Iterator[Comparison]:
    rules = LOCALE_WORDS[language].base_language
    suffixes = {"fr": ("e", "e"), "es": (".º", ".ª"), "it": ("º", "ª"), "pt": ("º", "ª"), "hi": ("वां", "वीं")}
    for number, gender in enumerate(("masculine", "feminine")):
        if rules == "en":
            if number == 0:
                icu = Icu(locale, f"spellout-ordinal{verbose}")
                for value in numbers(10**5, 40):
                    written = f"{value}{_english_suffix(value)}"
                    yield Comparison("ordinals", written, normalise_text(written, language), icu.say(str(value)))
            continue
        icu = Icu(locale, f"spellout-ordinal-{gender}")
        for value in numbers(999, 0, 999)[1:]:
            suffix = suffixes[rules][number]
            if rules == "fr" and value == 1:
                suffix = ("er", "re")[number]
            if rules == "hi" and value in (1, 2, 3, 4, 6):
                suffix = {1: ("ला", "ली"), 2: ("रा", "री"), 3: ("रा", "री"), 4: ("था", "थी"), 6: ("ठा", "ठी")}[value][
                    number
                ]
            written = f"{value}{suffix}"
            yield Comparison(f"ordinals, {gender}", written, normalise_text(written, language), icu.say(str(value)))


def compare_names(language: str) -> Iterator[Comparison]:
    """Compare the engine's tables of names with Babel's."""
    locale_words = LOCALE_WORDS[language]
    full = {
        *get_month_names("wide", locale=locale_words.locale).values(),
        *get_day_names("wide", locale=locale_words.locale).values(),
    }
    names = {name.lower() for name in full}
    for short, name in calendar_abbreviations(language).items():
        yield Comparison(
            "months, weekdays", short, name.lower(), name.lower() if name.lower() in names else "(no name)"
        )
    for month, name in get_month_names("wide", locale=locale_words.locale).items():
        spoken_text = normalise_text(f"2026-{month:02}-17", language)
        yield Comparison("months, weekdays", f"2026-{month:02}-17", name if name in spoken_text else spoken_text, name)
    for sign, known in locale_words.currencies.items():
        for count, own in ((1, known.singular), (2, known.plural)):
            named = get_currency_name(_CODES[sign], count, locale_words.locale).lower()
            yield Comparison("currencies", f"{count} {sign}", own.lower(), named)
    for key, own_names in locale_words.units.items():
        for count, own in zip((1, 2), own_names, strict=True):
            named = format_unit(count, key, "long", locale=locale_words.locale)
            yield Comparison("units", f"{count} {key}", own, named.replace(str(count), "").strip())


def compare_misaki(language: str) -> Iterator[Comparison]:
    folder = Path(tempfile.gettempdir())

    def phonemes(text: str) -> str:
        return misaki_symbols(text, language, lambda _: [], folder)

    icu = Icu(language, "spellout-cardinal")
    for value in numbers(10**12, 15, 300):
        words = icu.say(str(value)).replace("〇", "ゼロ" if language == "ja" else "零")
        spoken_text = phonemes(normalise_text(f"{value:,}", language))
        yield Comparison("cardinals, heard", f"{value} {words}", spoken_text, phonemes(words))
    chosen = random.Random(_SEED)
    for _ in range(60):
        digits = f"{chosen.randrange(1100)}.{chosen.randrange(10)}{chosen.randrange(1, 10)}"
        words = icu.say(digits).replace("・", "点").replace("〇", "ゼロ" if language == "ja" else "零")
        yield Comparison(
            "decimals, heard", f"{digits} {words}", phonemes(normalise_text(digits, language)), phonemes(words)
        )


def accepted(comparison: Comparison, language: str) -> str:
    """Return the convention that justifies a difference from CLDR; empty if there is none."""
    spoken_text, expected, rules = comparison.said, comparison.expected, language.split("-")[0]
    if spoken_text.replace("-", " ") == expected.replace("-", " "):
        return "hyphens"
    if comparison.kind == "decimals" and rules in ("es", "fr", "it", "pt"):
        whole, _, digits = comparison.written.partition(",")
        if spoken_text == _romance_decimal(whole, digits, number_words(language)):
            return "two or three decimals are said as one number"
    if comparison.kind == "units" and "-" in expected:
        return "CLDR has no name"
    if comparison.kind == "units":
        return "another usual name or spelling"
    if language == "zh" and comparison.written.startswith("1000000000000 "):
        return "a million millions is 万亿"
    if language == "zh" and spoken_text.replace("li↗ŋ", "").split() == expected.replace("li↗ŋ", "").split():
        return "a zero for an empty place, which CLDR leaves out behind 亿"
    if comparison.written.endswith("R$"):
        return "the real is named as in Brazil"
    if comparison.written == "911":
        return "a number to dial"
    if comparison.kind == "currencies" and (expected.startswith(spoken_text) or expected.endswith(spoken_text)):
        return "a sign is called without its country"
    if (
        comparison.kind == "years"
        and rules == "fr"
        and spoken_text == number_words(language).cardinal(comparison.written)
    ):
        return "a year is said by its thousand"
    if comparison.kind == "years" and spoken_text == number_words(language).cardinal(comparison.written):
        return "a year of the first decade is said as a number"
    if comparison.kind == "ordinals, feminine" and spoken_text == f"{expected}ं":
        return "an ending is said as it is written"
    if comparison.kind == "currencies" and spoken_text.split()[0].replace("रुपये", "रुपए") in expected:
        return "a sign is called without its country"
    if rules == "hi" and _hindi(spoken_text) == _hindi(expected):
        return "one of two spellings that are heard alike"
    if comparison.kind == "years" and rules == "hi" and " सौ" in spoken_text:
        return "a year is said by its hundreds"
    if rules == "pt" and re.sub(r"\be ", "", expected) == re.sub(r"\be ", "", spoken_text):
        return "'e' only before a last group that is below 101 or full hundreds"
    return ""


def _hindi(words: str) -> str:
    """Remove optional differences of Hindi spelling: candrabindu or anusvara, nukta."""
    return words.replace("ँ", "ं").replace("\u093c", "")


def _romance_decimal(whole: str, digits: str, said_by: NumberWords) -> str:
    locale = _LOCALES.get(said_by.language, said_by.language)
    icu = Icu(locale, "spellout-numbering")
    zeros = len(digits) - len(digits.lstrip("0")) if digits.strip("0") else len(digits) - 1
    spoken_text = [icu.say("0")] * zeros + [icu.say(digits[zeros:])]
    words = said_by.locale_words
    return f"{icu.say(whole)} {words.decimal_point} {' '.join(spoken_text)} {words.symbols['%']}"


def _grouped(value: int, language: str) -> str:
    digits = str(value)
    if language == "hi" and value >= 100_000:
        head = re.sub(r"(?<=\d)(?=(?:\d\d)+$)", ",", digits[:-3])
        return f"{head},{digits[-3:]}"
    return f"{value:,}".replace(",", "." if LOCALE_WORDS[language].decimal_comma else ",")


def _english_suffix(value: int) -> str:
    return "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


@cache
def _icu(name: str, result: Any = ctypes.c_int32) -> Any:
    """Return a function of libicui18n, whose symbol names end with the library's version."""
    found = find_library("icui18n")
    if found is None:
        raise SystemExit("libicui18n is missing. Debian has it as libicu72 (apt install libicu72).")
    function = getattr(ctypes.CDLL(found), f"{name}_{found.rsplit('.', 1)[1]}")
    function.restype = result
    return function


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=3, help="differences to print of each kind")
    examples = parser.parse_args().examples
    print("| language | kind | compared | equal | by an accepted convention | different |\n|---|---|---|---|---|---|")
    differences: list[str] = []
    for language in LANGUAGES:
        if language in MISAKI_LANGUAGES:
            pairs = compare_misaki(language)
        else:
            pairs = (pair for each in (compare(language), compare_names(language)) for pair in each)
        compared: Counter[str] = Counter()
        equal: Counter[str] = Counter()
        conventions: Counter[str] = Counter()
        shown: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for pair in pairs:
            compared[pair.kind] += 1
            spoken_text, expected = pair.said.lower(), _as_said(pair.expected, language).lower()
            if spoken_text == expected:
                equal[pair.kind] += 1
            elif reason := accepted(pair._replace(said=spoken_text, expected=expected), language):
                conventions[pair.kind] += 1
                reasons[reason] += 1
            elif shown[pair.kind] < examples:
                shown[pair.kind] += 1
                differences.append(f"- {language}, {pair.kind}: {pair.written}: “{spoken_text}”, CLDR “{expected}”")
        for kind, number in compared.items():
            different = number - equal[kind] - conventions[kind]
            print(f"| {language} | {kind} | {number} | {equal[kind]} | {conventions[kind]} | {different} |")
        differences += [f"- {language}, accepted {number} times: {reason}" for reason, number in reasons.items()]
    print("\n" + "\n".join(differences))


def _as_said(words: str, language: str) -> str:
    """Replace the "%", which ICU leaves as a sign, by the language's word."""
    if not words.endswith(" %"):
        return words
    return f"{words[:-2]} {number_words(language).locale_words.symbols['%']}"


if __name__ == "__main__":
    main()
