"""`voxport admin database move`: everything or nothing arrives in the other kind of database, and open jobs go on."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, text

from tests.conftest import MakeGateway
from tests.support import backend
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import with_fake_provider
from tests.support.postgres import Postgres
from tests.support.rows import count_rows, fill_tables
from tests.support.server import environment, wait_until
from voxport.audit.service import CLI
from voxport.cli.main import main
from voxport.db.session import Database
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.runner import JobRunner
from voxport.migrations.migrate import newest_revision, stored_revision
from voxport.migrations.move import rows, service
from voxport.migrations.move.exclusive import MoveError, Place
from voxport.migrations.move.service import move_database
from voxport.migrations.move.tables import TablePair
from voxport.migrations.tables import metadata

TTS = "/v1/proxy/core-tts"
BODY = {"text": "Hello there.", "voice_id": "hum", "provider": "local"}
LATER = {"Prefer": "respond-async"}
_LEDGER = {"profiles", "balances", "holds", "ledger_transactions", "ledger_entries", "jobs", "audit_log", "audit_head"}
"""Tables whose rows have to agree with each other: calls make them."""


@pytest.fixture
def sqlite(tmp_path: Path, new_database: Path) -> str:
    """The URL of a gateway on SQLite, whatever the other tests run on."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "voxport.db").write_bytes(new_database.read_bytes())
    return f"sqlite:///{tmp_path / 'data' / 'voxport.db'}"


@pytest.fixture
def target(postgres: Postgres) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)


@contextlib.contextmanager
def opened(folder: Path, url: str) -> Iterator[GatewayClient]:
    env = with_fake_provider(lambda **options: open_gateway(settings_for(folder, database_url=url), **options))
    client = open_client(env.gateway)
    yield client
    env.gateway.close()


def used(client: GatewayClient) -> str:
    """Makes calls that leave rows: paid, refunded, a finished job, a job that is queued. Returns the latter's id."""
    for _ in range(2):
        client.another_customer()
    spoken = client.post(TTS, BODY)
    assert spoken.status_code == 200
    with client.gateway.database.transaction() as tx:
        client.gateway.adjustments.refund(tx, actor=CLI, request_id=spoken.headers["X-Gateway-Request-ID"])
    run_job(client.gateway, client.post(TTS, BODY, headers=LATER).json()["job"]["id"])
    client.upload()
    queued: str = client.post(TTS, BODY, headers=LATER).json()["job"]["id"]
    return queued


def run_job(gateway: Gateway, job_id: str) -> None:
    runner = JobRunner(gateway.jobs, gateway.handlers)
    service = runner.begin(job_id)
    assert service is not None
    results: dict[str, Any] = {}
    for name in runner.step_names(service):
        results[name] = runner.run_step(job_id, name, results)


def engine_tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection, schema="dbos" if connection.dialect.name == "postgresql" else None)
    return [one for one in found.sorted_tables if one.name not in metadata.tables and one.name != "alembic_version"]


def fill_engine(connection: Connection, job_id: str) -> None:
    """Gives each table of the job engine a row of every kind of value."""
    connection.execute(text('UPDATE workflow_status SET attributes = \'{"b": [1, 2.5], "a": null}\''))
    for table in engine_tables(connection):
        if count_rows(connection, table):
            continue
        values: dict[str, Any] = {}
        for column in table.columns:
            kind = column.type.python_type
            is_job = bool(column.foreign_keys) or column.name == "workflow_uuid"
            values[column.name] = job_id if is_job else {bool: True, str: "ä 1"}.get(kind, 7)
        connection.execute(insert(table), [values])


def copied_rows(found: dict[str, list[str]]) -> int:
    """The rows that a move copies: the target itself fills what is derived."""
    derived = {table.name for table in metadata.sorted_tables if table.info.get("is_derived")}
    return sum(len(rows) for name, rows in found.items() if name not in derived)


def contents(url: str) -> dict[str, list[str]]:
    """All rows of all tables, in no order that a database chooses."""
    with closing(Database(url)) as database, database.connection() as connection:
        own = [*metadata.sorted_tables, *(one for one in engine_tables(connection) if one.name != "dbos_migrations")]
        return {
            table.name: sorted(
                repr(sorted((str(name), _plain(str(name), value)) for name, value in row.items()))
                for row in connection.execute(select(table)).mappings()
            )
            for table in own
        }


def _plain(name: str, value: Any) -> Any:
    if name != "attributes" or value is None:  # text in one database, JSON without an order in the other
        return value
    return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)


