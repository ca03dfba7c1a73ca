"""Creates, verifies and restores backups."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import voxport
from voxport.backup import database
from voxport.backup.manifest import BackupError, Manifest, copy_file, find_differences, fsync_path, read_manifest
from voxport.backup.referenced_files import REFERENCED_FOLDERS, ReferencedFiles
from voxport.clock import iso, now
from voxport.gateway import open_gateway
from voxport.secret import Secret, load_secret
from voxport.settings import Settings
from voxport.storage.base import Storage
from voxport.storage.config import open_storage
from voxport.storage.deletion_lock import BackupRunning

_SECRET = "secret.key"  # noqa: S105  # a file's name


@dataclass(frozen=True)
class BackupSummary:
    """Size of a backup. `missing` are the keys of files that the database references but that were being deleted."""

    files: int
    bytes: int
    missing: list[str]


def create_backup(settings: Settings, target: Path) -> BackupSummary:
    """Write a backup to a new folder, which is renamed to `target` once it is complete. Raises BackupError."""
    url = settings.resolved_database_url
    if target.exists():
        raise BackupError(f"{target} is there already. Give the name of a new folder.")
    if not database.exists(url):
        raise BackupError("There is no gateway to take a backup of: its database is not there.")
    secret = load_secret(settings)
    storage = open_storage(settings.storage)
    folder = target.with_name(f".{target.name}.partial")
    shutil.rmtree(folder, ignore_errors=True)  # left by a backup that was killed
    folder.mkdir(parents=True, mode=0o700)
    try:
        with storage.hold_deletions():
            manifest = _collect(settings, secret, storage, folder)
    except BackupRunning:
        raise BackupError("Another backup of this gateway is being taken. Wait for its end.") from None
    manifest.write(folder)
    _fsync_folders(folder)
    folder.rename(target)
    fsync_path(target.parent.resolve())
    return _summary(manifest)


def verify_backup(folder: Path) -> list[str]:
    """Return the problems of a backup, one sentence each; an empty list means none. Raises BackupError."""
    manifest = read_manifest(folder)
    problems = find_differences(folder, manifest)
    problem = (
        None if problems else database.find_problem(manifest.database, folder / database.DUMP_NAMES[manifest.database])
    )
    return problems if problem is None else [problem]


def restore_backup(settings: Settings, folder: Path) -> BackupSummary:
    """Restore a backup into an empty database, storage and data folder. Raises BackupError."""
    manifest = read_manifest(folder)
    problems = verify_backup(folder)
    if problems:
        raise BackupError("The backup is not whole, and nothing was restored:\n" + "\n".join(problems[:20]))
    _require_secret(settings, manifest)
    _require_empty(settings, manifest)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _SECRET in manifest.files and settings.secret_key is None:
        with (folder / _SECRET).open("rb") as file:
            copy_file(file, settings.data_dir / _SECRET)
        (settings.data_dir / _SECRET).chmod(0o600)
    storage = open_storage(settings.storage)
    for name in manifest.files:
        if name.startswith("files/"):
            with (folder / name).open("rb") as file, storage.create(name.removeprefix("files/")) as upload:
                shutil.copyfileobj(file, upload)
                upload.commit()
    # Restored last, so that the database never exists without its files.
    database.restore(settings.resolved_database_url, folder / database.DUMP_NAMES[manifest.database])
    gateway = open_gateway(settings)
    try:
        for key in manifest.missing:
            gateway.media.remove(key)
        # Calls that were in progress at the time of the backup are over. Releasing their holds now makes the ledger
        # consistent before the first start.
        gateway.provider_calls.release_dead_owners()
    finally:
        gateway.close()
    return _summary(manifest)


def _collect(settings: Settings, secret: Secret, storage: Storage, folder: Path) -> Manifest:
    url = settings.resolved_database_url
    kind = database.kind_of(url)
    manifest = Manifest(
        voxport=voxport.__version__,
        taken_at=iso(now()),
        database=kind,
        secret_check=_secret_check(secret),
    )
    referenced = database.dump(url, folder / database.DUMP_NAMES[kind])
    manifest.add_existing(folder, database.DUMP_NAMES[kind])
    if settings.secret_key is None:
        with (settings.data_dir / _SECRET).open("rb") as file:
            manifest.add(folder, _SECRET, file)
        (folder / _SECRET).chmod(0o600)
    for key in _storage_keys(referenced, storage):
        try:
            with storage.open(key) as file:
                manifest.add(folder, f"files/{key}", file)
        except FileNotFoundError:
            manifest.missing.append(key)
    return manifest


def _storage_keys(referenced: ReferencedFiles, storage: Storage) -> list[str]:
    keys, expected = set(referenced.keys), set(referenced.expected)
    for job in referenced.folders:
        keys.update(storage.list(job))
    keys.update(key for key in storage.list() if key in expected or key.split("/")[0] not in REFERENCED_FOLDERS)
    return sorted(keys)


def _require_empty(settings: Settings, manifest: Manifest) -> None:
    url = settings.resolved_database_url
    if database.kind_of(url) != manifest.database:
        raise BackupError(f"The backup is of {manifest.database}; VOXPORT_DATABASE_URL names another kind of database.")
    if settings.data_dir.exists() and any(settings.data_dir.iterdir()):
        raise BackupError(f"{settings.data_dir} is not empty. A backup is restored to a new folder only.")
    if database.exists(url):
        raise BackupError("The database is not empty. A backup is restored to an empty one only.")
    if any(open_storage(settings.storage).list()):  # checked last, because it creates the folder
        raise BackupError("The storage is not empty. A backup is restored to an empty one only.")


def _require_secret(settings: Settings, manifest: Manifest) -> None:
    if settings.secret_key is not None:
        if _secret_check(load_secret(settings)) != manifest.secret_check:
            raise BackupError("VOXPORT_SECRET_KEY is not the secret of this backup: no API key would work.")
    elif _SECRET not in manifest.files:
        raise BackupError("The gateway had its secret from VOXPORT_SECRET_KEY: set the same one, and run this again.")


def _summary(manifest: Manifest) -> BackupSummary:
    sizes = [one["bytes"] for one in manifest.files.values()]
    return BackupSummary(len(sizes), sum(sizes), manifest.missing)


def _secret_check(secret: Secret) -> str:
    return secret.key_for("backup").hex()[:16]


def _fsync_folders(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            fsync_path(path)
