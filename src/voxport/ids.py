"""Generates identifiers: a prefix for the kind, and unguessable random characters."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # without l and o, which are misread as 1 and 0
# Each letter stands for as many bytes as any other; the bytes that are left over are rejected.
_ACCEPTED = 256 // len(_ALPHABET) * len(_ALPHABET)
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_REJECTED = bytes(range(_ACCEPTED, 256))


def new_id(prefix: str, length: int = 20) -> str:
    """Return `prefix_` and `length` random characters (5.1 bits each)."""
    return f"{prefix}_{random_text(length)}"


def random_text(length: int) -> str:
    text = b""
    while len(text) < length:
        text += secrets.token_bytes(length + 8).translate(_LETTERS, _REJECTED)
    return text[:length].decode()
