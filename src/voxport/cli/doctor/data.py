"""Checks of the settings, the data folder, the database and the storage. Nothing is created or migrated."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voxport.cli.common import read_settings, unknown_variables
from voxport.cli.doctor.findings import CheckResult, failed, ok, warning
from voxport.cli.groups import setting_error
from voxport.env_file import ENV_FILE, distrust_of_env_file

if TYPE_CHECKING:
    from voxport.settings import Settings

_GIB: Final = 1024**3
_MIN_FREE: Final = _GIB // 2
_FEW_FREE: Final = 5 * _GIB


def check_settings(data_dir: Path | None, found: list[Settings]) -> Iterator[CheckResult]:
    """Read the settings, and append them to `found` if they are valid."""
    from pydantic import ValidationError

    for name in unknown_variables():
        yield warning("settings", f"{name} is not a setting of this version", "docs/settings.md lists them.")
    env_file = Path(ENV_FILE)
    source = f"the environment and {env_file.absolute()}" if env_file.exists() else "the environment; there is no .env"
    if distrust := distrust_of_env_file():
        source = "the environment"
        yield warning("settings", distrust, "A .env has to be yours (or root's), and writable by nobody else.")
    try:
        found.append(read_settings(data_dir))
    except ValidationError as error:
        for one in error.errors():
            yield failed(
                "settings", setting_error(tuple(one["loc"]), one["msg"]), f"Change it in {source}; docs/settings.md."
            )
    except (OSError, ValueError) as error:
        yield failed("settings", f"{env_file.absolute()} can't be read: {error}", "It has to be a UTF-8 text file.")
    else:
        yield ok("settings", f"valid, from {source}")


def check_folder(settings: Settings) -> Iterator[CheckResult]:
    folder = settings.data_dir.absolute()
    other = "Name another folder with --data-dir or VOXPORT_DATA_DIR, or give this one to the user who runs voxport."
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        if not existing.is_dir():
            raise NotADirectoryError(20, f"{existing} is a file")
        with tempfile.TemporaryFile(dir=existing):
            pass
        free = shutil.disk_usage(existing).free
    except OSError as error:
        yield failed("data folder", f"{folder} can't be written: {error.strerror}", other)
        return
    if folder.exists():
        yield ok("data folder", str(folder))
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o077:
            yield warning(
                "data folder",
                f"other users of the machine may look into it (mode {mode:o}): it holds recordings and the secret",
                f"chmod 700 {folder}",
            )
    else:
        yield ok("data folder", f"{folder} is not there yet; `voxport serve` makes it")
    if free < _MIN_FREE:
        yield failed("disk", f"{free / _GIB:.1f} GB are free", "Free some, or move the data folder.")
    elif free < _FEW_FREE:
        yield warning("disk", f"{free / _GIB:.1f} GB are free", "Watch it: docs/operating.md has an alert.")
    else:
        yield ok("disk", f"{free / _GIB:.0f} GB are free")


def check_database(settings: Settings) -> Iterator[CheckResult]:
    is_own = settings.database_url is None
    if is_own and not (settings.data_dir / "voxport.db").exists():
        yield ok("database", "none yet; `voxport serve` makes it")
        return
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from voxport.db.session import Database

    advice = (
        "Is the file damaged? docs/operating.md explains how to restore a backup."
        if is_own
        else "Is VOXPORT_DATABASE_URL right, does the server run, and may this machine and user connect?"
    )
    try:
        database = Database(settings.resolved_database_url)
    except ModuleNotFoundError as error:
        yield failed("database", f"the driver {error.name} is not installed", "pip install 'voxport[postgres]'")
        return
    except (ValueError, ArgumentError) as error:
        yield failed("database", str(error), advice)
        return
    try:
        yield from _schema(database)
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        yield failed("database", f"it can't be reached: {reason}", advice)
    except OSError as error:
        yield failed("database", f"it can't be opened: {error.strerror}", advice)
    finally:
        database.close()


def check_storage(settings: Settings) -> Iterator[CheckResult]:
    from urllib.parse import urlsplit

    from voxport.storage.base import StorageError
    from voxport.storage.config import open_storage

    if settings.storage_url is None and not settings.data_dir.exists():
        return
    parts = urlsplit(settings.storage.url)
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    advice = "docs/storage.md has the settings of S3, and what its key must be allowed."
    try:
        storage = open_storage(settings.storage)
        storage.check()
    except (StorageError, ModuleNotFoundError) as error:
        yield failed("storage", str(error), advice)
    except OSError as error:
        yield failed("storage", f"{shown} can't be written: {error.strerror or error}", advice)
    else:
        yield ok("storage", shown)


def _schema(database: object) -> Iterator[CheckResult]:
    from voxport.db.session import Database
    from voxport.migrations.migrate import newest_revision, stored_revision

    assert isinstance(database, Database)
    stored, newest = stored_revision(database), newest_revision()
    kind = "SQLite" if database.is_sqlite else "Postgres"
    if stored is None:
        yield ok("database", f"{kind}, empty; `voxport serve` makes its tables")
    elif stored < newest:
        yield warning(
            "database",
            f"{kind}, with the tables of an older version ({stored} of {newest})",
            "Take a backup; the next `voxport serve` brings them up to date.",
        )
    elif stored > newest:
        yield warning(
            "database",
            f"{kind}, with the tables of a newer version ({stored}; this one knows {newest})",
            "Install the newer version here too.",
        )
    else:
        yield ok("database", f"{kind}, tables at {stored}")
