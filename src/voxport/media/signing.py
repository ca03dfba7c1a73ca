"""Signs and verifies the URLs of the embedded storage: `/v1/blobs/KEY?operation=…&expires=…&signature=…`.

The signature (HMAC-SHA256 in hex, the last parameter) covers the key and all other parameters. Anyone with the URL may
perform its operation until it expires. Nothing else is checked.

A presigned URL of other storage carries a tag, by which the gateway knows it again: also after the files were moved, or
the keys of the storage were changed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from voxport.errors import BadSignature
from voxport.secret import Secret
from voxport.storage.base import TAG_PARAMETER

PATH = "/v1/blobs/"
Operation = Literal["get", "put"]
_WRONG_OPERATION: dict[Operation, str] = {
    "put": "This URL is for reading the file, as a public_url is. PUT the file to the upload_url.",
    "get": "This is the upload_url, to which the file is PUT. Read the file by its public_url.",
}
_NUMBER = re.compile(r"[0-9]{1,15}")
_TAG = re.compile(r"(?P<operation>get|put)\.(?P<expires>[0-9]{1,15})\.(?P<signature>[0-9a-f]{32})")
_MAX_KEY_PARTS = 16


@dataclass(frozen=True)
class Grant:
    """What a signed URL allows. Only uploads have `content_type`, `max_bytes` and `size_bytes` (exact, or None)."""

    operation: Operation
    key: str
    expires: int
    content_type: str | None = None
    max_bytes: int | None = None
    size_bytes: int | None = None

    @property
    def is_expired(self) -> bool:
        return time.time() >= self.expires


class UrlSigner:
    def __init__(self, secret: Secret, public_url: str) -> None:
        self._key = secret.key_for("signed-urls")
        self._public_url = public_url

    def url(self, grant: Grant) -> str:
        """Return the grant as a URL under the gateway's public address."""
        query = {name: str(value) for name, value in _parameters(grant).items() if value is not None}
        path = quote(PATH + grant.key)
        return f"{self._public_url}{path}?{urlencode(query)}&signature={self._signature(grant)}"

    def tag(self, grant: Grant) -> str:
        """Return a text for a presigned URL of the grant's operation on its key, by which `find_grant` finds it."""
        message = json.dumps(["presigned", grant.operation, grant.key, grant.expires]).encode()
        signature = hmac.new(self._key, message, hashlib.sha256).hexdigest()[:32]
        return f"{grant.operation}.{grant.expires}.{signature}"

    def verify(self, operation: Operation, key: str, query: str) -> Grant:
        """Return the grant of a request. Raises BadSignature if it is malformed, forged, expired, or for another
        operation."""
        grant = self._authenticate(key, query)
        if grant is None:
            raise BadSignature("The signature of this URL is not valid. Ask for a new URL.")
        if grant.operation != operation:
            raise BadSignature(_WRONG_OPERATION[operation])
        if grant.is_expired:
            raise BadSignature("This URL has expired. Ask for a new one.")
        return grant

    def find_grant(self, url: str) -> Grant | None:
        """Return the grant of `url` if the gateway signed it, also for another operation or expired; None for other
        URLs.

        The signature decides, not the host: the gateway may be known under several names.
        """
        try:
            parts = urlsplit(url)
            path = unquote(parts.path, errors="strict")
            tags = [value for name, value in parse_qsl(parts.query, max_num_fields=32) if name == TAG_PARAMETER]
        except ValueError:
            return None
        _, found, key = path.partition(PATH)
        if found:
            return self._authenticate(key, parts.query)
        return self._find_tagged(path, tags[0]) if len(tags) == 1 else None

    def _find_tagged(self, path: str, tag: str) -> Grant | None:
        """Return the grant of a tag. The key is an end of the path: what precedes it depends on the storage."""
        match = _TAG.fullmatch(tag)
        if match is None:
            return None
        segments = path.split("/")[-_MAX_KEY_PARTS:]
        for start in range(len(segments)):
            operation: Operation = "get" if match["operation"] == "get" else "put"
            grant = Grant(operation, "/".join(segments[start:]), int(match["expires"]))
            if hmac.compare_digest(self.tag(grant), tag):
                return grant
        return None

    def _authenticate(self, key: str, query: str) -> Grant | None:
        signed, found, signature = query.rpartition("&signature=")
        grant = _parse(key, signed) if found else None
        if grant is None or not hmac.compare_digest(self._signature(grant).encode(), signature.encode()):
            return None
        return grant

    def _signature(self, grant: Grant) -> str:
        message = json.dumps([grant.key, _parameters(grant)], sort_keys=True).encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def signed_parameters(operation: Operation) -> list[dict[str, Any]]:
    """Return the query of a signed URL as OpenAPI parameters, in the order of the URL. The signature is the last."""
    number = {"type": "integer", "minimum": 0}
    fields: list[tuple[str, dict[str, Any], bool, str]] = [
        ("operation", {"type": "string", "const": operation, "default": operation}, True, "What the URL is good for."),
    ]
    if operation == "put":
        fields += [
            (
                "content_type",
                {"type": "string", "maxLength": 255},
                True,
                "The media type that was announced; the body has the same one.",
            ),
            ("max_bytes", number, True, "How large the file may be, in bytes."),
            ("size_bytes", number, False, "The size that was announced, where one was."),
        ]
    fields += [
        ("expires", number, True, "Until when the URL is good, in seconds since 1970."),
        ("signature", {"type": "string", "maxLength": 64}, True, "The signature of all these and the key."),
    ]
    source = "upload_url" if operation == "put" else "public_url"
    return [
        {
            "name": name,
            "in": "query",
            "required": is_required,
            "schema": schema,
            "description": f"{text} Copy it from the `{source}`.",
        }
        for name, schema, is_required, text in fields
    ]


def _parameters(grant: Grant) -> dict[str, str | int | None]:
    return {
        "operation": grant.operation,
        "content_type": grant.content_type,
        "max_bytes": grant.max_bytes,
        "size_bytes": grant.size_bytes,
        "expires": grant.expires,
    }


def _parse(key: str, query: str) -> Grant | None:
    """Return the unverified grant in the parameters, or None if `url` could not have written them."""
    try:
        pairs = parse_qsl(query, strict_parsing=True, errors="strict", max_num_fields=8)
    except ValueError:
        return None
    values = dict(pairs)
    known = {"operation", "content_type", "max_bytes", "size_bytes", "expires"}
    if len(values) != len(pairs) or not values.keys() <= known:
        return None
    operation = values.get("operation")
    if operation not in ("get", "put") or not _is_number(values.get("expires")):
        return None
    for name in ("max_bytes", "size_bytes"):
        if name in values and not _is_number(values[name]):
            return None
    return Grant(
        operation="get" if operation == "get" else "put",
        key=key,
        expires=int(values["expires"]),
        content_type=values.get("content_type"),
        max_bytes=int(values["max_bytes"]) if "max_bytes" in values else None,
        size_bytes=int(values["size_bytes"]) if "size_bytes" in values else None,
    )


def _is_number(value: str | None) -> bool:
    return value is not None and bool(_NUMBER.fullmatch(value))
