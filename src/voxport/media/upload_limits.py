"""Limits of an uploaded file, and the errors of uploads that break them."""

from __future__ import annotations

from voxport.catalog import Limits
from voxport.errors import Conflict, Invalid, TooLarge
from voxport.media.names import upload_media_type
from voxport.media.signing import Grant


def max_upload_bytes(limits: Limits, media_type: str) -> int:
    """Return the largest size in bytes of an upload of `audio`, `video` or a `document`."""
    if media_type == "document":
        return limits.upload_document_bytes
    return limits.upload_audio_bytes if media_type == "audio" else limits.upload_video_bytes


def check_size(grant: Grant, size_bytes: int, *, is_complete: bool) -> None:
    """Raise TooLarge once a file exceeds what its URL allows, and Invalid if a complete file is empty or shorter than
    announced."""
    if is_complete and size_bytes == 0:
        raise Invalid("The body is empty. Send the bytes of the file; the upload_url is still good.")
    if grant.max_bytes is not None and size_bytes > grant.max_bytes:
        raise too_large(grant.max_bytes, upload_media_type(grant.key))
    if grant.size_bytes is None:
        return
    if size_bytes > grant.size_bytes:
        raise TooLarge(f"The file is larger than the {grant.size_bytes:,} bytes that were announced.")
    if is_complete and size_bytes < grant.size_bytes:
        raise Invalid(f"The file has {size_bytes:,} bytes, and {grant.size_bytes:,} were announced. Send it again.")


def too_large(max_bytes: int, media_type: str) -> TooLarge:
    advice = "Send it in parts." if media_type == "document" else "Cut it: only the first minute of speech is used."
    return TooLarge(f"The file is larger than {max_bytes:,} bytes. {advice}", details={"max_bytes": max_bytes})


def already_uploaded() -> Conflict:
    return Conflict(
        "The file was uploaded before. Ask upload-media for a new URL to send another.",
        code="already_uploaded",
    )
