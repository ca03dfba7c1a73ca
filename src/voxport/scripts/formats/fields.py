"""Reads a line from named values: a row of a table, a JSON object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from voxport.scripts.formats.builder import ScriptBuilder, encodable, shortened
from voxport.scripts.script import MAX_PAUSE_AFTER, ScriptError

VOICE_SETTINGS: Final[Mapping[str, tuple[float, float]]] = {
    "speed": (0.5, 2.0),
    "stability": (0.0, 1.0),
    "similarity_boost": (0.0, 1.0),
    "style": (0.0, 1.0),
}
"""With the least and the greatest value, as in `core-tts`."""
LINE_FIELDS: Final = frozenset(
    {"id", "character", "text", "pause_after", "language", "markup", "voice_settings", *VOICE_SETTINGS}
)
FILE_FIELDS: Final = LINE_FIELDS | {"chapter"}
_ALIASES: Final = {
    "speaker": "character",
    "voice": "character",
    "name": "character",
    "lang": "language",
    "pause": "pause_after",
    "similarity": "similarity_boost",
    "line": "text",
    "dialogue": "text",
    "dialog": "text",
    "dialogue_text": "text",
    "character_name": "character",
    "line_id": "id",
}


def field_name(name: str) -> str:
    """Return the field that a file means by a column's or key's name; the name itself if it means none."""
    plain = "_".join(name.casefold().replace("-", " ").replace("_", " ").split())
    return _ALIASES.get(plain, plain)


def add_fields(builder: ScriptBuilder, fields: Mapping[str, object], place: str) -> None:
    """Add a line from its fields. None and "" are as good as absent, except for the text. Raises ScriptError."""
    settings = fields.get("voice_settings")
    if settings is not None and not isinstance(settings, Mapping):
        raise ScriptError('The voice_settings are an object such as {"speed": 1.1}.', place)
    given = {**(settings or {}), **{name: fields[name] for name in VOICE_SETTINGS if name in fields}}
    unknown = sorted(str(name) for name in given if name not in VOICE_SETTINGS)
    if unknown:
        known = ", ".join(VOICE_SETTINGS)
        raise ScriptError(f"The voice setting {_shown(unknown[0])} is not known. Known are {known}.", place)
    markup = _text(fields, "markup", place).strip().lower() or "none"
    if markup not in ("none", "ssml"):
        raise ScriptError(f"The markup {_shown(markup)} is not known. It is none or ssml.", place)
    builder.add_line(
        _text(fields, "character", place),
        _text(fields, "text", place),
        place,
        line_id=_text(fields, "id", place).strip(),
        pause_after=_number("pause_after", fields.get("pause_after"), 0.0, MAX_PAUSE_AFTER, place),
        language=_text(fields, "language", place).strip() or None,
        voice_settings={
            name: number
            for name, (low, high) in VOICE_SETTINGS.items()
            if (number := _number(name, given.get(name), low, high, place)) is not None
        },
        markup=markup,
    )


def _text(fields: Mapping[str, object], name: str, place: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and name == "id":
        return str(value) if abs(value) < 10**64 else "9" * 65
    if not isinstance(value, str):
        raise ScriptError(f"The {name} is not a text.", place)
    return value


def _number(name: str, value: object, low: float, high: float, place: str) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        # A table of a country with a decimal comma has 0,4.
        number = float(value.strip().replace(",", ".")) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        raise ScriptError(f"The {name} {_shown(value)} is not a number.", place) from None
    if not math.isfinite(number) or not low <= number <= high:
        raise ScriptError(f"The {name} is {_shown(value)}; it may be {low:g} to {high:g}.", place)
    return number


def _shown(value: object) -> str:
    return repr(shortened(encodable(value if isinstance(value, str) else str(value)), 40))
