"""Uploads and downloads: read in chunks, to signed URLs without a key, and complete or not there."""

from __future__ import annotations

import asyncio
import io
import os
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.client_library.in_process import blocking, for_asyncio
from tests.client_library.scripted import SPOKEN, Script, ok, refused
from tests.support.client import GatewayClient
from voxport_client import (
    ConnectionFailedError,
    MediaTooLargeError,
    NotFoundError,
    PermissionDeniedError,
    UploadTarget,
    Voxport,
)
from voxport_client.transport.uploads import CHUNK_BYTES, upload_source

STORAGE = "http://storage.test"
TARGET = {
    "upload_url": f"{STORAGE}/put?sig=1",
    "object_key": "k",
    "expires_in": 9,
    "public_url": f"{STORAGE}/get?sig=2",
}
DATA = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def voxport(client: GatewayClient) -> Voxport:
    return blocking(client)


def test_a_file_arrives_whole_with_progress(voxport: Voxport, tmp_path: Path) -> None:
    (tmp_path / "me.wav").write_bytes(DATA)
    seen: list[tuple[int, int]] = []
    target = voxport.media.upload(tmp_path / "me.wav", on_progress=lambda *at: seen.append(at))
    assert seen == [(done, len(DATA)) for done in range(0, len(DATA) + 1, CHUNK_BYTES)]
    assert voxport.media.read_url(target.public_url) == DATA
    file = next(iter(voxport.media.list(kind="upload")))
    assert (file.key, file.size_bytes, file.content_type) == (target.object_key, len(DATA), "audio/wav")
    assert voxport.media.save(file.key, tmp_path / "back.wav").read_bytes() == DATA


@pytest.mark.parametrize(
    ("source", "announced"),
    [
        (b"RIFF", {"media_type": "audio", "filename": "recording", "content_type": "application/octet-stream"}),
        (
            io.BytesIO(b"RIFF"),
            {"media_type": "audio", "filename": "recording", "content_type": "application/octet-stream"},
        ),
        (Path("Me.MP4"), {"media_type": "video", "filename": "Me.MP4", "content_type": "video/mp4"}),
        ("a b.ogg", {"media_type": "audio", "filename": "a b.ogg", "content_type": "audio/ogg"}),
        ("book.EPUB", {"media_type": "document", "filename": "book.EPUB", "content_type": "application/epub+zip"}),
        ("talk", {"media_type": "audio", "filename": "talk", "content_type": "application/octet-stream"}),
    ],
)
def test_a_source_is_announced_by_its_name(
    source: Any, announced: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(source, str | Path):
        Path(source).write_bytes(b"RIFF")
    with upload_source(source) as found:
        assert (found.media_type, found.filename, found.content_type) == tuple(announced.values())
        assert found.size == 4
        assert b"".join(found.chunks()) == b"".join(found.chunks()) == b"RIFF"


def test_a_pipe_is_read_once_and_may_be_sent_twice() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"RIFF from a pipe")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe, upload_source(pipe) as found:
        assert found.size == 16
        assert [b"".join(found.chunks()) for _ in range(2)] == [b"RIFF from a pipe"] * 2


def test_an_open_file_is_sent_from_where_it_stands() -> None:
    file = io.BytesIO(b"headRIFF")
    file.seek(4)
    with upload_source(file, filename="me.wav") as found:
        assert found.size == 4
        assert [b"".join(found.chunks()) for _ in range(2)] == [b"RIFF"] * 2


def test_a_file_that_grows_is_sent_with_the_size_that_was_announced(tmp_path: Path) -> None:
    path = tmp_path / "me.wav"
    path.write_bytes(b"RIFF")
    with upload_source(path) as found:
        path.write_bytes(b"RIFF and more")
        assert b"".join(found.chunks()) == b"RIFF"


@pytest.mark.parametrize("source", [io.StringIO("text"), 7, None])
def test_what_can_not_be_read_is_refused(source: Any) -> None:
    with pytest.raises(TypeError):
        Script([]).client().media.upload(source)


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Script([]).client().voices.clone(tmp_path / "nothing.wav")


