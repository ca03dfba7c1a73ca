"""A backup is complete or absent, corruption is detected, and a restore needs an empty target."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.postgres import PROGRAMS, Postgres
from voxport.backup import database, service
from voxport.backup.manifest import BackupError
from voxport.backup.referenced_files import ReferencedFiles
from voxport.billing.held_calls import BilledCall
from voxport.billing.verify import verify
from voxport.storage.local import LocalStorage


def taken(client: GatewayClient, folder: Path) -> Path:
    service.create_backup(client.gateway.settings, folder)
    return folder


def dump_of(backup: Path) -> Path:
    """The dump of the database in a backup, whatever its kind."""
    (dump,) = backup.glob("database.*")
    return dump


@pytest.fixture
def client(make_gateway: MakeGateway) -> GatewayClient:
    return open_client(make_gateway())


def test_a_backup_becomes_the_same_gateway(client: GatewayClient, tmp_path: Path, make_gateway: MakeGateway) -> None:
    slot = client.upload(b"RIFF" * 100)
    backup = taken(client, tmp_path / "backup")
    assert service.verify_backup(backup) == []
    assert backup.stat().st_mode & 0o077 == 0
    settings = settings_for(tmp_path / "restored")
    service.restore_backup(settings, backup)
    again = make_gateway(data_dir=settings.data_dir)
    assert again.accounts.authenticate(client.key).profile_id == client.profile_id
    assert again.storage.read(slot["object_key"]) == b"RIFF" * 100
    assert again.billing.read_funds(client.profile_id).balance == 100_000_000
    assert verify(again.database) == []
    assert again.audit.verify() is None
    assert (settings.data_dir / "secret.key").stat().st_mode & 0o077 == 0


def test_a_file_that_is_deleted_while_the_backup_runs_is_in_it(
    client: GatewayClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer's deletion does not wait for the backup, and the restored gateway has the file."""
    gateway = client.gateway
    slot = client.upload(b"to be deleted")
    real = database.dump

    def taken_and_then(url: str, target: Path) -> ReferencedFiles:
        files = real(url, target)
        gateway.media.remove(slot["object_key"])
        assert gateway.storage.size(slot["object_key"]) is None
        return files

    monkeypatch.setattr(database, "dump", taken_and_then)
    summary = service.create_backup(gateway.settings, tmp_path / "backup")
    assert summary.missing == []
    assert (tmp_path / "backup" / "files" / slot["object_key"]).read_bytes() == b"to be deleted"
    assert list(gateway.storage.list()) == []
    assert not (gateway.settings.data_dir / "files" / ".kept").exists()


def test_a_deletion_that_was_under_way_is_ended_by_the_restore(
    client: GatewayClient, tmp_path: Path, make_gateway: MakeGateway
) -> None:
    slot = client.upload()
    assert len(client.get("/v1/media").json()["data"]) == 1  # a gateway on S3 knows of it from this look
    client.gateway.storage.delete(slot["object_key"])  # as in the middle of a deletion: the row remains
    summary = service.create_backup(client.gateway.settings, tmp_path / "backup")
    assert summary.missing == [slot["object_key"]]
    settings = settings_for(tmp_path / "restored")
    service.restore_backup(settings, tmp_path / "backup")
    assert make_gateway(data_dir=settings.data_dir).media.totals(client.profile_id) == {}


def test_a_call_that_was_being_served_is_given_back_by_the_restore(
    client: GatewayClient, tmp_path: Path, make_gateway: MakeGateway
) -> None:
    call = BilledCall(client.profile_id, "core-tts", "req_under_way")
    with client.gateway.held_calls.hold(call, units=Decimal(100)):
        backup = taken(client, tmp_path / "backup")
    settings = settings_for(tmp_path / "restored")
    service.restore_backup(settings, backup)
    again = make_gateway(data_dir=settings.data_dir)
    assert again.reconciliation.verify() == []
    assert again.billing.open_holds(client.profile_id) == 0
    assert again.billing.read_funds(client.profile_id).balance == 100_000_000


