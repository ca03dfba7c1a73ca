"""Scripts and books as uploads: what is taken, how it is served, and that a document is no recording."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.uploads import MiB
from voxport.catalog import load_catalog

TYPES = {
    "book.epub": "application/epub+zip",
    "script.txt": "text/plain",
    "script.md": "text/markdown; charset=utf-8",
    "lines.csv": "text/csv",
    "lines.jsonl": "application/jsonl",
    "lines.ndjson": "application/x-ndjson",
    "lines.json": "application/json",
    "play.fountain": "application/octet-stream",
}
PAGE = b"<script>alert(1)</script>"


@pytest.mark.parametrize("filename", TYPES)
def test_a_document_is_stored_and_served_so_that_no_browser_runs_it(client: GatewayClient, filename: str) -> None:
    slot = client.upload_slot(media_type="document", filename=filename, content_type=TYPES[filename])
    assert f"/{client.profile_id}/document/" in slot["object_key"]
    assert slot["object_key"].endswith(f"/{filename}")
    assert client.put(slot["upload_url"], PAGE, TYPES[filename]).status_code == 200
    read = client.http.get(slot["public_url"])
    assert read.content == PAGE
    assert read.headers["Content-Type"].split(";")[0] == TYPES[filename].split(";")[0]
    assert read.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.folder_only("the headers are the gateway's own")
def test_a_document_is_sandboxed(client: GatewayClient) -> None:
    slot = client.upload_slot(media_type="document", filename="a.txt", content_type="text/plain")
    client.put(slot["upload_url"], PAGE, "text/plain")
    headers = client.http.get(slot["public_url"]).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("document", "text/html"),
        ("document", "image/svg+xml"),
        ("document", "application/xhtml+xml"),
        ("document", "application/javascript"),
        ("document", "application/zip"),
        ("document", "application/ogg"),
        ("document", "audio/wav"),
        ("document", "text/*"),
        ("document", "text"),
        ("audio", "text/plain"),
        ("video", "application/epub+zip"),
        ("audio", "application/json"),
    ],
)
def test_another_type_is_415(client: GatewayClient, media_type: str, content_type: str) -> None:
    answer = client.request_upload(media_type=media_type, filename="a", content_type=content_type)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media"


def test_a_document_has_a_limit_of_its_own(client: GatewayClient) -> None:
    kind: dict[str, Any] = {"media_type": "document", "content_type": "application/epub+zip"}
    assert client.request_upload(**kind, size_bytes=100 * MiB).status_code == 200
    answer = client.request_upload(**kind, size_bytes=100 * MiB + 1)
    assert answer.status_code == 413
    assert error_of(answer)["details"] == {"max_bytes": 100 * MiB}
    assert "speech" not in error_of(answer)["message"]


def test_a_catalogue_from_before_that_limit_has_it_by_default() -> None:
    limits = load_catalog().limits
    older = limits.model_dump(exclude={"upload_document_bytes"})
    assert type(limits).model_validate(older) == limits


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/proxy/core-voice-clone", {}),
        ("/v1/proxy/core-instant-clone-tts", {"text": "Hello."}),
        ("/v1/samples/check", {}),
        ("/v1/watermark/detect", {}),
    ],
)
def test_a_document_is_no_recording(client: GatewayClient, path: str, more: dict[str, str]) -> None:
    slot = client.upload_slot(media_type="document", filename="a.bin", content_type="application/octet-stream")
    client.put(slot["upload_url"], b"RIFF and so on", "application/octet-stream")
    answer = client.post(path, {"audioUrl": slot["public_url"], **more})
    assert answer.status_code == 400, answer.text
    assert error_of(answer)["code"] == "audio_url_unusable"
    assert "is a document" in error_of(answer)["message"]
    assert client.balance()["held"] == 0
