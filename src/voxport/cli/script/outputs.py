"""Puts the files of a script into a folder, and leaves those alone that are there already."""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from voxport_client import Voxport

_DOWNLOADS: Final = 8


@dataclass(frozen=True)
class Saved:
    """Names of files in the folder: those that are new or changed, those that were the same, and those of lines or
    characters that the script no longer has."""

    changed: list[str]
    unchanged: list[str]
    stale: list[str]


def prepare_folder(folder: Path) -> None:
    """Make the folder, and prove that files can be written there. Raises CommandError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"{folder} can't be written: {reason}.", ExitCode.BAD_INPUT) from None


def save_outputs(client: Voxport, job_id: str, files: Mapping[str, str | None], folder: Path) -> Saved:
    """Download files, given as keys with their URLs. A file whose bytes are there already keeps its time, so that what
    builds on it sees only changes. Raises the client's errors, CommandError."""
    from voxport_client import PermissionDeniedError

    names = {_name(key, job_id): key for key in files}
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".voxport-") as parts:

            def save(numbered: tuple[int, str]) -> bool:
                number, name = numbered
                part = Path(parts) / str(number)
                key, url = names[name], files[names[name]]
                try:
                    client.media.save(key, part) if url is None else client.media.save_url(url, part)
                except PermissionDeniedError:  # the URL has expired
                    client.media.save(key, part)
                return _replace(part, folder / name)

            with ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="download") as pool:
                is_changed = dict(zip(names, pool.map(save, enumerate(names)), strict=True))
    except OSError as error:
        raise CommandError(f"{folder} can't be written: {error.strerror or error}.", ExitCode.BAD_INPUT) from None
    return Saved(
        [one for one in names if is_changed[one]],
        [one for one in names if not is_changed[one]],
        _stale(folder, names),
    )


def _stale(folder: Path, names: Collection[str]) -> list[str]:
    """Return the files beside those in subfolders, which hold nothing else: of lines, or of characters."""
    subfolders = {PurePosixPath(name).parent for name in names} - {PurePosixPath(".")}
    found = (path for subfolder in subfolders for path in (folder / subfolder).iterdir() if path.is_file())
    return sorted({path.relative_to(folder).as_posix() for path in found} - {*names})


def _replace(part: Path, target: Path) -> bool:
    """Move a file to its place, unless that has the same bytes. Returns whether it was moved."""
    if target.is_file() and filecmp.cmp(part, target, shallow=False):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    return True


def _name(key: str, job_id: str) -> str:
    """Return the name of a file in the folder: what follows the job's id in its key. Raises CommandError for a key that
    would lead out of the folder."""
    _, found, rest = key.partition(f"/{job_id}/")
    name = PurePosixPath(rest if found else PurePosixPath(key).name)
    if not name.parts or name.is_absolute() or "\\" in str(name) or any(part in ("..", ".") for part in name.parts):
        raise CommandError(f"The gateway names a file {key!r}, which has no place in a folder.", ExitCode.OTHER)
    return str(name)
