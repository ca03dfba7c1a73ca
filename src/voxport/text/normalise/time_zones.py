"""Spells time zones after a time: "3 PM EST" is "three P M E S T"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

ZONES: Final = (
    "EST|EDT|CST|CDT|MST|MDT|PST|PDT|AKST|HST|GMT|UTC|BST|CET|CEST|EET|EEST|WET|WEST|MSK|IST|JST|KST|AEST|AEDT|ET|PT"
)
_ZONE: Final = re.compile(rf"(?<=[\d.hmM])( ?)({ZONES})(?!\w)")
_ANYWHERE: Final = re.compile(r"(?<![\w/.-])(?:GMT|UTC)(?![\w/-])")
"""These have no other meaning. They are spelt everywhere, so the result doesn't depend on where a text is split."""
_CLOCK: Final = re.compile(r"(?:\d(?::\d\d| ?h\d{0,2}| ?[ap]\.? ?m\.?)|\d{1,2}h?)$", re.IGNORECASE)


def read(text: str, _numbers: NumberWords) -> str:
    """Runs before the readers of times: espeak-ng would read some zones as words."""
    text = _ANYWHERE.sub(lambda match: " ".join(match[0]), text)
    return _ZONE.sub(_spell_zone, text) if re.search(r"\d", text) else text


def _spell_zone(match: re.Match[str]) -> str:
    if not _CLOCK.search(match.string, max(0, match.start() - 10), match.start()):
        return match.group()
    return f" {' '.join(match[2])}"
