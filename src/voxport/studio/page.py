"""The Studio's page and files as they are sent, and the page's Content-Security-Policy."""

from __future__ import annotations

import hashlib
import html
from functools import cache
from importlib import resources
from string import Template
from typing import Final
from urllib.parse import urlsplit

import voxport
from voxport.storage.base import Storage
from voxport.web.static_files import Asset, content_security_policy, find_files, make_asset

_PAGE: Final = "index.html"
_LOADED_LATER: Final = (
    *("screens/", "waveform.js", "recorder.js", "vendor/wavesurfer"),
    *("blind_test.js", "loudness.js", "orders.js"),
)
"""Modules that the first screen does not need: the page loads them when they are opened."""


@cache
def assets() -> dict[str, Asset]:
    """Return all files but the page, by their path under `assets/`."""
    return {name: make_asset(content, name) for name, content in _files().items() if name != _PAGE}


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
    return make_asset(content.encode(), _PAGE)


def page_policy(storage: Storage) -> str:
    """Return the policy of the page: its own files and the gateway, and the storage where browsers read and write files
    past the gateway. `blob:` is a recording that was not uploaded yet."""
    origin = _storage_origin(storage)
    files = f" {origin}" if origin else ""
    return content_security_policy(connect=f"'self'{files}", media=f"'self' blob:{files}")


def _storage_origin(storage: Storage) -> str | None:
    """Return the origin of the storage's own URLs; None if it has none. Nothing is sent: a URL is only signed."""
    url = storage.presign_get("studio/origin", content_type="audio/mpeg", expires_in=1, tag="")
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@cache
def _files() -> dict[str, bytes]:
    folder = resources.files("voxport.studio") / "assets"
    return {name: file.read_bytes() for name, file in find_files(folder)}
