"""Presigns the URLs by which clients reach a bucket themselves (AWS Signature Version 4, in the query)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest


class Presigner:
    """Signs with botocore's own code, but without its client, which takes 1.6 times as long for it."""

    def __init__(self, credentials: Any, region: str, endpoint: str, bucket: str, style: str) -> None:
        """`credentials` are botocore's, which may be renewed at any time. `style` is `path` or `virtual`."""
        self._credentials = credentials
        self._region = region
        parts = urlsplit(endpoint.rstrip("/"))
        host, path = (parts.netloc, f"/{bucket}") if style == "path" else (f"{bucket}.{parts.netloc}", "")
        self._base = f"{parts.scheme}://{host}{parts.path}{path}/"

    def url(
        self, method: str, key: str, *, expires_in: int, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> str:
        """Returns a URL that is good for `expires_in` seconds, or as long as temporary credentials are, and only with
        these headers."""
        url = f"{self._base}{quote(key)}?{urlencode(query, quote_via=quote)}"
        request = AWSRequest(method, url, headers=dict(headers))
        frozen = self._credentials.get_frozen_credentials()
        S3SigV4QueryAuth(frozen, "s3", self._region, expires=expires_in).add_auth(request)
        signed: str = request.url
        return signed
