"""Content negotiation by the `Accept` header (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", re.ASCII)


def prefers(accept: Sequence[str] | None, media_type: str, *, over: str) -> bool:
    """Whether the client prefers `media_type` (such as `text/csv`) to `over`. False if it rates both the same, sends no
    `Accept`, or accepts neither."""
    ranges = dict(filter(None, map(_range, ",".join(accept or []).split(","))))
    return _quality(media_type, ranges) > _quality(over, ranges)


def _range(text: str) -> tuple[str, float] | None:
    """Parse a range (`text/*`) and its weight; None if the weight is invalid. Other parameters are ignored."""
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
    """Return the weight of the most specific range that matches the type, or 0."""
    family = media_type.partition("/")[0]
    return next((ranges[name] for name in (media_type, f"{family}/*", "*/*") if name in ranges), 0.0)
