"""The Studio's files as they are sent: compressed once, with an ETag, and the page's Content-Security-Policy."""

from __future__ import annotations

import gzip
import hashlib
import html
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template
from typing import Final
from urllib.parse import urlsplit

import voxport
from voxport.storage.base import Storage

CONTENT_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
}
_PAGE: Final = "index.html"
_LOADED_LATER: Final = (
    *("screens/", "waveform.js", "recorder.js", "vendor/wavesurfer"),
    *("blind_test.js", "loudness.js", "orders.js"),
)
"""Modules that the first screen does not need: the page loads them when they are opened."""


@dataclass(frozen=True)
class Asset:
    """A file, and the same compressed; the ETags are of the two."""

    content: bytes
    compressed: bytes
    content_type: str
    etag: str
    compressed_etag: str


@cache
def assets() -> dict[str, Asset]:
    """Return all files but the page, by their path under `assets/`."""
    return {name: _asset(content, name) for name, content in _files().items() if name != _PAGE}


@cache
def build() -> str:
    """Return a hash of all files. It is a part of their URLs, so that a browser may keep them for ever."""
    digest = hashlib.sha256(voxport.__version__.encode())
    for name, content in sorted(_files().items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def page(public_url: str) -> Asset:
    """Return the page. Its links are relative to the address that it was read from, which a proxy may have given."""
    preloaded = sorted(name for name in assets() if name.endswith(".js") and not name.startswith(_LOADED_LATER))
    root = f"studio/{build()}"
    content = Template(_files()[_PAGE].decode()).substitute(
        root=root,
        public_url=html.escape(public_url),
        version=html.escape(voxport.__version__),
        preloads="\n".join(f'<link rel="modulepreload" href="{root}/{name}">' for name in preloaded),
    )
    return _asset(content.encode(), _PAGE)


def content_security_policy(storage: Storage) -> str:
    """Return the policy of the page: its own files and the gateway, and the storage where browsers read and write files
    past the gateway. `blob:` is a recording that was not uploaded yet."""
    origin = _storage_origin(storage)
    files = f" {origin}" if origin else ""
    return "; ".join(
        (
            *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'"),
            *(f"connect-src 'self'{files}", f"media-src 'self' blob:{files}"),
            *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        )
    )


def _storage_origin(storage: Storage) -> str | None:
    """Return the origin of the storage's own URLs; None if it has none. Nothing is sent: a URL is only signed."""
    url = storage.presign_get("studio/origin", content_type="audio/mpeg", expires_in=1, tag="")
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@cache
def _files() -> dict[str, bytes]:
    return dict(_walk(resources.files("voxport.studio") / "assets", ""))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif _suffix(entry.name) in CONTENT_TYPES:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]


def _asset(content: bytes, name: str) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:20]
    return Asset(
        content, gzip.compress(content, 9, mtime=0), CONTENT_TYPES[_suffix(name)], f'"{digest}"', f'"{digest}-gz"'
    )
