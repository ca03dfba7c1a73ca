"""Reads the values of SSML's attributes. Names and steps follow the W3C's SSML 1.1 (https://www.w3.org/TR/speech-synthesis11/);
where it leaves a size to the engine, the size stands here."""

from __future__ import annotations

import math
import re
from typing import Final

MAX_BREAK_SECONDS: Final = 10.0
MIN_RATE, MAX_RATE = 0.5, 2.0
MAX_SEMITONES: Final = 12.0
MAX_DECIBELS: Final = 20.0
SILENT_DECIBELS: Final = -120.0
_NEARLY_SILENT: Final = SILENT_DECIBELS + MAX_DECIBELS
"""Silence stays silence, whatever is inside or around it."""

_TIME: Final = re.compile(r"\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(ms|s)")
_PERCENT: Final = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,4})?)%")
_NUMBER: Final = re.compile(r"\d{1,2}(?:\.\d{1,4})?")
_SEMITONES: Final = re.compile(r"[+-]\d{1,2}(?:\.\d{1,4})?st")
_DECIBELS: Final = re.compile(r"[+-]\d{1,2}(?:\.\d{1,4})?dB")

_STRENGTHS: Final = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
"""Seconds. `none` also removes the pause that a mark would have made."""
_RATES: Final = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_PITCHES: Final = {"x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0}
_VOLUMES: Final = {
    "silent": SILENT_DECIBELS,
    "x-soft": -12.0,
    "soft": -6.0,
    "medium": 0.0,
    "default": 0.0,
    "loud": 6.0,
    "x-loud": 10.0,
}
EMPHASIS: Final = {
    "strong": (0.85, 1.5, 4.0),
    "moderate": (0.92, 1.0, 2.5),
    "none": (1.0, 0.0, 0.0),
    "reduced": (1.1, -0.5, -2.5),
}
"""Rate, semitones and decibels of each level."""


class ValueProblem(ValueError):
    """What an attribute takes, as the end of a sentence."""


def break_seconds(time: str | None, strength: str | None) -> float:
    """Return the pause of a `break`. Raises ValueProblem."""
    by_strength = 0.0 if strength is None else _named("strength", _STRENGTHS, strength)
    if time is not None:
        found = _TIME.fullmatch(time)
        if found is None:
            raise ValueProblem('time takes seconds or milliseconds: "1.5s", "500ms"')
        seconds = float(found[1]) / (1000 if found[2] == "ms" else 1)
        if seconds > MAX_BREAK_SECONDS:
            raise ValueProblem(f"a pause is at most {MAX_BREAK_SECONDS:g} s")
        return seconds
    return _STRENGTHS["medium"] if strength is None else by_strength


def rate(value: str) -> float:
    """Raises ValueProblem."""
    if value in _RATES:
        return _RATES[value]
    percent = _PERCENT.fullmatch(value)
    if percent is not None:
        share = float(percent[2]) / 100
        number = {"+": 1 + share, "-": 1 - share, "": share}[percent[1]]
    elif _NUMBER.fullmatch(value):
        number = float(value)
    else:
        raise ValueProblem(f'rate takes {_names(_RATES)}, a percentage ("120%", "-20%") or a number ("1.2")')
    if not MIN_RATE <= number <= MAX_RATE:
        raise ValueProblem(f"rate is from {MIN_RATE:g} to {MAX_RATE:g} times the usual: 50% to 200%")
    return number


def semitones(value: str) -> float:
    """Raises ValueProblem."""
    if value in _PITCHES:
        return _PITCHES[value]
    percent = _PERCENT.fullmatch(value)
    if percent is not None and percent[1]:
        factor = 1 + float(percent[1] + percent[2]) / 100
        number = 12 * math.log2(factor) if factor > 0 else -math.inf
    elif _SEMITONES.fullmatch(value):
        number = float(value[:-2])
    else:
        raise ValueProblem(f'pitch takes {_names(_PITCHES)}, semitones ("+2st") or a signed percentage ("-10%")')
    if not abs(number) <= MAX_SEMITONES:
        raise ValueProblem(f"pitch is changed by at most {MAX_SEMITONES:g} semitones: -50% to +100%")
    return number


def decibels(value: str) -> float:
    """Raises ValueProblem."""
    if value in _VOLUMES:
        return _VOLUMES[value]
    if not _DECIBELS.fullmatch(value):
        raise ValueProblem(f'volume takes {_names(_VOLUMES)} or decibels ("+6dB")')
    number = float(value[:-2])
    if abs(number) > MAX_DECIBELS:
        raise ValueProblem(f"volume is changed by at most {MAX_DECIBELS:g} dB")
    return number


def emphasis(level: str | None) -> tuple[float, float, float]:
    """Return rate, semitones and decibels. Raises ValueProblem."""
    if level is None:
        return EMPHASIS["moderate"]
    if level not in EMPHASIS:
        raise ValueProblem(f"level takes {_names(EMPHASIS)}")
    return EMPHASIS[level]


def check_sum(rate: float, semitones: float, decibels: float) -> None:
    """Check what tags inside each other add up to. Raises ValueProblem."""
    margin = 1e-6
    if not MIN_RATE - margin <= rate <= MAX_RATE + margin:
        raise ValueProblem(
            f"with the tags around it the rate is {rate:.3g}, and it goes from {MIN_RATE:g} to {MAX_RATE:g}"
        )
    if abs(semitones) > MAX_SEMITONES + margin:
        raise ValueProblem(
            f"with the tags around it the pitch changes by {semitones:+.3g} semitones, and by at most {MAX_SEMITONES:g}"
        )
    if MAX_DECIBELS + margin < abs(decibels) and decibels > _NEARLY_SILENT:
        raise ValueProblem(
            f"with the tags around it the volume changes by {decibels:+.3g} dB, and by at most {MAX_DECIBELS:g}"
        )


def _named(name: str, values: dict[str, float], value: str) -> float:
    if value not in values:
        raise ValueProblem(f"{name} takes {_names(values)}")
    return values[value]


def _names(values: object) -> str:
    names = list(values)  # type: ignore[call-overload]
    return f"{', '.join(names[:-1])} or {names[-1]}"
