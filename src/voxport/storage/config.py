"""Where files are stored, as the settings say it, and the storage of it."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from voxport.storage.base import Storage, StorageError
from voxport.storage.local import LocalStorage
from voxport.urls import without_secrets

AddressingStyle = Literal["path", "virtual"]
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,99}/){0,8}")
_FORMS: Final = "give file:///an/absolute/folder or s3://bucket/prefix"


@dataclass(frozen=True)
class S3Options:
    """How an S3-compatible service is reached. None leaves a value to the usual AWS chain (environment, profile,
    instance); `public_endpoint_url` is the address that clients use, if it is another one. `timeout` in seconds."""

    endpoint_url: str | None = None
    public_endpoint_url: str | None = None
    region: str | None = None
    addressing_style: AddressingStyle | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    timeout: float = 10.0


@dataclass(frozen=True)
class StorageConfig:
    """`fallback_url` names the storage that files are being moved from (or to)."""

    url: str
    fallback_url: str | None = None
    s3: S3Options = field(default_factory=S3Options)


def open_storage(config: StorageConfig) -> Storage:
    """Opens the storage, which creates a folder but sends no request to S3. Raises StorageError."""
    if config.fallback_url is None:
        return open_one(config.url, config.s3, "VOXPORT_STORAGE_URL")
    from voxport.storage.fallback import open_pair

    return open_pair(config)


def open_one(url: str, s3: S3Options, setting: str) -> Storage:
    """Opens the storage of one URL, which `setting` holds. Raises StorageError."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        bucket, prefix = parts.netloc, f"{parts.path.strip('/')}/".lstrip("/")
        if parts.query or parts.fragment or not _BUCKET.fullmatch(bucket) or not _PREFIX.fullmatch(prefix):
            raise StorageError(f"{setting} is {without_secrets(url)!r}: {_FORMS}")
        return _open_s3(bucket, prefix, s3)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise StorageError(f"{setting} is {without_secrets(url)!r}: {_FORMS}")
    return LocalStorage(Path(unquote(parts.path)))


def _open_s3(bucket: str, prefix: str, options: S3Options) -> Storage:
    if importlib.util.find_spec("botocore") is None:
        raise StorageError("Storage on S3 needs the package botocore: install voxport[s3].")
    # Loading botocore takes 40 MB and a sixth of a second, which a gateway with files in a folder does not pay.
    from voxport.storage.s3.storage import S3Storage

    return S3Storage(bucket, prefix, options)
