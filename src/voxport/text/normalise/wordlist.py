"""A list of words as it is written in this package's data: with spaces between."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())
