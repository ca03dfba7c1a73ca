"""Creates and checks API keys: `vxp_`, 32 random characters, and a checksum of six.

The checksum (CRC-32 in base 62, as in tokens of code hosts) lets secret scanners and error messages tell mistyped keys
from unknown ones. It adds no security.
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
    """Return the CRC-32 of `body` as six base-62 digits."""
    value = zlib.crc32(body.encode())
    digits = ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def is_well_formed(key: str) -> bool:
    """Whether the format and the checksum are those of a key that a gateway made."""
    return bool(_KEY.fullmatch(key)) and hmac.compare_digest(checksum(key[4:-6]), key[-6:])


def is_bootstrap_key(key: str) -> bool:
    """Whether an operator may choose this key: `vxp_` and 16 to 128 letters, digits, `_` or `-`."""
    return bool(_BOOTSTRAP_KEY.fullmatch(key))


def digest(key: str, hash_key: bytes) -> str:
    """Return the HMAC-SHA256 of a key in hex, which is what the database stores."""
    return hmac.new(hash_key, key.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
