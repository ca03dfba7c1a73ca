"""The tree of all errors that a caller can see.

    VoxportError
    ├── BadRequest 400            voice_provider_mismatch, provider_cannot_clone, ...
    │   ├── SampleUnusable        the recording can't be cloned; the message says why and how to fix it
    │   ├── AudioUrlUnusable      one generic message, whatever the reason
    │   └── WebhookUrlUnusable    likewise
    ├── Unauthenticated 401       unauthenticated, key_revoked
    ├── Forbidden 403             forbidden, bad_signature, profile_suspended, consent_required, refused_by_moderation,
    │                             storage_full
    ├── InsufficientCredits 402
    ├── NotFound 404              voice_not_found, job_not_found, media_not_found
    ├── RequestTimeout 408        the body did not arrive in time
    ├── Conflict 409              job_not_cancellable, already_uploaded, idempotency_in_flight, idempotency_consumed
    ├── PreconditionFailed 412    the file does not match If-Match
    ├── TooLarge 413 / UnsupportedMedia 415
    ├── UriTooLong 414
    ├── ModerationUnavailable 503  the operator's moderation could not check the text
    ├── Invalid 422               validation_failed, for what the schema can't express
    │   └── IdempotencyMismatch   the key belongs to another request
    ├── RateLimited 429           more than the caller may have at once, or per period
    ├── HeadersTooLarge 431
    ├── JobTimeout                a job ran longer than its time limit
    ├── Unavailable 503           temporarily_unavailable, storage_unavailable: the gateway's own database or storage
    └── ProviderError             an error of a provider, classed by what the caller can do
        ├── ProviderBusy 429      try again later
        ├── ProviderFailed 502
        │   └── VoiceLost         the provider no longer has the voice: it can be rebuilt from its sample
        ├── ProviderUnavailable 503
        │   └── SlotsFull         the provider's account has reached its maximum of voices
        └── ProviderTimeout 504
            └── OutcomeUnknown    the request was sent, but its response was lost: it may have been done, and billed

A message is a sentence for the caller: it says what is wrong and what to do. It never contains a secret or a path of
the machine, and never reveals whether an internal host exists.
"""

from __future__ import annotations

from typing import Any, ClassVar


class VoxportError(Exception):
    """Base of the errors shown to the caller. `status` is the HTTP status, `code` the machine-readable reason."""

    status: ClassVar[int] = 500
    code: str = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self.headers: dict[str, str] = {}
        if code is not None:
            self.code = code

    def as_body(self, request_id: str | None) -> dict[str, Any]:
        """Return the `error` object of SPEC.md section 3."""
        return {
            "code": self.code,
            "message": self.message,
            "request_id": request_id,
            "details": self.details,
        }


class BadRequest(VoxportError):
    status = 400
    code = "bad_request"


class SampleUnusable(BadRequest):
    """The recording can't be cloned. The message holds the reason and the advice."""

    code = "sample_unusable"


class AudioUrlUnusable(BadRequest):
    """`audioUrl` may not or can't be fetched. The message is the same for every cause on the remote side, so that it
    reveals nothing about hosts that only the gateway can reach."""

    code = "audio_url_unusable"
    TEXT: ClassVar[str] = (
        "The audioUrl could not be fetched. Give a public http(s) URL of an audio or video file, "
        "or upload the file with upload-media and use its public_url."
    )

    def __init__(self, message: str = TEXT) -> None:
        """`message` replaces the default only for URLs of this gateway that can't be used."""
        super().__init__(message)


class WebhookUrlUnusable(BadRequest):
    """`webhook_url` may not be called. Judged by its text alone, without a DNS lookup."""

    code = "webhook_url_unusable"

    def __init__(self, private_host: str | None = None) -> None:
        """`private_host` is the URL's host, with its port if any, when its spelling shows that it is private."""
        message = "The webhook_url can't be called. Give a public http(s) URL on port 80 or 443."
        if private_host is not None:
            message += (
                f" {private_host} is on this machine or in a private network. To try it there, the operator sets "
                f"VOXPORT_PRIVATE_HOSTS={private_host} and starts the gateway and its worker again."
            )
        super().__init__(message)


