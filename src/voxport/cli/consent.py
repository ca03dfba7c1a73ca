"""The question whether a voice may be cloned."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from voxport_client import Consent

QUESTION: Final = "Is this your own voice, or did the speaker agree to have it cloned?"


def consent_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--speaker", metavar="NAME", help="Who speaks in the recording, for the gateway's record of consents."
    )(command)
    return click.option(
        "--yes-i-may",
        "is_granted",
        is_flag=True,
        help="The voice is yours, or the speaker agreed. Without it you are asked, so scripts need it.",
    )(command)


def ask_consent(is_granted: bool, speaker: str | None) -> Consent:
    """Return the consent to send. Raises CommandError if there is none."""
    if not is_granted:
        if not sys.stdin.isatty():
            raise CommandError(
                "A voice is cloned only with its speaker's consent, and nobody can be asked here.",
                ExitCode.USAGE,
                "If it is your own voice, or the speaker agreed, add --yes-i-may.",
            )
        if not click.confirm(QUESTION, err=True):
            raise CommandError("Without consent the voice is not cloned.", ExitCode.BAD_INPUT, "Nothing was charged.")
        if speaker is None:
            speaker = click.prompt("The speaker's name", default="myself", err=True)
    return {"granted": True, "speaker": speaker or "not named"}