def test_what_a_backup_that_was_killed_put_aside_is_swept(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put("uploads/a/b", b"x")
    with storage.hold_deletions():
        storage.delete("uploads/a/b")
        assert storage.size("uploads/a/b") is None
        assert storage.open("uploads/a/b").read() == b"x"
        storage.sweep_abandoned()
        assert storage.open("uploads/a/b").read() == b"x"
    (tmp_path / ".kept" / "uploads").mkdir(parents=True)
    (tmp_path / ".kept" / "uploads" / "c").write_bytes(b"x")
    storage.sweep_abandoned()
    assert not (tmp_path / ".kept").exists()


def test_a_backup_begins_when_the_deletions_that_are_under_way_have_ended(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    order: list[str] = []
    inside = threading.Event()

    def hold() -> None:
        with LocalStorage(tmp_path).hold_deletions():
            order.append("backup")

    with storage._deletion_lock.deletion() as is_deferred:
        assert not is_deferred
        backup = threading.Thread(target=hold)
        backup.start()
        inside.wait(0.2)
        order.append("deletion")
    backup.join(10)
    assert order == ["deletion", "backup"]


def test_files_that_no_row_names_and_no_open_job_needs_stay_behind(client: GatewayClient, tmp_path: Path) -> None:
    storage = client.gateway.storage
    for key in ("samples/nobody/sample.flac", "voices/nobody/local.voice", "jobs/nobody/000000.part", "audio/tts/a/b"):
        storage.put(key, b"x")
    storage.put("answers/of/another/room", b"y")
    backup = taken(client, tmp_path / "backup")
    found = {path.relative_to(backup).as_posix() for path in backup.rglob("*") if path.is_file()}
    dump = dump_of(backup).name
    assert found == {"manifest.json", dump, "secret.key", "files/answers/of/another/room"}


@pytest.mark.parametrize("damage", ["changed", "removed", "added", "database"])
def test_a_spoilt_backup_is_found_and_not_restored(client: GatewayClient, tmp_path: Path, damage: str) -> None:
    key = client.upload(b"RIFF" * 100)["object_key"]
    backup = taken(client, tmp_path / "backup")
    file = dump_of(backup) if damage == "database" else backup / f"files/{key}"
    if damage == "removed":
        file.unlink()
    elif damage == "added":
        (backup / "files" / "more").write_bytes(b"x")
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"!")
    (problem,) = service.verify_backup(backup)
    assert ("more" if damage == "added" else file.name) in problem
    with pytest.raises(BackupError, match="not whole"):
        service.restore_backup(settings_for(tmp_path / "restored"), backup)
    assert not (tmp_path / "restored").exists()


def test_nothing_is_overwritten(client: GatewayClient, tmp_path: Path) -> None:
    backup = taken(client, tmp_path / "backup")
    with pytest.raises(BackupError, match="there already"):
        service.create_backup(client.gateway.settings, backup)
    with pytest.raises(BackupError, match="not empty"):
        service.restore_backup(client.gateway.settings, backup)
    full = tmp_path / "full"
    LocalStorage(full).put("a/b", b"x")
    with pytest.raises(BackupError, match="storage is not empty"):
        service.restore_backup(settings_for(tmp_path / "new", storage_url=full.as_uri()), backup)
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(BackupError, match="database is not empty"):
        service.restore_backup(
            settings_for(tmp_path / "new", database_url=client.gateway.database.url)
            if not client.gateway.database.is_sqlite
            else settings_for(tmp_path / "new", database_url=f"sqlite:///{other}"),
            backup,
        )
    assert not (tmp_path / "new" / "secret.key").exists()


def test_a_backup_needs_a_gateway_and_a_restore_a_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no gateway"):
        service.create_backup(settings_for(tmp_path / "nothing"), tmp_path / "backup")
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(BackupError, match="holds no backup"):
        service.restore_backup(settings_for(tmp_path / "new"), tmp_path)


def test_two_backups_at_once_are_one_too_many(
    client: GatewayClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.storage.deletion_lock._TIMEOUT_SECONDS", 0.1)
    with client.gateway.storage.hold_deletions(), pytest.raises(BackupError, match="Another backup"):
        service.create_backup(client.gateway.settings, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    taken(client, tmp_path / "backup")


def test_a_secret_that_is_a_setting_is_not_in_the_backup_and_must_be_the_same(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    client = open_client(make_gateway(secret_key="s" * 32))
    backup = taken(client, tmp_path / "backup")
    assert "s" * 32 not in "".join(path.read_text("latin-1") for path in backup.iterdir() if path.is_file())
    with pytest.raises(BackupError, match="VOXPORT_SECRET_KEY: set the same one"):
        service.restore_backup(settings_for(tmp_path / "new"), backup)
    with pytest.raises(BackupError, match="not the secret of this backup"):
        service.restore_backup(settings_for(tmp_path / "new", secret_key="t" * 32), backup)
    settings = settings_for(tmp_path / "new", secret_key="s" * 32)
    service.restore_backup(settings, backup)
    again = make_gateway(data_dir=settings.data_dir, secret_key="s" * 32)
    assert again.accounts.authenticate(client.key).profile_id == client.profile_id


def test_a_backup_of_postgres_becomes_the_same_gateway(
    make_gateway: MakeGateway, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_client(make_gateway(database_url=postgres.new_database()))
    key = client.upload(b"RIFF" * 100)["object_key"]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="pg_dump is not on PATH"):
        service.create_backup(client.gateway.settings, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    monkeypatch.setenv("PATH", str(PROGRAMS))
    with client.gateway.held_calls.hold(BilledCall(client.profile_id, "core-tts", "req_1"), units=Decimal(100)):
        backup = taken(client, tmp_path / "backup")
    assert json.loads((backup / "manifest.json").read_text())["database"] == "postgresql"
    with pytest.raises(BackupError, match="another kind"):
        service.restore_backup(settings_for(tmp_path / "new", database_url=f"sqlite:///{tmp_path}/new.db"), backup)
    with pytest.raises(BackupError, match="database is not empty"):
        service.restore_backup(settings_for(tmp_path / "new", database_url=client.gateway.database.url), backup)
    settings = settings_for(tmp_path / "new", database_url=postgres.new_database())
    service.restore_backup(settings, backup)
    again = make_gateway(data_dir=settings.data_dir, database_url=settings.database_url)
    assert again.accounts.authenticate(client.key).profile_id == client.profile_id
    assert again.storage.read(key) == b"RIFF" * 100
    assert again.billing.open_holds(client.profile_id) == 0, "the process of the call is not taken for alive"
    assert verify(again.database) == []
    assert again.audit.verify() is None
    shutil.rmtree(backup)
