"""The `voxport` command: serving, the operator's commands for profiles, money and records, and a demo."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

import voxport
from voxport.cli import (
    accounts,
    backup,
    database,
    demo,
    intents,
    money,
    records,
    serve,
    storage_move,
    studio,
    sweeps,
    usage,
    webhooks,
)
from voxport.errors import VoxportError


class VoxportGroup(click.Group):
    """Reports expected errors as one sentence on standard error with exit code 1, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except VoxportError as error:
            _fail(error.message)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            message = _operator_message(error)
            if message is None:
                raise
            _fail(message)


@click.group(cls=VoxportGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(voxport.__version__, prog_name="voxport")
def main() -> None:
    """A self-hosted gateway for cloned voices.

    \b
    Five minutes to a first voice:
      voxport demo                      clone a voice and hear it, start to end
      voxport serve                     start the gateway; prints an API key the first time
      voxport studio                    clone and speak in the browser, signed in
      open http://127.0.0.1:8000/docs   try every call in the browser

    Settings are VOXPORT_… environment variables or a .env file; docs/settings.md lists them.
    """


main.add_command(serve.serve)
main.add_command(serve.worker)
main.add_command(studio.studio)
main.add_command(accounts.profiles)
main.add_command(accounts.keys)
main.add_command(money.credits)
main.add_command(money.ledger)
main.add_command(usage.usage_command)
main.add_command(intents.intents)
main.add_command(sweeps.sweeps)
main.add_command(webhooks.webhooks)
main.add_command(records.audit)
main.add_command(records.consents)
main.add_command(backup.backup)
main.add_command(backup.restore)
main.add_command(storage_move.storage)
main.add_command(database.database)
main.add_command(demo.demo)


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
        return "\n".join(_setting_error(tuple(one["loc"]), one["msg"]) for one in error.errors())
    return None


def _setting_error(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"VOXPORT_{str(location[0]).upper()}: {message}" if location else message


def _fail(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)
