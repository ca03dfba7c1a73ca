"""The commands of `voxport script`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from voxport.cli.api_names import with_options
from voxport.cli.audio_output import NAMES
from voxport.cli.connection import Choice, GatewayConnection, connect, gateway_options
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.options import idempotency_option
from voxport.cli.output import is_json, note, print_json, print_table, tokens, warn
from voxport.cli.recordings import is_url, require_file
from voxport.cli.script.cast_file import add_characters, read_cast, resolve_cast
from voxport.cli.script.rendering import Rendering, unknown_characters, uploaded
from voxport.cli.script.watching import stamp_of, wait_for_change
from voxport.cli.voice_names import find_voice

if TYPE_CHECKING:
    from voxport_client import ScriptFormat, Voxport

_SCRIPT_FORMATS: Final = ("lines", "csv", "jsonl", "fountain", "markdown", "epub")
_OUTPUTS: Final = ("lines", "joined", "stems", "srt", "vtt", "m4b", "epub")
_CAST: Final = Path("cast.yaml")
_sleep = time.sleep

file_argument = click.argument("source", metavar="FILE")
cast_option = click.option(
    "--cast",
    "cast_path",
    type=click.Path(path_type=Path),
    default=_CAST,
    show_default=True,
    help="Who speaks each character: `voxport script cast FILE` writes the start of one.",
)
script_format_option = click.option(
    "--script-format",
    type=click.Choice(_SCRIPT_FORMATS),
    help="How FILE is written. Default: what its name and its content say.",
)
front_matter_option = click.option(
    "--front-matter", "with_front_matter", is_flag=True, help="Also read title page, copyright and the like of an EPUB."
)


@click.group(short_help="Speak a script with a cast: dialogue, audiobooks.")
def script() -> None:
    """Speak a whole script with a cast: a game's dialogue, a play, an audiobook.

    FILE is a text (`Ana: Who is there?`), CSV, JSON Lines, Fountain, Markdown or EPUB. Rendered again with one line
    changed, one line is spoken and one is charged.

    \b
    Examples:
      voxport script cast dialogue.csv                   # writes cast.yaml: who speaks each character
      voxport script estimate dialogue.csv
      voxport script render dialogue.csv --output lines
      voxport script render book.epub --output m4b -o book
    """


@script.command("render", short_help="Speak a script, and save its files in a folder.")
@file_argument
@cast_option
@click.option(
    "-o", "--folder", type=click.Path(path_type=Path), help="Where the files go. Default: FILE's name with `-audio`."
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    type=click.Choice(_OUTPUTS),
    help="What to make; may be given several times. Default: joined.",
)
@click.option("--format", "output_format", type=click.Choice(NAMES), help="Of lines, joined and stems. Default: mp3.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="TOKENS", help="Refuse what is likely to cost more.")
@click.option("--title", help="Default: that of the script.")
@click.option("--author", help="Default: that of the script.")
@script_format_option
@front_matter_option
@click.option("--dry-run", is_flag=True, help="Only check all of it, and say what it would cost.")
@click.option("--watch", is_flag=True, help="Render again whenever FILE or the cast changes, until Ctrl-C.")
@click.option("--yes", "is_confirmed", is_flag=True, help="Don't ask before it is paid for.")
@idempotency_option
@gateway_options
def render(
    source: str,
    cast_path: Path,
    folder: Path | None,
    outputs: tuple[str, ...],
    output_format: str | None,
    max_cost: float | None,
    title: str | None,
    author: str | None,
    script_format: ScriptFormat | None,
    with_front_matter: bool,
    dry_run: bool,
    watch: bool,
    is_confirmed: bool,
    idempotency_key: str | None,
    choice: Choice,
) -> None:
    """Speak FILE, a script or an http(s) URL of one, and save its files in a folder.

    The price is shown before it is spent, and in a terminal you are asked. Files that are there already with the same
    content are left alone. Ctrl-C ends the waiting, not the job. Prints the folder.

    \b
    Examples:
      voxport script render dialogue.csv --output lines --output joined --max-cost 12.5
      voxport script render dialogue.csv --output lines --watch --yes
      voxport script render book.epub --output m4b --output epub -o book
      voxport script render dialogue.csv --dry-run
    """
    _require_source(source)
    options = {
        "script_format": script_format,
        "outputs": list(outputs) or None,
        "output_format": output_format,
        "title": title,
        "author": author,
        "with_front_matter": with_front_matter or None,
        "max_tokens_cost": max_cost,
    }
    rendering = Rendering(source, cast_path, options, folder or _default_folder(source), is_confirmed, idempotency_key)
    if watch and (is_url(source) or idempotency_key is not None or is_json()):
        raise click.UsageError("--watch is for a file, without --json and --idempotency-key.")
    rendering.require_cast()
    with connect(choice) as connection:
        once: Callable[[GatewayConnection], object] = rendering.estimate if dry_run else rendering.render
        if watch:
            _watch(connection, rendering, once)
        else:
            once(connection)


@script.command("estimate", short_help="Say what a script would cost to speak.")
@file_argument
@cast_option
@script_format_option
@front_matter_option
@gateway_options
def estimate(
    source: str, cast_path: Path, script_format: ScriptFormat | None, with_front_matter: bool, choice: Choice
) -> None:
    """Check all of FILE, and say what it would cost by character: as a rule, and at most. Free.

    \b
    Examples:
      voxport script estimate dialogue.csv
      voxport script estimate book.epub --cast book-cast.yaml --json
    """
    _require_source(source)
    options = {"script_format": script_format, "with_front_matter": with_front_matter or None}
    rendering = Rendering(source, cast_path, options, Path(), is_confirmed=True)
    rendering.require_cast()
    with connect(choice) as connection:
        rendering.estimate(connection)


@script.command("lines", short_help="List the lines of a script's job.")
@click.argument("job_id", metavar="JOB")
@gateway_options
def lines(job_id: str, choice: Choice) -> None:
    """List the lines of JOB: state, where each is heard in the joined file, length, price, and what its check found.

    \b
    Examples:
      voxport script lines JOB
      voxport script lines JOB --json
    """
    with connect(choice) as connection:
        found = list(connection.client.scripts.lines(job_id, limit=100))
    if is_json():
        print_json(found)
        return
    if not found:
        note(f"The job {job_id} is no script: it has no lines.")
    print_table(
        ("LINE", "CHARACTER", "STATE", "START", "SECONDS", "TOKENS", "FINDINGS", "TEXT"),
        [
            (
                line.id,
                line.character,
                line.state,
                "-" if line.start is None else f"{line.start:.2f}",
                "-" if line.seconds is None else f"{line.seconds:.2f}",
                tokens(line.tokens),
                str(len(line.findings) or "-"),
                " ".join(line.text.split()),
            )
            for line in found
        ],
    )


@script.command("cast", short_help="Write the start of a cast: a voice for each character.")
@file_argument
@click.option(
    "-o",
    "--output",
    "cast_path",
    type=click.Path(path_type=Path),
    default=_CAST,
    show_default=True,
    help="The cast. Characters that it has already stay as they are.",
)
@click.option("--language", metavar="CODE", help="Suggest voices of this language. Default: en-us.")
@script_format_option
@front_matter_option
@gateway_options
def cast(
    source: str,
    cast_path: Path,
    language: str | None,
    script_format: ScriptFormat | None,
    with_front_matter: bool,
    choice: Choice,
) -> None:
    """Find the characters of FILE, and write a cast with a voice for each. Free.

    A character gets the voice of its own name, else one of yours or a stock voice that nobody has yet. Change them in
    an editor. Prints the name of the cast.

    \b
    Examples:
      voxport script cast dialogue.csv
      voxport script cast theatre.fountain -o theatre.yaml --language en-gb
    """
    from voxport.scripts.script import case_warnings

    _require_source(source)
    known = read_cast(cast_path) if cast_path.exists() else {}
    with connect(choice) as connection:
        client = connection.client
        found = client.voices.overview()
        members = resolve_cast(cast_path, known, found)
        with uploaded(connection, source) as url:
            options = {"script_format": script_format, "with_front_matter": with_front_matter or None}
            unknown = _unknown(client, path=url, cast=members, **options)
    taken = {find_voice(entry.voice, found).voice_id for entry in known.values()}
    suggested = add_characters(cast_path, unknown, found.voices, language, taken) if unknown else {}
    if is_json():
        print_json({"cast": str(cast_path), "added": {name: voice.voice_id for name, voice in suggested.items()}})
        return
    for name, voice in suggested.items():
        note(f"{name}: {voice.name} ({voice.voice_id})")
    warn(case_warnings([*known, *unknown]))
    if not suggested:
        note(f"{cast_path} has all characters of {source}.")
    click.echo(str(cast_path))


def _unknown(client: Voxport, **arguments: Any) -> list[str]:
    """Return the characters of a script that its cast does not have. Raises the client's errors."""
    from voxport_client import ValidationError

    try:
        client.scripts.estimate(**arguments)
    except ValidationError as error:
        if unknown := unknown_characters(error):
            return unknown
        raise
    return []


def _watch(connection: GatewayConnection, rendering: Rendering, once: Callable[[GatewayConnection], object]) -> None:
    """Render, and again at each change. An error is shown, and the next change is waited for."""
    from voxport_client import VoxportError

    paths = [Path(rendering.source), rendering.cast_path]
    while True:
        stamp = stamp_of(paths)
        try:
            once(connection)
        except CommandError as error:
            error.show()
        except VoxportError as error:
            note(f"Error: {with_options(error.message)}")
        note(f"Waiting for a change of {paths[0]} or {paths[1]}. Ctrl-C ends it.")
        try:
            wait_for_change(paths, stamp, sleep=_sleep)
        except KeyboardInterrupt:
            note("\nNo longer watching. No job of this command is under way.")
            raise


def _require_source(source: str) -> None:
    if not is_url(source):
        require_file(source, "Name a script or a book in it.", "There is nothing to speak.")


def _default_folder(source: str) -> Path:
    name = Path(urlsplit(source).path).stem if is_url(source) else Path(source).stem
    if not name:
        raise CommandError(f"{source} has no name for a folder.", ExitCode.USAGE, "Name a folder with -o.")
    return Path(f"{name}-audio")