def test_every_row_of_every_table_arrives_and_comes_back(sqlite: str, target: str, tmp_path: Path) -> None:
    with opened(tmp_path / "data", sqlite) as client:
        job_id = used(client)
    with closing(Database(sqlite)) as database, database.connection() as connection:
        fill_tables(connection, only=set(metadata.tables) - _LEDGER)
        fill_engine(connection, job_id)
    before = contents(sqlite)
    assert [name for name, found in before.items() if not found] == []
    progress: list[tuple[str, int, int]] = []
    summary = move_database(sqlite, target, on_progress=lambda *step: progress.append(step))
    total = copied_rows(before)
    assert (summary.rows, summary.problems, summary.was_done) == (total, [], False)
    assert progress[-1][1:] == (total, total)
    moved = contents(target)
    assert moved.pop("event_dispatch_kv", []) == []  # the job engine has it on Postgres only
    assert moved == before
    assert not Path(str(sqlite).removeprefix("sqlite:///")).exists()
    assert summary.kept_as is not None
    assert Path(summary.kept_as).exists()
    back = f"sqlite:///{tmp_path / 'back.db'}"
    assert move_database(target, back).rows == total
    assert contents(back) == before


def test_the_gateway_goes_on_where_it_was(sqlite: str, target: str, tmp_path: Path) -> None:
    with opened(tmp_path / "data", sqlite) as client:
        used(client)
        balance = client.balance()
    move_database(sqlite, target)
    gateway = open_gateway(settings_for(tmp_path / "data", database_url=target))
    assert gateway.accounts.authenticate(client.key).profile_id == client.profile_id
    assert gateway.audit.verify() is None
    with opened(tmp_path / "data", target) as other:  # new rows get new numbers
        used(other)
        assert other.gateway.reconciliation.verify() == []
    old = GatewayClient.__new__(GatewayClient)
    old.__dict__.update(client.__dict__, gateway=gateway, http=open_client(gateway).http)
    assert old.balance() == balance
    gateway.close()


@pytest.mark.slow
def test_a_job_that_was_being_worked_on_goes_on_after_the_move(sqlite: str, target: str, tmp_path: Path) -> None:
    spoken = tmp_path / "spoken"
    with opened(tmp_path / "data", sqlite) as client:
        running, waiting = (client.post(TTS, BODY, headers=LATER).json()["job"]["id"] for _ in range(2))
    with worker(tmp_path / "data", sqlite, spoken, "0.1,60"):
        wait_until(lambda: len(numbers(spoken)) >= 1, seconds=60, what="the first piece")
    assert len(numbers(spoken)) < 12
    move_database(sqlite, target)
    with opened(tmp_path / "data", target) as other, worker(tmp_path / "data", target, spoken, "0"):
        own = client.headers
        for job_id in (running, waiting):
            wait_until(
                lambda job_id=job_id: other.http.get(f"/v2/jobs/{job_id}", headers=own).json()["status"] == "completed",
                seconds=90,
                what="the job's end",
            )
        assert other.gateway.reconciliation.verify() == []
        held = other.http.get("/v2/billing/balance", headers=own).json()["data"]["held"]
    assert held == 0
    assert len(numbers(spoken)) == 24, "twelve pieces each, none of them twice"


@contextlib.contextmanager
def worker(data_dir: Path, url: str, spoken: Path, seconds: str) -> Iterator[None]:
    """A worker process that speaks one text at a time, and is killed at the end."""
    command = [sys.executable, "-m", "tests.support.fake_provider_worker", str(data_dir), str(spoken), seconds, "1"]
    env = {name: value for name, value in environment(VOXPORT_DATABASE_URL=url).items() if name not in backend.SERVERS}
    with subprocess.Popen(command, env=env, cwd=Path(__file__).resolve().parents[2]) as process:
        try:
            yield
        finally:
            process.kill()


def numbers(spoken: Path) -> list[str]:
    return spoken.read_text().split() if spoken.exists() else []


def test_a_database_that_is_in_use_is_not_moved(
    sqlite: str, target: str, tmp_path: Path, make_gateway: MakeGateway
) -> None:
    with opened(tmp_path / "data", sqlite), pytest.raises(MoveError, match="Another process uses the source"):
        move_database(sqlite, target)
    with closing(Database(target)) as database:
        database.ping()
        with pytest.raises(MoveError, match=r"connected to the target: voxport \(1\)"):
            move_database(sqlite, target)
    assert move_database(sqlite, target).rows > 0


