"""Parses a list of words separated by spaces, the form that this package's data is written in."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())
