"""Identifiers: a prefix that says what it is, and random letters that can't be guessed."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # no l and no o: they are misread as 1 and 0


def new_id(prefix: str, length: int = 20) -> str:
    """`prefix_` and `length` random characters (5.1 bits each)."""
    return f"{prefix}_{random_text(length)}"


def random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
