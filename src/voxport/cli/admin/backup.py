"""`voxport admin backup` and `voxport admin restore`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from voxport.cli.common import data_dir_option, load_settings
from voxport.cli.output import printable


@click.command(short_help="Take a backup while the gateway serves.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--verify", "only_verify", is_flag=True, help="Prove a backup that is there, and take none.")
@data_dir_option
def backup(folder: Path, only_verify: bool, data_dir: Path | None) -> None:
    """Take a backup to a new FOLDER while the gateway serves: database, files and secret as of one moment.

    The folder has its name only when the backup is whole. It holds the secret behind API keys: keep it as safe as the
    gateway itself.

    \b
    Examples:
      voxport admin backup /backups/today
      voxport admin backup /backups/today --verify
    """
    from voxport.backup import service

    if only_verify:
        problems = service.verify_backup(folder)
        for problem in problems:
            click.echo(printable(problem))
        if problems:
            sys.exit(1)
        click.echo("backup whole")
        return
    summary = service.create_backup(load_settings(data_dir), folder)
    click.echo(f"{folder}: {summary.files} files, {summary.bytes:,} bytes")
    for key in summary.missing:
        click.echo(f"was being deleted, and is not in it: {key}", err=True)


@click.command(short_help="Make the gateway of a backup again, in a new data folder.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@data_dir_option
def restore(folder: Path, data_dir: Path | None) -> None:
    """Make the gateway of the backup in FOLDER again, in a new data folder (and an empty database). Its jobs go on
    when `voxport serve` starts.

    \b
    Examples:
      voxport admin restore /backups/today --data-dir /srv/voxport
    """
    from voxport.backup import service

    summary = service.restore_backup(load_settings(data_dir), folder)
    click.echo(f"restored {summary.files} files, {summary.bytes:,} bytes")
