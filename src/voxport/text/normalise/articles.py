"""The article of a date, once: "The 4th of July" is "The fourth of July", not "The the fourth"."""

from __future__ import annotations

import re
from functools import cache

from babel.dates import get_month_names

from voxport.text.normalise.number_words import NumberWords


def read(text: str, numbers: NumberWords) -> str:
    """Behind the reader of dates, which says an article of its own."""
    return _double_article(numbers).sub(r"\1 ", text) if numbers.locale_words.base_language == "en" else text


@cache
def _double_article(numbers: NumberWords) -> re.Pattern[str]:
    months = "|".join(get_month_names("wide", locale=numbers.locale_words.locale).values())
    return re.compile(rf"\b([Tt]he|THE) +the +(?=[a-z-]+ +of +(?:{months})\b)")
