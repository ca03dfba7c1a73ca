"""Helpers that the commands share: the data folder, settings and the gateway on them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from voxport.cli.output import printable
from voxport.env_file import distrust_of_env_file

if TYPE_CHECKING:
    from voxport.gateway import Gateway
    from voxport.settings import Settings

_WARNED = "voxport.warned"
_OTHER_VARIABLES = {
    *("VOXPORT_URL", "VOXPORT_BASE_URL", "VOXPORT_API_KEY", "VOXPORT_VOICE"),  # of commands that call a gateway
    *("VOXPORT_SPEECH_DIR", "VOXPORT_CONTRACT_DIR"),  # of the tests
}


def data_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the database and the files. Default: VOXPORT_DATA_DIR, else ./data",
    )(command)


def load_settings(data_dir: Path | None, **values: Any) -> Settings:
    """Read the settings from the environment; values from the command line take precedence. Raises pydantic's
    ValidationError."""
    _warn_unknown_variables()
    return read_settings(data_dir, **values)


def read_settings(data_dir: Path | None, **values: Any) -> Settings:
    """The same without warnings of unknown variables."""
    from voxport.settings import Settings

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


def _warn_unknown_variables() -> None:
    """Print the warnings once in a command, however often it reads the settings."""
    context = click.get_current_context(silent=True)
    if context is not None:
        if context.meta.get(_WARNED):
            return
        context.meta[_WARNED] = True
    if distrust := distrust_of_env_file():
        click.echo(f"Warning: {printable(distrust)}", err=True)
    for name in unknown_variables():
        click.echo(f"Warning: {name} is not a setting of this version; docs/settings.md lists them.", err=True)


def unknown_variables() -> list[str]:
    """Return the VOXPORT_ variables that are not settings, since a mistyped one would be ignored silently."""
    from voxport.providers.names import BUILT_IN, provider_names
    from voxport.settings import Settings

    known = {f"VOXPORT_{name.upper()}" for name in Settings.model_fields} | _OTHER_VARIABLES
    others = tuple(f"VOXPORT_{name.replace('-', '_').upper()}_" for name in provider_names() if name not in BUILT_IN)
    return [
        name
        for name in sorted(os.environ)
        if name.startswith("VOXPORT_") and name not in known and not name.startswith(others)
    ]
