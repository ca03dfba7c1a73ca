"""Pauses of a length that the text asks for: SSML's `<break time="2s"/>`.

`markup` writes each as one character of the private use area, which stands before the line behind the pause until the
planner takes it out. Nobody else can write one: `clean` of `text.py` takes them for blanks.
"""

from __future__ import annotations

import re
from typing import Final

MAX_SECONDS: Final = 3.0
"""Of one pause, as elsewhere in the field: longer ones are this long."""
MAX_SECONDS_IN_ALL: Final = 60.0
"""Of all pauses of one text; those behind are as long as that of a line break. A text of 5,000 characters could ask for
ten minutes of silence."""
_FIRST: Final = 0xE100
_STEPS: Final = 10
"""Per second."""
_LAST: Final = _FIRST + round(MAX_SECONDS * _STEPS)
MARKS: Final = f"{chr(_FIRST)}-{chr(_LAST)}"
"""The range of the characters, for a regular expression's class."""
_TIME: Final = re.compile(r"\stime\s*=\s*[\"']?\s?\+?(\d{0,6}(?:\.\d{1,6})?)\s?(ms|s)\b", re.IGNORECASE)
_MARKED: Final = re.compile(rf"[{MARKS}](?:[{MARKS}]|\s)*+")
_NO_MARKS: Final = re.compile(rf"[{MARKS}]")


def mark_of(attributes: str) -> str:
    """The character for a pause by the attributes of its tag; empty where they have no time that can be read."""
    found = _TIME.search(attributes)
    if found is None or not found[1].strip("."):
        return ""
    seconds = float(found[1]) / (1000 if found[2].lower() == "ms" else 1)
    return chr(_FIRST + round(min(seconds, MAX_SECONDS) * _STEPS))


def behind_blanks(text: str) -> str:
    """Each mark directly before the words that it pauses before; of several the longest."""
    return _MARKED.sub(lambda match: f"{_NO_MARKS.sub('', match[0])}{max(_NO_MARKS.findall(match[0]))}", text)


def without_marks(text: str) -> str:
    """`text` with a blank for each mark."""
    return _NO_MARKS.sub(" ", text)


def split_pause(line: str) -> tuple[float | None, str]:
    """The seconds that a line asks for before it, or None, and the line itself."""
    if not line or not _FIRST <= ord(line[0]) <= _LAST:
        return None, line
    return (ord(line[0]) - _FIRST) / _STEPS, line[1:].lstrip()
