"""The article of a date, once: "The 4th of July" is "The fourth of July", not "The the fourth"."""

from __future__ import annotations

import re
from functools import cache

from babel.dates import get_month_names

from voxport.text.normalise.number_words import Speech


def read(text: str, speech: Speech) -> str:
    """Behind the reader of dates, which says an article of its own."""
    return _twice(speech).sub(r"\1 ", text) if speech.wording.rules == "en" else text


@cache
def _twice(speech: Speech) -> re.Pattern[str]:
    months = "|".join(get_month_names("wide", locale=speech.wording.locale).values())
    return re.compile(rf"\b([Tt]he|THE) +the +(?=[a-z-]+ +of +(?:{months})\b)")
