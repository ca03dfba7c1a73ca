"""One wording for each language of the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from voxport.engine.normalise.wording import Wording
from voxport.engine.normalise.wordings.english import ENGLISH
from voxport.engine.normalise.wordings.french import FRENCH
from voxport.engine.normalise.wordings.hindi import HINDI
from voxport.engine.normalise.wordings.italian import ITALIAN
from voxport.engine.normalise.wordings.portuguese import PORTUGUESE
from voxport.engine.normalise.wordings.spanish import SPANISH

WORDINGS: Final[dict[str, Wording]] = {
    "en-us": ENGLISH,
    "en-gb": replace(ENGLISH, locale="en_GB", month_first=False, date="the {day} of {month}, {year}"),
    "es": SPANISH,
    "fr-fr": FRENCH,
    "it": ITALIAN,
    "pt-br": PORTUGUESE,
    "hi": HINDI,
}
