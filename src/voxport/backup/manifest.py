"""The manifest of a backup: its files with their sizes and SHA-256 digests."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

FORMAT: Final = 1
NAME: Final = "manifest.json"
_CHUNK: Final = 1 << 20


class BackupError(Exception):
    """A backup can't be taken, or is damaged. The message is for the operator."""


@dataclass
class Manifest:
    """The contents of `manifest.json`. `database` is `sqlite` or `postgresql`. `secret_check` is derived from the
    secret (which is in the backup unless it is a setting), to detect a restore with another one. `missing` are the keys
    of files that were being deleted."""

    voxport: str
    taken_at: str
    database: str
    secret_check: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    format: int = FORMAT

    def add(self, folder: Path, name: str, source: BinaryIO) -> None:
        """Copy a file into the backup."""
        size, digest = copy_file(source, folder / name)
        self.files[name] = {"bytes": size, "sha256": digest}

    def add_existing(self, folder: Path, name: str) -> None:
        """Add a file that is already in the backup folder."""
        size, digest = size_and_digest(folder / name)
        self.files[name] = {"bytes": size, "sha256": digest}

    def write(self, folder: Path) -> None:
        path = folder / NAME
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")
        fsync_path(path)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest. Raises BackupError if it is missing, unreadable, or of another format."""
    try:
        manifest = Manifest(**json.loads((folder / NAME).read_text("utf-8")))
    except FileNotFoundError:
        raise BackupError(f"{folder} holds no backup: {NAME} is missing.") from None
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"{folder / NAME} can't be read: {error}") from None
    if manifest.format != FORMAT:
        raise BackupError(f"The backup has the format {manifest.format}; this version reads {FORMAT}.")
    return manifest


def find_differences(folder: Path, manifest: Manifest) -> list[str]:
    """Return the differences between the folder and the manifest, one sentence each."""
    problems = []
    for name, expected in manifest.files.items():
        try:
            size, digest = size_and_digest(folder / name)
        except FileNotFoundError:
            problems.append(f"{name} is missing")
            continue
        if (size, digest) != (expected["bytes"], expected["sha256"]):
            problems.append(f"{name} was changed: it is not what the manifest says")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return problems + [f"{name} is not in the manifest" for name in sorted(there - set(manifest.files) - {NAME})]


def copy_file(source: BinaryIO, target: Path) -> tuple[int, str]:
    """Copy to a new file and fsync it. Returns its size in bytes and its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size, digest = 0, hashlib.sha256()
    with target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def size_and_digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def fsync_path(path: Path) -> None:
    """Fsync a file, or the entries of a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
