"""The errors of the client.

VoxportError
├── ConnectionFailedError       no answer: no connection, or it was cut
│   ├── ConnectionTimeoutError  nothing came for `timeout` seconds
│   └── StreamBrokenError       a stream of audio ended early and could not be resumed
├── UnexpectedResponseError     the answer is not one of a gateway
├── JobFailedError, JobCancelledError, WaitTimeoutError
└── StatusError                 the gateway's own errors, a class for each status
    ├── BadRequestError 400
    ├── AuthenticationError 401
    ├── InsufficientCreditsError 402
    ├── PermissionDeniedError 403
    ├── NotFoundError 404
    ├── RequestTimeoutError 408
    ├── ConflictError 409
    ├── PreconditionFailedError 412
    ├── MediaTooLargeError 413
    ├── UriTooLongError 414
    ├── UnsupportedMediaError 415
    ├── ValidationError 422
    ├── RateLimitedError 429
    ├── HeadersTooLargeError 431
    ├── GatewayError 500
    ├── ProviderFailedError 502
    ├── ServiceUnavailableError 503
    └── ProviderTimeoutError 504
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from voxport_client.models.jobs import Job


class VoxportError(Exception):
    """Base of all errors. `code` is the kind of error, for programs, and None where no gateway answered; `request_id`
    is for questions to the operator. `idempotency_key` is that of a billed call: the same call sent with it is charged
    once, however often it is sent within 24 hours. `audio_url` is the recording or the script of that call: where a
    file was uploaded, the same call names this URL in place of the file."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        details: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.request_id = request_id
        self.details: dict[str, Any] = dict(details or {})
        self.idempotency_key = idempotency_key
        self.audio_url: str | None = None

    def __str__(self) -> str:
        named = {"request": self.request_id, "idempotency key": self.idempotency_key}
        known = ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
        return f"{self.message} ({known})" if known else self.message


class ConnectionFailedError(VoxportError):
    """No answer came, after all retries. Whether the gateway did the call is not known."""


class ConnectionTimeoutError(ConnectionFailedError):
    """The gateway sent nothing for `timeout` seconds."""


class StreamBrokenError(ConnectionFailedError):
    """A stream of audio ended early. `received_bytes` had come; what was made is charged."""

    received_bytes: int = 0


class UnexpectedResponseError(VoxportError):
    """The answer can't be read: it is not a gateway's, or that of a version that this client does not know."""


class JobFailedError(VoxportError):
    """A job failed, and cost nothing. `job` is its last state."""

    def __init__(self, job: Job, *, idempotency_key: str | None = None) -> None:
        error = job.error
        super().__init__(
            error.message if error is not None else f"Job {job.id} failed.",
            code=error.code if error is not None else None,
            request_id=error.request_id if error is not None else None,
            details=error.details if error is not None else None,
            idempotency_key=idempotency_key,
        )
        self.job = job


class JobCancelledError(VoxportError):
    """A job was cancelled, and cost nothing. `job` is its last state."""

    def __init__(self, job: Job, *, idempotency_key: str | None = None) -> None:
        super().__init__(f"Job {job.id} was cancelled.", code="job_cancelled", idempotency_key=idempotency_key)
        self.job = job


class WaitTimeoutError(VoxportError):
    """The job `job_id` had not ended after the seconds that `wait` was given. It goes on: wait for it again."""

    def __init__(self, job_id: str, seconds: float, *, idempotency_key: str | None = None) -> None:
        super().__init__(
            f"Job {job_id} had not ended after {seconds:g} s. It goes on: wait for it again, or cancel it.",
            code="wait_timeout",
            idempotency_key=idempotency_key,
        )
        self.job_id = job_id


class StatusError(VoxportError):
    """The gateway refused or failed the call. `status` is the HTTP status; `retry_after` is in seconds, or None;
    `detail` lists the mistakes of a 422; `body` is the whole answer."""

    statuses: ClassVar[dict[int, type[StatusError]]] = {}
    own_status: ClassVar[int | None] = None

    def __init_subclass__(cls, *, status: int, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.own_status = status
        StatusError.statuses[status] = cls

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        request_id: str | None = None,
        details: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        retry_after: float | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, details=details, idempotency_key=idempotency_key)
        self.status = status
        self.retry_after = retry_after
        self.body = body
        detail = body.get("detail") if isinstance(body, dict) else None
        self.detail: list[dict[str, Any]] = detail if isinstance(detail, list) else []


class BadRequestError(StatusError, status=400):
    """Such as `sample_unusable`, `audio_url_unusable`, `voice_provider_mismatch`, `provider_cannot_clone`."""


class AuthenticationError(StatusError, status=401):
    """The API key is missing, wrong or revoked."""


class InsufficientCreditsError(StatusError, status=402):
    """Nothing was queued or called."""


class PermissionDeniedError(StatusError, status=403):
    """Such as `consent_required`, `bad_signature`, `profile_suspended`, `storage_full`."""


class NotFoundError(StatusError, status=404):
    """Such as `voice_not_found`, `job_not_found`, `media_not_found`."""


class RequestTimeoutError(StatusError, status=408):
    """The body of the request did not arrive in time."""


class ConflictError(StatusError, status=409):
    """Such as `job_not_cancellable`, `already_uploaded`, `idempotency_in_flight`, `idempotency_consumed`."""


class PreconditionFailedError(StatusError, status=412):
    """The file is not the one that was asked for."""


class MediaTooLargeError(StatusError, status=413):
    """The upload or the request is too large."""


class UriTooLongError(StatusError, status=414):
    """The URL of the request is too long."""


class UnsupportedMediaError(StatusError, status=415):
    """The content type is not audio or video, or not the one that was announced."""


class ValidationError(StatusError, status=422):
    """A field of the request is wrong. `detail` says which."""


class RateLimitedError(StatusError, status=429):
    """Too many calls, or the provider is busy. `retry_after` says when to try again."""


class HeadersTooLargeError(StatusError, status=431):
    """The headers of the request are too large."""


class GatewayError(StatusError, status=500):
    """A fault of the gateway."""


class ProviderFailedError(StatusError, status=502):
    """The provider failed; nothing was charged."""


class ServiceUnavailableError(StatusError, status=503):
    """The provider, or the gateway's database or storage, is not available."""


class ProviderTimeoutError(StatusError, status=504):
    """The provider took too long."""
