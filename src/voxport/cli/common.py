"""Helpers that the commands share: the data folder, settings, the gateway, and tables."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from voxport.gateway import Gateway
    from voxport.settings import Settings

_TEST_VARIABLES = {"VOXPORT_SPEECH_DIR", "VOXPORT_CONTRACT_DIR"}


def data_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the database and the files. Default: VOXPORT_DATA_DIR, else ./data",
    )(command)


def load_settings(data_dir: Path | None, **values: Any) -> Settings:
    """Read the settings from the environment; values from the command line take precedence."""
    from voxport.settings import Settings

    _warn_unknown_variables()
    given = {name: value for name, value in values.items() if value is not None}
    if data_dir is not None:
        given["data_dir"] = data_dir
    return Settings(**given)


def require_gateway(settings: Settings) -> None:
    """Raises ClickException if there is no gateway's data: only `serve`, `demo` and `restore` create it."""
    own = settings.data_dir / "voxport.db"
    wanted = own if settings.database_url is None else settings.data_dir
    if not wanted.exists():
        raise click.ClickException(
            f"There is no gateway's data here: {wanted.absolute()} is not there. Name its folder with --data-dir or "
            "VOXPORT_DATA_DIR, or make one with voxport serve."
        )


@contextlib.contextmanager
def command_gateway(data_dir: Path | None) -> Iterator[Gateway]:
    from voxport.gateway import open_gateway

    settings = load_settings(data_dir)
    require_gateway(settings)
    gateway = open_gateway(settings)
    try:
        yield gateway
    finally:
        gateway.close()


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as their widest cell. Nothing is cut, coloured or wrapped, in a terminal or a pipe."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _warn_unknown_variables() -> None:
    """Warn about VOXPORT_ variables that are not settings, since a mistyped one would be ignored silently."""
    from voxport.providers.names import BUILT_IN, provider_names
    from voxport.settings import Settings

    known = {f"VOXPORT_{name.upper()}" for name in Settings.model_fields}
    others = tuple(f"VOXPORT_{name.replace('-', '_').upper()}_" for name in provider_names() if name not in BUILT_IN)
    for name in sorted(os.environ):
        if name.startswith("VOXPORT_") and name not in known | _TEST_VARIABLES and not name.startswith(others):
            click.echo(f"Warning: {name} is not a setting of this version; docs/settings.md lists them.", err=True)
