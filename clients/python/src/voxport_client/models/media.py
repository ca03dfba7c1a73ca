"""Files, uploads and watermarks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from voxport_client.models.base import Model
from voxport_client.models.names import MediaKind


@dataclass(frozen=True, kw_only=True)
class UploadTarget(Model):
    """Where to PUT a file (`upload_url`), and what to clone from afterwards (`public_url`), for `expires_in`
    seconds."""

    upload_url: str
    object_key: str
    expires_in: int
    public_url: str


@dataclass(frozen=True, kw_only=True)
class StoredUpload(Model):
    """What the gateway's own storage answers to a PUT."""

    object_key: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class MediaFile(Model):
    """A file of yours: an upload, or speech that was made."""

    key: str
    kind: MediaKind
    content_type: str
    size_bytes: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class MediaFileLink(MediaFile):
    """A file with a URL that reads it without a key for `expires_in` seconds."""

    url: str
    expires_in: int


@dataclass(frozen=True, kw_only=True)
class DeletedFile(Model):
    key: str
    deleted: bool = True


@dataclass(frozen=True, kw_only=True)
class Detection(Model):
    """Whether audio carries the mark of the local engine; `confidence` is from 0 to 1."""

    watermarked: bool
    confidence: float
