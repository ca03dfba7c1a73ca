"""Pauses of a length that the text asks for: SSML's `<break time="2s"/>`.

`markup` writes each as one character of the private use area, which stands before the line behind the pause until the
planner takes it out. Nobody else can write one: `clean_text` of `sentences.py` takes them for blanks.
"""

from __future__ import annotations

import re
from typing import Final

MAX_PAUSE_SECONDS: Final = 3.0
"""Of one pause, as elsewhere in the field: longer ones are this long."""
MAX_TOTAL_SECONDS: Final = 60.0
"""Of all pauses of one text; those behind are as long as that of a line break. A text of 5,000 characters could ask for
ten minutes of silence."""
_FIRST_MARK: Final = 0xE100
_STEPS_PER_SECOND: Final = 10
"""Per second."""
_LAST_MARK: Final = _FIRST_MARK + round(MAX_PAUSE_SECONDS * _STEPS_PER_SECOND)
PAUSE_MARKS: Final = f"{chr(_FIRST_MARK)}-{chr(_LAST_MARK)}"
"""The range of the characters, for a regular expression's class."""
_TIME: Final = re.compile(r"\stime\s*=\s*[\"']?\s?\+?(\d{0,6}(?:\.\d{1,6})?)\s?(ms|s)\b", re.IGNORECASE)
_MARK_RUN: Final = re.compile(rf"[{PAUSE_MARKS}](?:[{PAUSE_MARKS}]|\s)*+")
_ANY_MARK: Final = re.compile(rf"[{PAUSE_MARKS}]")


def pause_mark(attributes: str) -> str:
    """The character for a pause by the attributes of its tag; empty where they have no time that can be read."""
    found = _TIME.search(attributes)
    if found is None or not found[1].strip("."):
        return ""
    seconds = float(found[1]) / (1000 if found[2].lower() == "ms" else 1)
    return chr(_FIRST_MARK + round(min(seconds, MAX_PAUSE_SECONDS) * _STEPS_PER_SECOND))


def attach_marks(text: str) -> str:
    """Each mark directly before the words that it pauses before; of several the longest."""
    return _MARK_RUN.sub(lambda match: f"{_ANY_MARK.sub('', match[0])}{max(_ANY_MARK.findall(match[0]))}", text)


def without_pause_marks(text: str) -> str:
    """`text` with a blank for each mark."""
    return _ANY_MARK.sub(" ", text)


def split_pause(line: str) -> tuple[float | None, str]:
    """The seconds that a line asks for before it, or None, and the line itself."""
    if not line or not _FIRST_MARK <= ord(line[0]) <= _LAST_MARK:
        return None, line
    return (ord(line[0]) - _FIRST_MARK) / _STEPS_PER_SECOND, line[1:].lstrip()
