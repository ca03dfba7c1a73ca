"""Encodes pauses of a given length: SSML's `<break time="2s"/>`.

`markup` writes each pause as one private use character in front of the line after it, and the planner removes it. Users
can't write these characters, because `clean_text` of `sentences.py` replaces them with blanks.
"""

from __future__ import annotations

import re
from typing import Final

MAX_PAUSE_SECONDS: Final = 3.0
"""Maximum of one pause, as in other services. Longer ones are shortened to it."""
MAX_TOTAL_SECONDS: Final = 60.0
"""Maximum of all pauses of one text; later ones are as long as that of a line break. A text of 5,000 characters could
otherwise ask for ten minutes of silence."""
_FIRST_MARK: Final = 0xE100
_STEPS_PER_SECOND: Final = 10
_LAST_MARK: Final = _FIRST_MARK + round(MAX_PAUSE_SECONDS * _STEPS_PER_SECOND)
PAUSE_MARKS: Final = f"{chr(_FIRST_MARK)}-{chr(_LAST_MARK)}"
"""Range of the characters, for a character class of a regular expression."""
_TIME: Final = re.compile(r"\stime\s*=\s*[\"']?\s?\+?(\d{0,6}(?:\.\d{1,6})?)\s?(ms|s)\b", re.IGNORECASE)
_MARK_RUN: Final = re.compile(rf"[{PAUSE_MARKS}](?:[{PAUSE_MARKS}]|\s)*+")
_ANY_MARK: Final = re.compile(rf"[{PAUSE_MARKS}]")


def pause_mark(attributes: str) -> str:
    """Returns the character for a pause from the attributes of its tag, or "" if they have no valid time."""
    found = _TIME.search(attributes)
    if found is None or not found[1].strip("."):
        return ""
    seconds = float(found[1]) / (1000 if found[2].lower() == "ms" else 1)
    return chr(_FIRST_MARK + round(min(seconds, MAX_PAUSE_SECONDS) * _STEPS_PER_SECOND))


def attach_marks(text: str) -> str:
    """Moves each mark directly in front of the words after it. Of several marks in a row, keeps the longest."""
    return _MARK_RUN.sub(lambda match: f"{_ANY_MARK.sub('', match[0])}{max(_ANY_MARK.findall(match[0]))}", text)


def without_pause_marks(text: str) -> str:
    """Replaces each mark with a blank."""
    return _ANY_MARK.sub(" ", text)


def split_pause(line: str) -> tuple[float | None, str]:
    """Returns the seconds of the pause before a line, or None, and the line without its mark."""
    if not line or not _FIRST_MARK <= ord(line[0]) <= _LAST_MARK:
        return None, line
    return (ord(line[0]) - _FIRST_MARK) / _STEPS_PER_SECOND, line[1:].lstrip()
