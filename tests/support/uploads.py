"""Helpers that the upload tests share."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tests.support.client import GatewayClient

DATA = bytes(range(256)) * 40
MiB = 1 << 20


def with_parameters(url: str, **changes: str | None) -> str:
    """The URL with some parameters changed, added or (None) removed, in the same order."""
    parts = urlsplit(url)
    pairs = dict(parse_qsl(parts.query)) | changes
    return urlunsplit(parts._replace(query=urlencode({k: v for k, v in pairs.items() if v is not None})))


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def stored_files(client: GatewayClient) -> list[Path]:
    """All files in storage, including incomplete ones."""
    return [path for path in (client.gateway.settings.data_dir / "files").rglob("*") if path.is_file()]