def test_a_target_with_rows_a_missing_source_and_an_old_one_are_refused(
    sqlite: str, target: str, tmp_path: Path
) -> None:
    with opened(tmp_path / "other", target):
        pass
    with pytest.raises(MoveError, match="target is not empty"):
        move_database(sqlite, target)
    with pytest.raises(MoveError, match="no source"):
        move_database(f"sqlite:///{tmp_path / 'nothing.db'}", target)
    assert not (tmp_path / "nothing.db").exists()
    with pytest.raises(MoveError, match="same database"):
        move_database(sqlite, sqlite)
    with pytest.raises(MoveError, match="two URLs"):
        move_database("nonsense", target)
    with closing(Database(sqlite)) as database, database.connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    with pytest.raises(MoveError, match="another version"):
        move_database(sqlite, target)


def test_a_row_that_the_target_refuses_moves_nothing(sqlite: str, target: str, tmp_path: Path) -> None:
    with opened(tmp_path / "data", sqlite) as client:
        used(client)
    name = text("UPDATE profiles SET name = :name WHERE id = :id")
    with closing(Database(sqlite)) as database, database.transaction() as tx:
        tx.execute(name, {"name": "a\x00b", "id": client.profile_id})
    before = contents(sqlite)
    with pytest.raises(MoveError, match="profiles has a row that the target refuses"):
        move_database(sqlite, target)
    assert contents(sqlite) == before
    assert {one: len(found) for one, found in contents(target).items() if found} == {"audit_head": 1}
    with closing(Database(sqlite)) as database, database.transaction() as tx:
        tx.execute(name, {"name": "ab", "id": client.profile_id})
    assert move_database(sqlite, target).rows == copied_rows(before)


def test_a_target_that_gives_back_something_else_is_not_kept(
    sqlite: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "data", sqlite) as client:
        used(client)
    real = rows._converted

    def spoil(pair: TablePair, name: str, value: Any) -> Any:
        return "x" if name == "hint" else real(pair, name, value)

    with monkeypatch.context() as patched:
        patched.setattr(
            rows, "_converted", lambda pair, name, value: "x" if name == "hint" else real(pair, name, value)
        )
        with pytest.raises(MoveError, match="what was written to api_keys"):
            move_database(sqlite, target)
    with monkeypatch.context() as patched:
        patched.setattr(service, "_ledger_problems", lambda connection: [connection.dialect.name])
        with pytest.raises(MoveError, match="ledger is not the same"):
            move_database(sqlite, target)
    assert len(contents(target)["profiles"]) == 0
    assert move_database(sqlite, target).problems == []


def test_a_move_that_is_killed_after_its_commit_is_ended_by_the_next(
    sqlite: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(_: Place) -> None:
        raise Killed

    with opened(tmp_path / "data", sqlite) as client:
        used(client)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Place, "retire", die)
        move_database(sqlite, target)
    summary = move_database(sqlite, target)
    assert summary.was_done
    assert summary.kept_as is not None
    with pytest.raises(MoveError, match="no source"):
        move_database(sqlite, target)


def test_the_command_says_what_it_did_and_what_is_next(sqlite: str, target: str, tmp_path: Path) -> None:
    with opened(tmp_path / "data", sqlite) as client:
        used(client)
    with_password = target.replace("postgresql+psycopg://postgres@", "postgresql://postgres:very-secret@")
    result = CliRunner().invoke(main, ["admin", "database", "move", sqlite, with_password])
    assert result.exit_code == 0, result.output
    for words in (
        "Moved ",
        "The ledger is clean.",
        "voxport.db.moved",
        "VOXPORT_DATABASE_URL=postgresql://postgres:***@",
    ):
        assert words in result.output
    assert "very-secret" not in result.output
    again = CliRunner().invoke(main, ["admin", "database", "move", sqlite, target])
    assert (again.exit_code, again.stderr) == (1, "Error: There is no source: its database is not there.\n")


def test_the_tables_go_back_to_an_older_version_by_command(sqlite: str, tmp_path: Path) -> None:
    env = {"VOXPORT_DATABASE_URL": sqlite}
    arguments = ["admin", "database", "downgrade", "0008", "--data-dir", str(tmp_path / "data")]
    assert CliRunner().invoke(main, arguments, env=env, input="n\n").exit_code == 1
    with closing(Database(sqlite)) as database:
        assert stored_revision(database) == newest_revision()
        result = CliRunner().invoke(main, [*arguments, "--yes"], env=env)
        assert (result.exit_code, result.stdout) == (0, "The database is at 0008.\n")
        assert stored_revision(database) == "0008"
        with database.connection() as connection:
            assert not inspect(connection).has_table("sweep_failures")
    refused = CliRunner().invoke(main, ["admin", "database", "downgrade", "0009", "--yes", *arguments[4:]], env=env)
    assert refused.exit_code == 1
    assert "can't go back to 0009" in refused.stderr
