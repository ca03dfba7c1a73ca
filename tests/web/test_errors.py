"""All errors have one shape, and every response has a request id."""

from __future__ import annotations

import asyncio
import errno
import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of
from voxport.web import health
from voxport.web.health import Readiness

WAV = {"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav"}
REQUEST_ID = re.compile(r"req_[0-9a-z]{20}")


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/proxy", "/v1/proxy/core-sts", "/v3/jobs", "/v2/jobs/x/y/z", "/../etc/passwd", "/%00", "/%ff%fe"],
)
def test_an_unknown_path_is_404_in_the_one_shape(client: GatewayClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/proxy/core-tts", "POST"),
        ("DELETE", "/v1/proxy/core-voice-clone", "POST"),
        ("POST", "/v2/jobs", "GET, HEAD"),
        ("PUT", "/v2/billing/balance", "GET, HEAD"),
        ("POST", "/v1/blobs/a/b", "GET, HEAD, PUT"),
        ("TRACE", "/v2/jobs", "GET, HEAD"),
        ("BREW", "/v2/jobs", "GET, HEAD"),
        ("POST", "/v2/billing/alert", "DELETE, GET, HEAD, PUT"),
    ],
)
def test_a_wrong_method_is_405_in_the_one_shape(client: GatewayClient, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert error_of(answer)["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/v2/billing/balance", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/healthz", 405),
        ("POST", "/v1/proxy/core-tts", 422),
        ("PUT", "/v1/blobs/a/b", 403),
        ("GET", "/v1/voices/nobody", 404),
        ("POST", "/v2/jobs/none/cancel", 404),
    ],
)
def test_every_response_has_an_id_of_its_own(client: GatewayClient, method: str, path: str, status: int) -> None:
    ids = set()
    for _ in range(2):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert REQUEST_ID.fullmatch(answer.headers["X-Gateway-Request-ID"])
        ids.add(answer.headers["X-Gateway-Request-ID"])
    assert len(ids) == 2


def test_a_client_does_not_choose_the_request_id(client: GatewayClient) -> None:
    answer = client.get("/healthz", headers={"X-Gateway-Request-ID": "req_chosen"})
    assert REQUEST_ID.fullmatch(answer.headers["X-Gateway-Request-ID"])


def test_a_failure_of_our_own_has_the_one_shape_and_an_id_and_no_inner_detail(
    make_client: MakeClient,
) -> None:
    client = make_client()
    with client.gateway.database.transaction() as tx:
        tx.execute(text("ALTER TABLE balances RENAME TO gone"))
    answer = client.get("/v2/billing/balance")
    assert answer.status_code == 500
    assert error_of(answer)["code"] == "internal_error"
    for secret in ("balances", "sqlite", "SELECT", "Traceback", str(client.gateway.settings.data_dir)):
        assert secret not in answer.text


@pytest.mark.folder_only("errors of a disk")
def test_a_disk_that_is_full_is_503_and_says_when_to_try_again(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = make_client()
    slot = client.post("/v1/proxy/upload-media", json=WAV).json()["data"]

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    with monkeypatch.context() as patched:
        patched.setattr("voxport.storage.local.os.fsync", fsync)
        answer = client.http.put(slot["upload_url"], content=b"RIFF", headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "storage_unavailable"
    assert answer.headers["Retry-After"] == "10"
    assert str(tmp_path) not in answer.text
    again = client.http.put(slot["upload_url"], content=b"RIFF", headers={"Content-Type": "audio/wav"})
    assert again.status_code == 200, "nothing was kept of the first, and the URL is still good"


@pytest.mark.sqlite_only("a lock on the whole database")
def test_a_database_that_another_process_holds_is_503_and_says_when_to_try_again(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.db.session.BUSY_TIMEOUT_SECONDS", 0.2)
    client = make_client()
    other = sqlite3.connect(client.gateway.settings.data_dir / "voxport.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = client.post("/v1/proxy/upload-media", json=WAV)
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "temporarily_unavailable"
    assert answer.headers["Retry-After"] == "10"
    assert client.get("/v2/billing/balance").status_code == 200, "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    assert client.post("/v1/proxy/upload-media", json=WAV).status_code == 200


def test_the_host_header_is_nowhere_in_an_answer(client: GatewayClient) -> None:
    spoofed = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for path in ("/v2/jobs", "/v2/jobs/", "/nowhere/", "/v2/billing/balance/", "/v1/proxy/core-tts-voices"):
        answer = client.get(path, headers=spoofed)
        assert "evil.example" not in answer.text, path
        assert "evil.example" not in str(answer.headers), path


def test_readiness_names_what_is_not_ready(make_client: MakeClient) -> None:
    # A gateway of its own: asking starts the engine, and another test may already have asked a shared one.
    answer = make_client().http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "checks": {"database": "ok", "storage": "ok", "engine": "starting"},
        "circuits": {},
    }


def test_readiness_is_looked_at_once_however_often_it_is_asked(client: GatewayClient) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    async def ask() -> None:
        readiness = Readiness({"storage": look})
        answers = await asyncio.gather(*(readiness.results() for _ in range(100)))
        assert answers == [{"storage": "ok"}] * 100

    asyncio.run(ask())
    assert looks == 1, "strangers ask too, and a look writes to the disk"


def test_what_starts_is_looked_at_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_CACHE_SECONDS", 3_600.0)
    looks = iter([False, True])

    async def ask() -> None:
        readiness = Readiness({"engine": lambda: next(looks)})
        assert await readiness.results() == {"engine": "starting"}
        async with asyncio.timeout(20):
            while await readiness.results() != {"engine": "ok"}:
                await asyncio.sleep(0.02)

    asyncio.run(ask())


@pytest.mark.folder_only("a folder that can't be written to")
def test_readiness_says_that_storage_fails_and_keeps_the_reason_for_the_log(make_client: MakeClient) -> None:
    client = make_client()
    folder = client.gateway.settings.data_dir / "files"
    (folder / ".incoming").rmdir()
    (folder / ".incoming").write_text("in the way")
    answer = client.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["storage"] == "failing"
    assert str(folder) not in answer.text


def test_the_openapi_document_names_every_endpoint_of_the_main_job(client: GatewayClient) -> None:
    paths = client.http.get("/openapi.json").json()["paths"]
    assert {
        "/v1/proxy/upload-media",
        "/v1/proxy/core-voice-clone",
        "/v1/proxy/core-instant-clone-tts",
        "/v1/proxy/core-tts",
        "/v1/proxy/core-tts-voices",
        "/v1/voices/{voice_id}",
        "/v2/jobs",
        "/v2/jobs/{job_id}",
        "/v2/jobs/{job_id}/cancel",
        "/v2/billing/balance",
        "/v2/billing/ledger",
        "/v1/catalog",
    } <= set(paths)
