"""The root of the commands, with help in sections, old names that go on working and errors as sentences; and the group
that lists by default."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

from voxport.cli.exit_codes import ExitCode
from voxport.cli.output import printable
from voxport.errors import VoxportError


class RootGroup(click.Group):
    """`sections` lists the commands of the help page under titles; `moved` are commands under the names that they had
    before, with the path at which they are now."""

    def __init__(
        self,
        *args: Any,
        sections: Mapping[str, Sequence[str]],
        moved: Mapping[str, tuple[str, click.Command]],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._sections = sections
        self._moved = moved

    def main(self, *args: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, ValueError):  # a stream that is no text file, or is closed
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that is not UTF-8
        return super().main(*args, **options)

    def invoke(self, context: click.Context) -> object:
        """Report expected errors as a sentence on standard error, without a traceback."""
        try:
            result = super().invoke(context)
            sys.stdout.flush()
            return result
        except VoxportError as error:
            _fail(error.message)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            click.echo(err=True)
            sys.exit(ExitCode.INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                _leave_closed_output()
            message = _operator_message(error)
            if message is None:
                raise
            _fail(message)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in self._moved:
            name, (path, command) = args[0], self._moved[args[0]]
            if not context.resilient_parsing:
                hint_moved(name, path)
            return name, command, args[1:]
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=70)) for name in names])


class ListGroup(click.Group):
    """Runs its command `list` where no other follows, so that `voxport jobs --json` works."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        is_option = bool(args) and args[0].startswith("-") and args[0] not in context.help_option_names
        if (is_option or not args) and not context.resilient_parsing:
            args = ["list", *args]
        return super().parse_args(context, args)


def hint_moved(name: str, path: str) -> None:
    click.echo(f"`voxport {name}` is now `voxport {path}`. The old name goes on working.", err=True)


def _leave_closed_output() -> NoReturn:
    """End as a Unix program does whose reader has gone. Python would report the failing flush at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    sys.exit(ExitCode.CLOSED_OUTPUT)


def _operator_message(error: Exception) -> str | None:
    """Return the message of an error for the operator, or None for a bug. The imports are local, since these modules
    load the gateway, which `--help` doesn't need."""
    from pydantic import ValidationError

    from voxport.backup.manifest import BackupError
    from voxport.gateway import ConfigError
    from voxport.migrations.move.exclusive import MoveError
    from voxport.storage.base import StorageError, StorageUnavailable

    if isinstance(error, ConfigError | BackupError | MoveError | StorageError):
        return str(error)
    if isinstance(error, StorageUnavailable):
        return f"The storage does not answer as it should: {error.strerror}"
    if isinstance(error, ValidationError):
        return "\n".join(setting_error(tuple(one["loc"]), one["msg"]) for one in error.errors())
    return None


def setting_error(location: tuple[int | str, ...], message: str) -> str:
    """A sentence on a setting whose value pydantic refuses."""
    message = message.removeprefix("Value error, ")
    name = f"VOXPORT_{str(location[0]).upper()}" if location else ""
    return message if message.startswith(name) else f"{name}: {message}"


def _fail(message: str) -> NoReturn:
    click.echo(f"Error: {printable(message)}", err=True)
    sys.exit(ExitCode.OTHER)
