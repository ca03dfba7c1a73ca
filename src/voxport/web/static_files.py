"""Files of the package that browsers load: compressed once, with ETags, and the policy of the pages that load them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from voxport.web.conditional_requests import evaluate_preconditions

CONTENT_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
}
"""Content types by the end of a file's name. Files with another end are not served."""


@dataclass(frozen=True)
class Asset:
    """A file, and the same compressed; the ETags are of the two."""

    content: bytes
    compressed: bytes
    content_type: str
    etag: str
    compressed_etag: str


def make_asset(content: bytes, name: str) -> Asset:
    """Compress a file. Its name, which must end like one of CONTENT_TYPES, gives the content type."""
    digest, compressed = hashlib.sha256(content).hexdigest()[:20], gzip.compress(content, 9, mtime=0)
    return Asset(content, compressed, CONTENT_TYPES[suffix_of(name)], f'"{digest}"', f'"{digest}-gz"')


def find_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield the files of a folder that may be served, in order, by their path in it."""
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from find_files(entry, f"{prefix}{entry.name}/")
        elif suffix_of(entry.name) in CONTENT_TYPES:
            yield prefix + entry.name, entry


def suffix_of(name: str) -> str:
    """Return the end of a name from its last dot on."""
    return name[name.rfind(".") :]


def content_security_policy(*, connect: str = "'self'", media: str | None = None) -> str:
    """Return the policy of a page that runs and loads its own files only. `connect` and `media` are the sources of
    calls and of audio."""
    return "; ".join(
        (
            *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'"),
            *(f"connect-src {connect}", *([f"media-src {media}"] if media else [])),
            *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        )
    )


def send_asset(request: Request, asset: Asset, headers: Mapping[str, str], *, status_code: int = 200) -> Response:
    """Send a file, compressed if the client takes that, or 304 if it has it."""
    is_compressed = takes_gzip(request.headers.get("accept-encoding", ""))
    etag = asset.compressed_etag if is_compressed else asset.etag
    headers = {**headers, "ETag": etag, "Vary": "Accept-Encoding"}
    is_found = status_code == 200
    if is_found and evaluate_preconditions(request.headers, etag=etag, last_modified="") == "not_modified":
        return Response(status_code=304, headers=headers)
    if is_compressed:
        headers["Content-Encoding"] = "gzip"
    content = asset.compressed if is_compressed else asset.content
    return Response(content, status_code, media_type=asset.content_type, headers=headers)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` header allows gzip."""
    for part in accept_encoding.lower().split(","):
        name, _, quality = part.replace(" ", "").partition(";q=")
        if name in ("gzip", "*"):
            return quality.strip("0.") != "" or not quality
    return False
