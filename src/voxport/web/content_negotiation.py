"""What a client would rather be answered with: the `Accept` header of RFC 9110."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", re.ASCII)


def prefers(accept: Sequence[str] | None, media_type: str, *, over: str) -> bool:
    """Whether a client would rather have the type `media_type` (`text/csv`) than the type `over`. Where it likes both
    as much, says nothing, or wants neither, it doesn't."""
    ranges = dict(filter(None, map(_range, ",".join(accept or []).split(","))))
    return _quality(media_type, ranges) > _quality(over, ranges)


def _range(text: str) -> tuple[str, float] | None:
    """A range (`text/*`) and its weight; None where it can't be read. Other parameters are left aside."""
    name, *parameters = [part.strip().lower() for part in text.split(";")]
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            if _QUALITY.fullmatch(value.strip()) is None:
                return None
            quality = float(value)
    return name, quality


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    """The weight of the range that names the type most closely."""
    family = media_type.partition("/")[0]
    return next((ranges[name] for name in (media_type, f"{family}/*", "*/*") if name in ranges), 0.0)
