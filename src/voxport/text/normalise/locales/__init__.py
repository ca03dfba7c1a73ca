"""The `LocaleWords` of each language of the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from voxport.text.normalise.locale_words import LocaleWords
from voxport.text.normalise.locales.english import ENGLISH
from voxport.text.normalise.locales.french import FRENCH
from voxport.text.normalise.locales.hindi import HINDI
from voxport.text.normalise.locales.italian import ITALIAN
from voxport.text.normalise.locales.portuguese import PORTUGUESE
from voxport.text.normalise.locales.spanish import SPANISH

LOCALE_WORDS: Final[dict[str, LocaleWords]] = {
    "en-us": ENGLISH,
    "en-gb": replace(ENGLISH, locale="en_GB", month_first=False, date_format="the {day} of {month}, {year}"),
    "es": SPANISH,
    "fr-fr": FRENCH,
    "it": ITALIAN,
    "pt-br": PORTUGUESE,
    "hi": HINDI,
}
