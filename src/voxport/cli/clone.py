"""`voxport clone`."""

from __future__ import annotations

import shlex
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from voxport.cli.connection import Choice, GatewayConnection, connect, gateway_options
from voxport.cli.consent import ask_consent, consent_options
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.options import idempotency_option, provider_option
from voxport.cli.output import is_json, note, print_json, printable, tokens, warn
from voxport.cli.recordings import require_recording, upload
from voxport.cli.voice_names import note_taken, remember
from voxport.cli.waiting import note_queued, wait_for

if TYPE_CHECKING:
    from voxport_client import CheckedSample, ClonedVoice, ProviderChoice

_SERVICE: Final = "core-voice-clone"


@click.command(short_help="Make a voice from a recording or a video.")
@click.argument("recording")
@click.option("--name", help="What to call the voice. Default: the name of the file.")
@click.option("--description", help="A note on the voice.")
@provider_option
@consent_options
@click.option("--no-check", is_flag=True, help="Do not measure the recording first.")
@click.option("--no-wait", is_flag=True, help="Queue the job, print its id, and end.")
@idempotency_option
@gateway_options
def clone(
    recording: str,
    name: str | None,
    description: str | None,
    provider: ProviderChoice | None,
    is_granted: bool,
    speaker: str | None,
    no_check: bool,
    no_wait: bool,
    idempotency_key: str | None,
    choice: Choice,
) -> None:
    """Make a voice of your own from RECORDING: audio, a video, or an http(s) URL.

    30 seconds or more of clear speech of one person are best; under 3 seconds are refused. The recording is uploaded
    and measured for free before the clone is paid for. What fails costs nothing. Prints the voice's id.

    \b
    Examples:
      voxport clone me.mp4 --name Ana
      voxport clone me.wav --name Ana --yes-i-may --no-wait       # in a script
      voxport say "Good morning." --voice Ana                     # afterwards
    """
    require_recording(recording)
    consent = ask_consent(is_granted, speaker)
    name = name or (Path(recording.partition("?")[0]).stem or None)
    with connect(choice) as connection:
        client = connection.client
        price = _require_credits(connection)
        is_taken = name is not None and note_taken(name, client.voices.list(cloned=True))
        url = upload(connection, recording)
        if not no_check:
            _show_sample(client.voices.check_sample(url), price)
        pending = client.voices.clone(
            url,
            name=name,
            description=description,
            provider=provider,
            consent=consent,
            idempotency_key=idempotency_key,
        )
        if no_wait:
            note("The clone is queued.")
            note_queued(connection, pending.id)
            _print({"job_id": pending.id}, pending.id)
            return
        voice = wait_for(connection, pending, "Cloning")
        _show_voice(connection, voice, None if is_taken else voice.name, pending.get().token_cost, pending.id)


def _require_credits(connection: GatewayConnection) -> Decimal:
    """Return the price. Raises CommandError before anything is uploaded if it can't be paid."""
    client = connection.client
    price = next((one.unit_price for one in client.catalog().services if one.service == _SERVICE), Decimal(0))
    balance = client.billing.balance().balance
    if balance < price:
        raise CommandError(
            f"A clone costs {tokens(price)} tokens, and the balance is {tokens(balance)}.",
            ExitCode.NO_CREDITS,
            "Ask the operator of the gateway for more; on its machine: voxport admin credits add PROFILE 10",
        )
    return price


def _show_sample(sample: CheckedSample, price: Decimal) -> None:
    """Show what was measured, and ask whether to go on with a poor recording."""
    note(f"The recording: {sample.summary}")
    warn(sample.warnings)
    for advice in sample.advice:
        note(f"Advice: {advice}")
    if (
        sample.verdict == "poor"
        and sys.stdin.isatty()
        and not click.confirm(f"Clone it all the same, for {tokens(price)} tokens?", err=True)
    ):
        raise CommandError("The recording was not cloned.", ExitCode.CANCELLED, "Nothing was charged.")


def _show_voice(
    connection: GatewayConnection, voice: ClonedVoice, name: str | None, cost: Decimal, job_id: str
) -> None:
    balance = connection.client.billing.balance().balance
    remember(connection.client.voices.list())
    warn(voice.warnings)
    note(
        f"{voice.name or voice.voice_id} is ready at {voice.provider}. It cost {tokens(cost)} tokens; "
        f"{tokens(balance)} are left."
    )
    spoken_name = shlex.quote(name or voice.voice_id)
    note(f'Next: voxport say "This is my cloned voice." --voice {spoken_name}{connection.choice}')
    _print({"voice": voice, "job_id": job_id, "tokens": cost, "balance": balance}, voice.voice_id)


def _print(value: object, plain: str) -> None:
    if is_json():
        print_json(value)
    else:
        click.echo(printable(plain))
