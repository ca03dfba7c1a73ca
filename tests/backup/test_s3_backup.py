"""A backup of a gateway on S3 holds its files, is restored to either storage, and holds deletions while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import with_fake_provider
from tests.support.s3 import S3Server
from voxport.backup import database, service
from voxport.backup.manifest import BackupError
from voxport.backup.referenced_files import ReferencedFiles
from voxport.billing.verify import verify
from voxport.settings import Settings

DATA = b"RIFF" * 100
S3_SETTINGS = ("s3_endpoint_url", "s3_region", "s3_access_key_id", "s3_secret_access_key")


@pytest.fixture
def client(make_gateway: MakeGateway, s3: S3Server) -> GatewayClient:
    return open_client(with_fake_provider(make_gateway, **s3.new_storage()).gateway)


@pytest.mark.parametrize("to_s3", [True, False])
def test_a_backup_of_s3_becomes_the_same_gateway_on_either_storage(
    client: GatewayClient, s3: S3Server, tmp_path: Path, make_gateway: MakeGateway, to_s3: bool
) -> None:
    slot, unseen = client.upload(DATA), client.upload(DATA)
    client.get(f"/v1/media/{slot['object_key']}")
    spoken = client.post("/v1/proxy/core-tts", {"text": "Hello there.", "voice_id": "hum"}).json()["data"]
    files = {key: client.gateway.storage.read(key) for key in client.gateway.storage.list()}
    assert set(files) == {slot["object_key"], unseen["object_key"], spoken["key"]}
    summary = service.create_backup(client.gateway.settings, tmp_path / "backup")
    assert summary.missing == []
    assert service.verify_backup(tmp_path / "backup") == []
    options: dict[str, Any] = s3.new_storage() if to_s3 else {}
    settings = settings_for(tmp_path / "restored", **options)
    service.restore_backup(settings, tmp_path / "backup")
    again = make_gateway(data_dir=settings.data_dir, **options)
    assert {key: again.storage.read(key) for key in again.storage.list()} == files
    for key in (slot["object_key"], unseen["object_key"]):
        again.media.require_uploaded(client.profile_id, key)
    assert verify(again.database) == []
    with pytest.raises(BackupError, match="storage is not empty"):
        service.restore_backup(settings_for(tmp_path / "third", **settings_of(settings)), tmp_path / "backup")


def settings_of(settings: Settings) -> dict[str, Any]:
    """The settings of the same storage."""
    return {"storage_url": settings.storage.url, **{name: getattr(settings, name) for name in S3_SETTINGS}}


def test_a_file_on_s3_that_is_deleted_while_the_backup_runs_is_in_it(
    client: GatewayClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = client.gateway
    slot = client.upload(DATA)
    client.get(f"/v1/media/{slot['object_key']}")
    real = database.dump

    def taken_and_then(url: str, target: Path) -> ReferencedFiles:
        files = real(url, target)
        gateway.media.remove(slot["object_key"])
        assert gateway.storage.size(slot["object_key"]) is None
        return files

    monkeypatch.setattr(database, "dump", taken_and_then)
    assert service.create_backup(gateway.settings, tmp_path / "backup").missing == []
    assert (tmp_path / "backup" / "files" / slot["object_key"]).read_bytes() == DATA
    assert list(gateway.storage.list()) == []
