"""The client at a gateway whose uploads and downloads go past it, to S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client_library.in_process import blocking
from tests.support.client import PUBLIC_URL, GatewayClient
from tests.support.uploads import DATA
from voxport_client import PermissionDeniedError, UploadTarget, Voxport
from voxport_client.transport.uploads import upload_source


@pytest.fixture
def client(on_s3: GatewayClient) -> Voxport:
    return blocking(on_s3)


def test_uploads_and_downloads_go_to_the_storage_itself(client: Voxport, tmp_path: Path) -> None:
    (tmp_path / "speaker.wav").write_bytes(DATA)
    target = client.media.upload(tmp_path / "speaker.wav")
    assert not target.upload_url.startswith(PUBLIC_URL)
    assert client.media.read_url(target.public_url) == DATA
    assert client.media.save(target.object_key, tmp_path / "back.wav").read_bytes() == DATA


def test_an_upload_that_the_storage_refuses_is_an_error_with_its_status(client: Voxport) -> None:
    target = client.media.upload_target(media_type="audio", filename="speaker.wav", content_type="audio/wav")
    tampered = UploadTarget(
        upload_url=target.upload_url + "0",
        object_key=target.object_key,
        expires_in=target.expires_in,
        public_url=target.public_url,
    )
    with upload_source(DATA, filename="speaker.wav") as source, pytest.raises(PermissionDeniedError) as refused:
        client._transport.upload(tampered, source, None)
    assert refused.value.status == 403