class Unauthenticated(VoxportError):
    status = 401
    code = "unauthenticated"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.headers["WWW-Authenticate"] = 'Bearer realm="voxport"'


class InsufficientCredits(VoxportError):
    status = 402
    code = "insufficient_credits"


class Forbidden(VoxportError):
    status = 403
    code = "forbidden"


class BadSignature(Forbidden):
    """A signed URL that is malformed, forged or expired."""

    code = "bad_signature"


class ModerationUnavailable(VoxportError):
    """The operator's moderation failed or took too long. Unchecked texts are not spoken."""

    status = 503
    code = "moderation_unavailable"

    def __init__(self) -> None:
        super().__init__("The text could not be checked, so it is not spoken. Nothing was charged; try again.")
        self.headers["Retry-After"] = "5"


class NotFound(VoxportError):
    status = 404
    code = "not_found"


class RequestTimeout(VoxportError):
    """The client sends too slowly."""

    status = 408
    code = "request_timeout"


class Conflict(VoxportError):
    status = 409
    code = "conflict"


class PreconditionFailed(VoxportError):
    status = 412
    code = "precondition_failed"


class TooLarge(VoxportError):
    status = 413
    code = "media_too_large"


class UnsupportedMedia(VoxportError):
    status = 415
    code = "unsupported_media"


class UriTooLong(VoxportError):
    status = 414
    code = "uri_too_long"


class HeadersTooLarge(VoxportError):
    status = 431
    code = "headers_too_large"


class Invalid(VoxportError):
    """The shape of the request is wrong in a way that its schema can't express."""

    status = 422
    code = "validation_failed"

    def __init__(
        self, message: str, *, location: tuple[str, ...] = ("body",), details: dict[str, Any] | None = None
    ) -> None:
        """`location` is where the error is, as in FastAPI's `loc`: `("body", "text")`."""
        super().__init__(message, details=details)
        self.location = location


class IdempotencyMismatch(Invalid):
    code = "idempotency_mismatch"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was sent before, with another request. Take a new key for a new request.",
            location=("header", "Idempotency-Key"),
        )


class RateLimited(VoxportError):
    status = 429
    code = "rate_limited"

    def __init__(
        self, message: str, *, retry_after_seconds: int, code: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, code=code, details={"retry_after": retry_after_seconds, **(details or {})})
        self.headers["Retry-After"] = str(retry_after_seconds)


class JobTimeout(VoxportError):
    status = 504
    code = "job_timeout"

    def __init__(self) -> None:
        super().__init__("The job took longer than it may and was given up. Nothing was charged; send it again.")


class Unavailable(VoxportError):
    """The gateway's own database, storage or decoder is unavailable. Nothing was charged. A job retries the step."""

    status = 503
    code = "temporarily_unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after_seconds: int = 10) -> None:
        super().__init__(message, code=code, details={"retry_after": retry_after_seconds})
        self.headers["Retry-After"] = str(retry_after_seconds)


class ProviderError(VoxportError):
    status = 502
    code = "provider_failed"


class ProviderFailed(ProviderError):
    pass


class VoiceLost(ProviderFailed):
    """The provider no longer has the voice."""


class ProviderBusy(ProviderError):
    status = 429
    code = "provider_busy"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message, details={"retry_after": retry_after_seconds})
        self.headers["Retry-After"] = str(retry_after_seconds)


class ProviderUnavailable(ProviderError):
    """The provider can't be used now. Callers are told to retry after ten seconds, the shortest time for which a failed
    provider is left alone; jobs have their own pauses."""

    status = 503
    code = "provider_unavailable"

    def __init__(self, message: str, *, code: str | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(message, code=code, details=details)
        self.headers["Retry-After"] = "10"


class SlotsFull(ProviderUnavailable):
    """The account at the provider has reached its maximum of voices."""


class ProviderTimeout(ProviderError):
    status = 504
    code = "provider_timeout"


class OutcomeUnknown(ProviderTimeout):
    """The request was sent, but the response was lost. It is never sent again without checking its outcome first."""