def test_the_signed_url_gets_the_file_without_the_key() -> None:
    script = Script([ok({"data": TARGET}), httpx2.Response(503), httpx2.Response(200)])
    script.client().media.upload(b"RIFF", filename="me.wav")
    announced, *puts = script.requests
    assert announced.headers["Authorization"] == "Bearer vxp_secret"
    for put in puts:
        assert str(put.url) == TARGET["upload_url"]
        assert "Authorization" not in put.headers
        assert put.headers["Content-Type"] == "audio/wav"
        assert put.headers["Content-Length"] == "4"
        assert "Transfer-Encoding" not in put.headers
        assert put.content == b"RIFF"


def test_a_storage_that_refuses_is_named_with_its_code() -> None:
    xml = "<Error><Code>SignatureDoesNotMatch</Code><Message>…</Message></Error>"
    script = Script([ok({"data": TARGET}), httpx2.Response(403, text=xml)])
    with pytest.raises(PermissionDeniedError, match="SignatureDoesNotMatch") as raised:
        script.client().media.upload(b"RIFF")
    assert raised.value.code == "SignatureDoesNotMatch"


def test_a_refused_upload_is_the_gateways_error() -> None:
    with pytest.raises(MediaTooLargeError):
        Script([refused(413, "media_too_large")]).client().voices.clone(b"RIFF")


def test_a_put_whose_answer_was_lost_is_done() -> None:
    script = Script([ok({"data": TARGET}), httpx2.ReadError("reset"), refused(409, "already_uploaded")])
    assert script.client().media.upload(b"RIFF").object_key == "k"


def test_a_download_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    script = Script([httpx2.ReadError("reset")] * 2)
    with pytest.raises(ConnectionFailedError):
        script.client(max_retries=1).media.save_url(f"{STORAGE}/f", tmp_path / "a.mp3")
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "a.mp3").write_bytes(b"old")
    script = Script([refused(404, "media_not_found")])
    with pytest.raises(NotFoundError):
        script.client().media.save_url(f"{STORAGE}/f", tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes() == b"old"
    assert len([*tmp_path.iterdir()]) == 1


def test_a_moved_file_is_followed_without_the_key() -> None:
    script = Script(
        [httpx2.Response(307, headers={"Location": f"{STORAGE}/moved"}), httpx2.Response(200, content=b"x")]
    )
    assert script.client().media.read_url("http://gateway.test/v1/blobs/f?signature=1") == b"x"
    assert all("Authorization" not in request.headers for request in script.requests)


def test_speech_whose_url_has_expired_is_read_by_a_fresh_one(tmp_path: Path) -> None:
    fresh = {"key": "k", "kind": "speech", "content_type": "audio/mpeg", "size_bytes": 1, "expires_in": 9}
    fresh |= {"created_at": "2026-04-27T10:30:00Z", "url": f"{STORAGE}/fresh"}
    expired = refused(403, "bad_signature")
    script = Script([ok(SPOKEN), expired, ok({"data": fresh}), httpx2.Response(200, content=b"audio")])
    speech = script.client().speak("Hello.", "v")
    assert speech.save(tmp_path / "a.mp3").read_bytes() == b"audio"


def test_a_file_that_becomes_shorter_is_not_sent_again_and_again(voxport: Voxport, tmp_path: Path) -> None:
    path = tmp_path / "me.wav"
    path.write_bytes(DATA)

    def cut(sent: int, _: int) -> None:
        if sent:
            path.write_bytes(b"")
            seen.append(sent)

    seen: list[int] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(OSError, match="become shorter"),
    ):
        target = UploadTarget(
            upload_url=f"http://127.0.0.1:{listener.getsockname()[1]}/", object_key="k", expires_in=9, public_url="x"
        )
        with upload_source(path) as source:
            voxport._transport.upload(target, source, cut)
    assert len(seen) == 1


def test_the_asyncio_client_sends_and_gets_the_same(client: GatewayClient, tmp_path: Path) -> None:
    (tmp_path / "me.wav").write_bytes(DATA)
    seen: list[tuple[int, int]] = []

    async def run() -> None:
        voxport = for_asyncio(client)
        target = await voxport.media.upload(tmp_path / "me.wav", on_progress=lambda *at: seen.append(at))
        assert await voxport.media.read(target.object_key) == DATA
        assert (await voxport.media.save(target.object_key, tmp_path / "back.wav")).read_bytes() == DATA

    asyncio.run(run())
    assert seen == [(done, len(DATA)) for done in range(0, len(DATA) + 1, CHUNK_BYTES)]
