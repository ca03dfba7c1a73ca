"""Reads the content of `say-as` as its `interpret-as` wants it. The result is text that is read like any other."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final

from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.normalise import normalise_text
from voxport.text.normalise.dates import day_and_month
from voxport.text.normalise.locales import LOCALE_WORDS
from voxport.text.normalise.number_words import NumberWords, number_words
from voxport.text.ssml.values import ValueProblem

DATE_FORMATS: Final = ("mdy", "dmy", "ymd", "md", "dm", "ym", "my", "y", "m", "d")
_MAX_DIGITS: Final = 15
_ORDINAL: Final = re.compile(r"(\d{1,15})(?:st|nd|rd|th|er|re|ère|e|ème|º|ª|°|\.º|\.ª)?\.?", re.IGNORECASE)
_TIME: Final = re.compile(r"([01]?\d|2[0-4])[:h.]([0-5]\d)(?:[:m.]([0-5]\d))?s?\s?([ap]\.?\s?m\.?)?", re.IGNORECASE)
_PHONE: Final = re.compile(r"\+?[\d\s().\-/]{3,40}(?:(?:ext\.?|x)\s?\d{1,6})?")


def say_as(content: str, kind: str, date_format: str | None, language: str) -> str:
    """Return the words of `content`; digits of every script are read. Raises ValueProblem: what the kind takes."""
    text = "".join(str(int(one)) if one.isdecimal() else one for one in " ".join(content.split()))
    return _READERS[kind](text, date_format, _language_with_words(language))


def _language_with_words(language: str) -> str:
    """Return the language, or that of the engine for another provider's code: `en` is `en-us`. Raises ValueProblem."""
    known = (*LOCALE_WORDS, *MISAKI_LANGUAGES)
    base = language.partition("-")[0]
    found = language if language in known else next((one for one in known if one.partition("-")[0] == base), None)
    if found is None:
        raise ValueProblem(f"it is not read in {language}; say what is meant with <sub alias>")
    return found


def _cardinal(text: str, _: str | None, language: str) -> str:
    digits = text.lstrip("-−+")
    if language in MISAKI_LANGUAGES:
        if re.fullmatch(r"\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,15})?", digits) is None:
            raise ValueProblem('cardinal reads a number: "1,250"')
        return text
    numbers = number_words(language)
    if re.fullmatch(numbers.pattern, digits) is None or len(digits) > _MAX_DIGITS + 5:
        raise ValueProblem(f'cardinal reads a number as {language} writes it: "{_example(numbers)}"')
    minus = f"{numbers.locale_words.minus} " if text[0] in "-−" else ""
    return f"{minus}{numbers.say(digits)}"


def _ordinal(text: str, _: str | None, language: str) -> str:
    found = _ORDINAL.fullmatch(text)
    if found is None:
        raise ValueProblem('ordinal reads a whole number: "21" or "21st"')
    if language in MISAKI_LANGUAGES:
        return f"第{found[1]}"
    return number_words(language).ordinal(int(found[1]), feminine="ª" in text)


def _characters(text: str, _: str | None, language: str) -> str:
    if language in MISAKI_LANGUAGES:
        return "、".join(text.replace(" ", ""))
    numbers = number_words(language)
    signs = numbers.locale_words.address_symbols
    spoken: list[str] = []
    for character in text:
        if character.isdecimal():
            spoken.append(numbers.digit_by_digit(character))
        elif character.isalpha():
            spoken.append(character.upper())
        elif character in signs:
            spoken.append(signs[character])
        elif not character.isspace():
            raise ValueProblem(f"characters reads letters, digits and {' '.join(signs)}, but not {character!r}")
    return ", ".join(spoken) if len(spoken) <= 3 else " ".join(spoken)


def _date(text: str, date_format: str | None, language: str) -> str:
    order = date_format or _default_order(text, language)
    parts = [part for part in re.split(r"[\s./\-年月日]+", text) if part]
    are_numbers = all(part.isdecimal() and len(part) <= _MAX_DIGITS for part in parts)
    if order not in DATE_FORMATS or len(parts) != len(order) or not are_numbers:
        raise ValueProblem(
            f'date reads numbers in the order of its format ({", ".join(DATE_FORMATS)}): format="dmy" for "31/12/2026"'
        )
    by_letter = {letter: int(part) for letter, part in zip(order, parts, strict=True)}
    year, month, day = (by_letter.get(letter) for letter in "ymd")
    try:
        date(2000 if year is None else year, 1 if month is None else month, 1 if day is None else day)
    except (ValueError, OverflowError):
        raise ValueProblem(f"there is no date {text} in the order {order}") from None
    return _date_words(year, month, day, language)


def _date_words(year: int | None, month: int | None, day: int | None, language: str) -> str:
    if language in MISAKI_LANGUAGES:
        written = (f"{year}年" if year else "", f"{month}月" if month else "", f"{day}日" if day else "")
        return "".join(written)
    if year and month and day:
        return normalise_text(f"{year:04}-{month:02}-{day:02}", language)
    numbers = number_words(language)
    if month and day:
        return day_and_month(day, month, numbers).strip()
    month_name = day_and_month(1, month, numbers) if month else ""
    if month:
        # The name alone: what two days of the month have in common.
        first, second = (day_and_month(one, month, numbers).split() for one in (11, 12))
        month_name = " ".join(word for word in first if word in second and word not in _DATE_LINKS)
    spoken_year = numbers.year(f"{year:04}") if year else ""
    return f"{month_name} {spoken_year}".strip() if month or year else numbers.ordinal(day or 1)


_DATE_LINKS: Final = frozenset(["of", "the", "de", "le", "el", "il", "di"])


def _time(text: str, _: str | None, language: str) -> str:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueProblem('time reads hours and minutes: "14:30", "2:30 pm" or "14:30:05"')
    seconds = f":{found[3]}" if found[3] else ""
    half = f" {found[4][0].lower()}m" if found[4] else ""
    return normalise_text(f"{found[1]}:{found[2]}{seconds}{half}", language)


def _telephone(text: str, _: str | None, language: str) -> str:
    if _PHONE.fullmatch(text) is None or not any(character.isdecimal() for character in text):
        raise ValueProblem('telephone reads digits in groups: "+44 20 7946 0958"')
    groups = re.findall(r"\d+", text)
    if language in MISAKI_LANGUAGES:
        return "、".join(" ".join(group) for group in groups)
    numbers = number_words(language)
    plus = f"{numbers.locale_words.address_symbols.get('+', 'plus')} " if text[0] == "+" else ""
    return plus + ", ".join(numbers.digit_by_digit(group) for group in groups)


def _default_order(text: str, language: str) -> str:
    if re.match(r"\s*\d{4}", text):
        return "ymd"
    if language in MISAKI_LANGUAGES:
        return "ymd"
    return "mdy" if number_words(language).locale_words.month_first else "dmy"


def _example(numbers: NumberWords) -> str:
    return "1.250,5" if numbers.locale_words.decimal_comma else "1,250.5"


_READERS: Final[dict[str, Callable[[str, str | None, str], str]]] = {
    "cardinal": _cardinal,
    "ordinal": _ordinal,
    "characters": _characters,
    "date": _date,
    "time": _time,
    "telephone": _telephone,
}
KINDS: Final = tuple(_READERS)
