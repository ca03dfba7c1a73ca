"""`voxport.client` at a gateway whose uploads go past it, to S3."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.support.client import GatewayClient
from tests.support.uploads import DATA
from voxport.client import CallFailed, Client


@pytest.fixture
def client(on_s3: GatewayClient) -> Client:
    client = Client("https://voices.example.com", on_s3.key)
    client.http.close()
    client.http = on_s3.http
    client.http.headers["Authorization"] = f"Bearer {on_s3.key}"
    return client


def test_the_client_uploads_to_the_storage_itself(client: Client, tmp_path: Path) -> None:
    (tmp_path / "speaker.wav").write_bytes(DATA)
    url = client.upload(tmp_path / "speaker.wav")
    assert httpx2.get(url).content == DATA


def test_an_upload_that_the_storage_refuses_is_a_failed_call(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "speaker.wav").write_bytes(DATA)
    call = client.call

    def tamper(method: str, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
        answer = call(method, path, body)
        answer["data"]["upload_url"] += "0"
        return answer

    monkeypatch.setattr(client, "call", tamper)
    with pytest.raises(CallFailed) as refused:
        client.upload(tmp_path / "speaker.wav")
    assert refused.value.status == 403
