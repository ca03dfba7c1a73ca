"""`voxport admin database`: moving the data to another kind of database, and back to an older version."""

from __future__ import annotations

import time
from pathlib import Path

import click

from voxport.cli.common import data_dir_option, load_settings, require_gateway

_SHOW_SECONDS = 5.0


@click.group()
def database() -> None:
    """The gateway's database itself.

    \b
    Examples:
      voxport admin database downgrade 0008
    """


@database.command("move", short_help="Move all data to another database, while the gateway is stopped.")
@click.argument("source")
@click.argument("target")
def move(source: str, target: str) -> None:
    """Move all data from SOURCE to TARGET, two database URLs, while the gateway is stopped.

    \b
    Examples:
      voxport admin database move sqlite:////srv/voxport/voxport.db postgresql://voxport@db.internal/voxport

    TARGET has to be empty. Everything is moved or nothing: each table is read back and compared before the end, and the
    ledger is verified. A SQLite file is renamed afterwards, and kept. A password is best in PGPASSWORD or ~/.pgpass.
    """
    from sqlalchemy import make_url

    from voxport.migrations.move.service import move_database

    summary = move_database(source, target, on_progress=_Progress())
    if summary.was_done:
        click.echo("An earlier move had copied everything: the target has exactly the rows of the source.")
    click.echo(
        f"Moved {summary.tables} tables with {summary.rows:,} rows. Each was read back: the number of rows is the "
        "same, and so is the SHA-256 over them."
    )
    if summary.problems:
        click.echo(
            f"The ledger had {len(summary.problems)} problems and has the same ones now: voxport admin ledger verify"
        )
    else:
        click.echo("The ledger is clean.")
    if summary.kept_as is not None:
        click.echo(f"The old database is kept as {summary.kept_as}; delete it when you need it no more.")
    shown = make_url(target).render_as_string(hide_password=True)
    click.echo(f"Next: set VOXPORT_DATABASE_URL={shown} for every process.")
    click.echo("Then start the gateway. Open jobs go on.")


@database.command("downgrade", short_help="Take the tables back, before an older Voxport is installed.")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
def downgrade(revision: str, yes: bool, data_dir: Path | None) -> None:
    """Take the tables back to REVISION, such as 0008, before an older Voxport is installed again.

    Stop the gateway, and take a backup first: what only newer versions store is lost.

    \b
    Examples:
      voxport admin database downgrade 0008
    """
    from voxport.db.session import Database
    from voxport.migrations.migrate import downgrade as downgrade_tables
    from voxport.migrations.migrate import stored_revision

    settings = load_settings(data_dir)
    require_gateway(settings)
    opened = Database(settings.resolved_database_url)
    try:
        stored = stored_revision(opened)
        if not yes:
            click.confirm(f"The database is at {stored}. Go back to {revision}, and lose what came since?", abort=True)
        downgrade_tables(opened, revision)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    finally:
        opened.close()
    click.echo(f"The database is at {revision}.")


class _Progress:
    """Prints a line for each table, and every five seconds within one."""

    def __init__(self) -> None:
        self._table = ""
        self._shown_at = 0.0

    def __call__(self, table: str, done: int, total: int) -> None:
        now = time.monotonic()
        if table == self._table and now < self._shown_at + _SHOW_SECONDS:
            return
        self._table, self._shown_at = table, now
        click.echo(f"{done:,} of {total:,} rows, {table}", err=True)
