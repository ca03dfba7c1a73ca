"""Errors of the commands: a sentence, the next step, and an exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Final

import click

from voxport.cli.api_names import with_options
from voxport.cli.exit_codes import ExitCode
from voxport.cli.output import printable
from voxport.urls import without_secrets

if TYPE_CHECKING:
    from voxport_client import StatusError, VoxportError

KEY_VARIABLE: Final = "VOXPORT_API_KEY"
_BY_STATUS: Final = {
    **dict.fromkeys((400, 408, 412, 413, 414, 415, 422, 431), ExitCode.BAD_INPUT),
    **dict.fromkeys((401, 403), ExitCode.BAD_KEY),
    402: ExitCode.NO_CREDITS,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.BUSY,
    429: ExitCode.BUSY,
    **dict.fromkeys((502, 503, 504), ExitCode.UNREACHABLE),
}
_BY_CODE: Final = {
    **dict.fromkeys(
        ("consent_required", "refused_by_moderation", "storage_full", "bad_signature", "sample_unusable"),
        ExitCode.BAD_INPUT,
    ),
    **dict.fromkeys(("audio_url_unusable", "bad_request", "validation_failed"), ExitCode.BAD_INPUT),
    **dict.fromkeys(("provider_cannot_clone", "voice_provider_mismatch"), ExitCode.BAD_INPUT),
    **dict.fromkeys(("voice_in_mixes", "too_many_mixes", "voice_not_clonable"), ExitCode.BAD_INPUT),
    "insufficient_credits": ExitCode.NO_CREDITS,
    **dict.fromkeys(("voice_not_found", "media_not_found", "job_not_found"), ExitCode.NOT_FOUND),
    **dict.fromkeys(("provider_busy", "rate_limited"), ExitCode.BUSY),
    **dict.fromkeys(("provider_failed", "provider_unavailable", "provider_timeout"), ExitCode.UNREACHABLE),
    **dict.fromkeys(("temporarily_unavailable", "storage_unavailable", "job_timeout"), ExitCode.UNREACHABLE),
    "moderation_unavailable": ExitCode.UNREACHABLE,
}
"""These say more than the status; a job that failed has only its code."""


class CommandError(click.ClickException):
    """An expected error. `hint` says what to do next."""

    def __init__(self, message: str, exit_code: ExitCode, hint: str | None = None) -> None:
        super().__init__(message)
        setattr(self, "exit_code", int(exit_code))  # noqa: B010  # typed as a class variable by click
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {printable(self.message)}", err=True)
        if self.hint:
            click.echo(printable(self.hint), err=True)


@contextlib.contextmanager
def client_errors(url: str, key_source: str) -> Iterator[None]:
    """Convert the errors of a client that calls `url` with a key from `key_source`, such as `VOXPORT_API_KEY`."""
    from voxport_client import VoxportError

    try:
        yield
    except VoxportError as error:
        raise _command_error(error, without_secrets(url), key_source) from error


def _command_error(error: VoxportError, url: str, key_source: str) -> CommandError:
    from voxport_client import (
        ConnectionFailedError,
        JobCancelledError,
        StatusError,
        StreamBrokenError,
        UnexpectedResponseError,
        WaitTimeoutError,
    )

    message = with_options(error.message)
    if isinstance(error, StreamBrokenError):
        return CommandError(message, ExitCode.UNREACHABLE, "With -o FILE a lost connection is made up for.")
    if isinstance(error, ConnectionFailedError):
        return CommandError(f"{url}: {message}", ExitCode.UNREACHABLE, _hint_after_lost_answer(error))
    if isinstance(error, UnexpectedResponseError):
        return CommandError(
            f"What answers at {url} is not a Voxport gateway of a known version: {message}",
            ExitCode.UNREACHABLE,
            "Is the address right? `voxport doctor` checks it.",
        )
    if isinstance(error, JobCancelledError | WaitTimeoutError):
        return CommandError(message, ExitCode.CANCELLED)
    if not isinstance(error, StatusError):
        return CommandError(_with_request(error), _BY_CODE.get(error.code or "", ExitCode.OTHER))
    code = _BY_CODE.get(error.code or "") or _BY_STATUS.get(error.status, ExitCode.OTHER)
    return CommandError(_with_request(error), code, _hint(error, url, key_source))


def _hint(error: StatusError, url: str, key_source: str) -> str | None:
    if error.status == 401:
        return f"The key is that of {key_source}. {another_key(url, key_source)}"
    if error.status == 429 and error.retry_after is not None:
        return f"Try again in {error.retry_after:.0f} s."
    if error.status == 403 and error.code == "profile_suspended":
        return "Ask the operator of the gateway."
    if error.status >= 500:
        return "Nothing was charged. Try again; on the gateway's own machine `voxport doctor` looks for the cause."
    return None


def another_key(url: str, key_source: str) -> str:
    """Say how to use another key in place of that of `key_source`."""
    url = without_secrets(url)
    if key_source == KEY_VARIABLE:
        return f"Set {KEY_VARIABLE} to another one, or unset it and store one with `voxport login {url}`."
    return f"`voxport login {url}` checks another one and stores it."


def _hint_after_lost_answer(error: VoxportError) -> str:
    if error.idempotency_key is None:
        return "Does it run, and is the address right? `voxport doctor` checks both; `voxport serve` starts a gateway."
    file = f", with {error.audio_url} in place of the file" if error.audio_url else ""
    return (
        "It is not known whether the call was done. Run the same command again with "
        f"--idempotency-key {error.idempotency_key}{file}: it is charged once."
    )


def _with_request(error: VoxportError) -> str:
    message = with_options(error.message)
    return f"{message} ({error.request_id})" if error.request_id else message
