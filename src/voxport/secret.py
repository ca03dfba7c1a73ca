"""The gateway's secret, and the keys derived from it, one per purpose."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from voxport.settings import Settings


class Secret:
    """Derives one key per purpose, so that a leaked key does not compromise the others."""

    def __init__(self, root: bytes) -> None:
        self._root = root

    def key_for(self, purpose: str) -> bytes:
        """Return the key for a purpose: 32 bytes, by HMAC-SHA256."""
        return hmac.digest(self._root, purpose.encode(), hashlib.sha256)


def load_secret(settings: Settings) -> Secret:
    """Load the secret from the settings, or from the data folder, where it is created at the first start."""
    if settings.secret_key is not None:
        return Secret(settings.secret_key.get_secret_value().encode())
    path = settings.data_dir / "secret.key"
    with contextlib.suppress(FileNotFoundError):
        return Secret(path.read_bytes())
    _create(path)
    return Secret(path.read_bytes())


def _create(path: Path) -> None:
    """Write a new secret atomically. If another process was first, its secret is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
