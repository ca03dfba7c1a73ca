"""Removes the double article of an English date: "The 4th of July" is "The fourth of July", not "The the fourth"."""

from __future__ import annotations

import re
from functools import cache

from babel.dates import get_month_names

from voxport.text.normalise.number_words import NumberWords


def read(text: str, numbers: NumberWords) -> str:
    """Runs after the reader of dates, which adds an article."""
    return _double_article(numbers).sub(r"\1 ", text) if numbers.locale_words.base_language == "en" else text


@cache
def _double_article(numbers: NumberWords) -> re.Pattern[str]:
    months = "|".join(get_month_names("wide", locale=numbers.locale_words.locale).values())
    return re.compile(rf"\b([Tt]he|THE) +the +(?=[a-z-]+ +of +(?:{months})\b)")
