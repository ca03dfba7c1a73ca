"""A database or a storage that fails is reported as unavailable, and the failed call costs nothing."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.conftest import MakeClient, MakeGateway
from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.postgres import running_postgres
from voxport.db import session
from voxport.db.transient_errors import is_transient
from voxport.storage.local import LocalStorage

TTS = "/v1/proxy/core-tts"
SPEECH = {"text": "Hello.", "voice_id": "hum", "provider": "local", "output_format": "wav"}


def unavailable(
    client: GatewayClient, method: str, path: str, code: str = "temporarily_unavailable", **options: object
) -> None:
    answer = client.request(method, path, **options)
    assert answer.status_code == 503, answer.text
    error = error_of(answer)
    assert error["code"] == code
    assert int(answer.headers["Retry-After"]) >= 1
    for inner in ("sqlite", "psycopg", "SELECT", "Errno", str(client.gateway.settings.data_dir)):
        assert inner not in answer.text


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BUSY_TIMEOUT_SECONDS", 0.2)


@pytest.mark.sqlite_only("a lock on the whole database")
@pytest.mark.usefixtures("short_timeouts")
def test_a_locked_database_is_told_and_holds_nothing(make_gateway: MakeGateway) -> None:
    client = open_client(with_fake_provider(make_gateway).gateway)
    database = client.gateway.settings.data_dir / "voxport.db"
    with sqlite3.connect(database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        unavailable(client, "POST", "/v1/proxy/core-voice-clone", json={"audioUrl": "https://example.com/a.wav"})
        unavailable(client, "POST", TTS, json=SPEECH)
        unavailable(client, "POST", TTS, json={**SPEECH, "stream": True})
        assert client.get("/v2/jobs").status_code == 200  # reads do not wait for the lock
        other.execute("ROLLBACK")
    assert client.balance()["held"] == 0
    assert client.post(TTS, SPEECH).status_code == 200


@pytest.mark.sqlite_only("a limit on the pages of a file")
def test_a_full_database_is_told(make_client: MakeClient) -> None:
    client = make_client()

    def fill(connection: sqlite3.Connection, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    from sqlalchemy import event

    event.listen(client.gateway.database._engine, "checkout", lambda connection, *_: fill(connection, None))
    body = {"audioUrl": "https://example.com/" + "a" * 8_000}
    for _ in range(20):
        answer = client.post("/v1/proxy/core-voice-clone", body)
        if answer.status_code != 202:
            break
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "temporarily_unavailable"


@pytest.mark.slow
def test_a_postgres_that_is_gone_is_told_and_serves_again_when_it_is_back(
    make_client: MakeClient, tmp_path: Path
) -> None:
    with running_postgres() as server:
        client = make_client(database_url=server.new_database())
        assert client.get("/v2/jobs").status_code == 200
        engine = create_engine(client.gateway.database.url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            )
        engine.dispose()
        statuses = [client.get("/v2/jobs").status_code for _ in range(3)]
        assert set(statuses) <= {200, 503}
        assert statuses[-1] == 200
    unavailable(client, "GET", "/v2/jobs")


@pytest.fixture(scope="module")
def postgres_errors() -> Iterator[dict[str, DBAPIError]]:
    """Real errors of Postgres, by cause."""
    statements = {
        "missing table": "SELECT * FROM nothing",
        "read-only": "SET TRANSACTION READ ONLY; CREATE TABLE new (id int)",
        "division": "SELECT 1/0",
        "timeout": "SET LOCAL statement_timeout = 10; SELECT pg_sleep(5)",
    }
    errors = {}
    with running_postgres() as server:
        engine = create_engine(server.new_database())
        for name, statement in statements.items():
            with engine.connect() as connection, pytest.raises(DBAPIError) as raised:
                for one in statement.split(";"):
                    connection.execute(text(one))
            errors[name] = raised.value
        engine.dispose()
    yield errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "passes"), [("missing table", False), ("division", False), ("read-only", True), ("timeout", True)]
)
def test_what_may_pass_at_postgres_is_told_from_what_does_not(
    postgres_errors: dict[str, DBAPIError], what: str, passes: bool
) -> None:
    assert is_transient(postgres_errors[what]) is passes


@pytest.mark.folder_only("errors of a disk")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_a_storage_that_takes_nothing_is_told_and_costs_nothing(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    client = open_client(with_fake_provider(make_gateway).gateway)
    slot = client.upload_slot()

    def fail(self: LocalStorage) -> None:
        raise OSError(number, "as the system has it", str(client.gateway.settings.data_dir))

    monkeypatch.setattr(LocalStorage, "_temporary_path", fail)
    unavailable(client, "POST", TTS, "storage_unavailable", json=SPEECH)
    answer = client.put(slot["upload_url"], b"RIFF")
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "storage_unavailable"
    assert client.balance() == {"balance": 100.0, "credits": 100.0, "held": 0.0, "currency": "token"}
    monkeypatch.undo()
    assert client.put(slot["upload_url"], b"RIFF").status_code == 200
    assert client.post(TTS, SPEECH).status_code == 200


def test_a_mistake_of_our_own_stays_a_500(make_gateway: MakeGateway) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EINVAL, "no trouble that passes")

    client = open_client(with_fake_provider(make_gateway, FakeProvider(on_piece=fail)).gateway)
    answer = client.post(TTS, SPEECH)
    assert answer.status_code == 500
    assert error_of(answer)["code"] == "internal_error"
    assert client.balance()["held"] == 0
