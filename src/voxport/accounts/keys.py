"""API keys: `vxp_`, 32 random characters, and six of checksum.

The checksum (CRC-32 in base 62, as code hosts do it) lets a scanner of leaked secrets and an error message tell a
mistyped key from an unknown one; it protects nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_letters
_RANDOM_CHARACTERS = 32  # 190 bits
_KEY = re.compile(r"vxp_[0-9A-Za-z]{38}")
_BOOTSTRAP_KEY = re.compile(r"vxp_[0-9A-Za-z_-]{16,128}")


def new_key() -> str:
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return f"vxp_{body}{checksum(body)}"


def checksum(body: str) -> str:
    """Six base-62 digits of the CRC-32 of `body`."""
    value = zlib.crc32(body.encode())
    digits = ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def is_well_formed(key: str) -> bool:
    """Whether it looks like a key that this gateway made: the letters and the checksum are right."""
    return bool(_KEY.fullmatch(key)) and hmac.compare_digest(checksum(key[4:-6]), key[-6:])


def is_bootstrap_key(key: str) -> bool:
    """Whether an operator may choose this key: `vxp_` and 16 to 128 letters, digits, `_` or `-`."""
    return bool(_BOOTSTRAP_KEY.fullmatch(key))


def digest(key: str, hash_key: bytes) -> str:
    """What is stored of a key: HMAC-SHA256, in hex."""
    return hmac.new(hash_key, key.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
