"""`voxport pronunciations`."""

from __future__ import annotations

from pathlib import Path

import click

from voxport.cli.audio_output import require_writable
from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.groups import ListGroup
from voxport.cli.output import is_json, print_json, print_table, printable


@click.group(cls=ListGroup, short_help="Keep dictionaries of how words are spoken.")
def pronunciations() -> None:
    """Keep dictionaries of how words are spoken, for `voxport say --pronunciations`.

    Without a command, list them.

    \b
    Examples:
      voxport pronunciations
      voxport pronunciations import names.pls
      voxport say "Nguyen came." --pronunciations pron_abc
    """


@pronunciations.command("list", short_help="List your dictionaries.")
@gateway_options
def list_dictionaries(choice: Choice) -> None:
    """List your dictionaries, the oldest first.

    \b
    Examples:
      voxport pronunciations list
      voxport pronunciations list --json | jq -r '.[].id'
    """
    with connect(choice) as connection:
        found = connection.client.pronunciations.list()
    if is_json():
        print_json(found)
        return
    print_table(
        ("id", "name", "language", "rules", "version"),
        [(one.id, printable(one.name), one.language, str(one.rule_count), str(one.version)) for one in found],
    )


@pronunciations.command("import", short_help="Make a dictionary of a PLS file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="What you call it. Default: the file's name.")
@gateway_options
def import_dictionary(file: Path, name: str | None, choice: Choice) -> None:
    """Make a dictionary of FILE, a lexicon as PLS. Prints its id.

    \b
    Examples:
      voxport pronunciations import names.pls
      voxport pronunciations import names.pls --name "Names of book two"
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.", ExitCode.BAD_INPUT) from None
    with connect(choice) as connection:
        made = connection.client.pronunciations.import_pls(content, name=name or file.stem)
    if is_json():
        print_json(made)
    else:
        click.echo(made.id)


@pronunciations.command("export", short_help="Write a dictionary as PLS.")
@click.argument("dictionary_id", metavar="DICTIONARY")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file. Default: standard output.")
@gateway_options
def export_dictionary(dictionary_id: str, output: Path | None, choice: Choice) -> None:
    """Write DICTIONARY as PLS, to standard output or a file.

    \b
    Examples:
      voxport pronunciations export pron_abc
      voxport pronunciations export pron_abc -o names.pls
    """
    if output is not None:
        require_writable(output)
    with connect(choice) as connection:
        pls = connection.client.pronunciations.export_pls(dictionary_id)
    if output is not None:
        output.write_text(pls, encoding="utf-8")
    else:
        click.echo(pls, nl=not pls.endswith("\n"))


@pronunciations.command("delete", short_help="Delete a dictionary.")
@click.argument("dictionary_id", metavar="DICTIONARY")
@gateway_options
def delete_dictionary(dictionary_id: str, choice: Choice) -> None:
    """Delete DICTIONARY. Voices that had it by default go on without it.

    \b
    Examples:
      voxport pronunciations delete pron_abc
    """
    with connect(choice) as connection:
        deleted = connection.client.pronunciations.delete(dictionary_id)
    if is_json():
        print_json(deleted)
    else:
        click.echo(f"{deleted.id} is deleted.")
