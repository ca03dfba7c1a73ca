"""Generates identifiers: a prefix for the kind, and unguessable random characters."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # without l and o, which are misread as 1 and 0


def new_id(prefix: str, length: int = 20) -> str:
    """Return `prefix_` and `length` random characters (5.1 bits each)."""
    return f"{prefix}_{random_text(length)}"


def random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
