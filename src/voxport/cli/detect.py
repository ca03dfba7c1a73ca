"""`voxport detect`."""

from __future__ import annotations

import click

from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.output import is_json, print_json
from voxport.cli.recordings import require_recording, upload


@click.command(short_help="Say whether audio was made by a Voxport.")
@click.argument("recording")
@gateway_options
def detect(recording: str, choice: Choice) -> None:
    """Say whether the local engine of a Voxport made RECORDING, by the inaudible mark that it leaves. Free.

    Speech of hosted providers carries no such mark, and in a clip of about a second it may not be found.

    \b
    Examples:
      voxport detect heard.mp3
      voxport detect heard.mp3 --json | jq .watermarked
    """
    require_recording(recording)
    with connect(choice) as connection:
        found = connection.client.watermark.detect(upload(connection, recording))
    if is_json():
        print_json(found)
    else:
        said = "was made by a Voxport" if found.watermarked else "carries no mark of a Voxport"
        click.echo(f"{recording} {said} (confidence {found.confidence:.2f}).")
