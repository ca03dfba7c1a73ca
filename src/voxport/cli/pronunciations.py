"""`voxport pronunciations`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.cli.audio_output import require_writable
from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.groups import ListGroup
from voxport.cli.output import is_json, note, print_json, print_table, printable

if TYPE_CHECKING:
    from voxport_client import DictionarySummary


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
@click.option(
    "--replace",
    "is_replacing",
    is_flag=True,
    help="Replace your dictionary of that name. It keeps its id, where it is used.",
)
@gateway_options
def import_dictionary(file: Path, name: str | None, is_replacing: bool, choice: Choice) -> None:
    """Make a dictionary of FILE, a lexicon as PLS. Prints its id.

    \b
    Examples:
      voxport pronunciations import names.pls
      voxport pronunciations import names.pls --replace        # after a change of the file
      voxport pronunciations import names.pls --name "Names of book two"
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.", ExitCode.BAD_INPUT) from None
    name = name or file.stem
    with connect(choice) as connection:
        dictionaries = connection.client.pronunciations
        same = [one for one in dictionaries.list() if one.name == name]
        _require_unambiguous(name, same, is_replacing=is_replacing)
        if same:
            made = dictionaries.replace_by_pls(same[0].id, content, name=name)
            note(f"{name} is replaced: version {made.version}.")
        else:
            made = dictionaries.import_pls(content, name=name)
    if is_json():
        print_json(made)
    else:
        click.echo(made.id)


def _require_unambiguous(name: str, same: Sequence[DictionarySummary], *, is_replacing: bool) -> None:
    """Raises CommandError if the name is taken and nothing is to be replaced, or if several dictionaries have it."""
    ids = ", ".join(one.id for one in same)
    if same and not is_replacing:
        raise CommandError(
            f"You have a dictionary {name} already: {ids}.",
            ExitCode.BAD_INPUT,
            "Replace it with --replace, or give this one another name with --name.",
        )
    if len(same) > 1:
        raise CommandError(
            f"You have {len(same)} dictionaries {name}: {ids}.",
            ExitCode.BAD_INPUT,
            "Delete those that you do not use with `voxport pronunciations delete`.",
        )


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
        rules = connection.client.pronunciations.get(dictionary_id).rules
    ignoring = sum(not rule.case_sensitive for rule in rules)
    if ignoring:
        note(f"{ignoring} of {len(rules)} rules ignore case, which PLS can't say. Imported again, they won't.")
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
