"""The command line as an operator and a script use it: through pipes, with meaningful exit codes."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from tests.conftest import MakeGateway
from tests.support import backend
from tests.support.catalog import catalog_file
from tests.support.client import open_client
from tests.support.server import run_cli
from voxport.accounts.keys import is_well_formed
from voxport.cli.main import main
from voxport.db.session import Database
from voxport.errors import Unauthenticated

ANSI = re.compile(r"\x1b")


@dataclass(frozen=True)
class CommandResult:
    """The outcome of a command."""

    returncode: int
    stdout: str
    stderr: str


def command(*arguments: str, cwd: Path, env: Mapping[str, str | None] | None = None) -> CommandResult:
    """Runs a command in this process, in `cwd`, without a .env file and without the machine's settings. An unexpected
    exception is reported in `stderr` as a traceback."""
    nothing: dict[str, str | None] = {name: None for name in os.environ if name.startswith("VOXPORT_")}
    with contextlib.chdir(cwd):
        result = CliRunner().invoke(
            main, arguments, env={**nothing, **backend.environment_of_command(arguments, cwd), **(env or {})}
        )
    unexpected = result.exception is not None and not isinstance(result.exception, SystemExit)
    return CommandResult(
        result.exit_code, result.stdout, result.stderr + (f"Traceback {result.exception!r}" * unexpected)
    )


_WITHOUT_DATA = ("test_every_command_explains_itself", "test_a_file_that_is_no_database", "test_the_data_folder_comes")


@pytest.fixture(autouse=True)
def data_folder(request: pytest.FixtureRequest, tmp_path: Path, make_gateway: MakeGateway) -> None:
    """Creates the data folder, because no command here does: only `serve`, `demo` and `restore` create one."""
    if not request.node.name.startswith(_WITHOUT_DATA):
        make_gateway(data_dir=tmp_path / "data")


@pytest.fixture
def profile(tmp_path: Path) -> str:
    result = command("admin", "profiles", "create", "Customer", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def refused(result: CommandResult, *words: str) -> None:
    """Asserts an error on stderr with `words`, nothing on stdout, and no traceback."""
    assert result.returncode != 0
    assert result.stdout == ""
    assert "Traceback" not in result.stderr, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_a_profile_gets_a_key_and_credits_and_the_key_works(
    tmp_path: Path, profile: str, make_gateway: MakeGateway
) -> None:
    assert re.fullmatch(r"prof_[0-9a-z]{16}", profile)
    result = command("admin", "keys", "create", profile, "--name", "laptop", cwd=tmp_path)
    assert result.returncode == 0
    key = result.stdout.removesuffix("\n")
    assert is_well_formed(key)
    added = command("admin", "credits", "add", profile, "2.5", "--note", "a gift", cwd=tmp_path)
    assert added.stdout == f"{profile} has 2.500000 tokens\n"
    gateway = make_gateway(data_dir=tmp_path / "data")
    assert gateway.accounts.authenticate(key).profile_id == profile
    assert gateway.billing.read_funds(profile).balance == 2_500_000


def test_a_key_is_listed_by_its_id_and_revoked_by_it(tmp_path: Path, profile: str, make_gateway: MakeGateway) -> None:
    key = command("admin", "keys", "create", profile, cwd=tmp_path).stdout.strip()
    listed = command("admin", "keys", "list", cwd=tmp_path).stdout
    assert key not in listed
    assert key[:8] in listed
    found = re.search(r"^(key_\S+)", listed, re.MULTILINE)
    assert found is not None
    assert command("admin", "keys", "revoke", found[1], cwd=tmp_path).stdout == f"{found[1]} revoked\n"
    assert command("admin", "keys", "revoke", found[1], cwd=tmp_path).stdout == f"{found[1]} was revoked before\n"
    with pytest.raises(Unauthenticated, match="revoked"):
        make_gateway(data_dir=tmp_path / "data").accounts.authenticate(key)


@pytest.mark.slow
def test_long_names_are_not_cut_or_coloured_in_a_pipe(tmp_path: Path) -> None:
    names = ["x" * 200, "Müller & Söhne " * 10, "短い"]
    for name in names:
        assert command("admin", "profiles", "create", name.strip(), cwd=tmp_path).returncode == 0
    listed = run_cli(
        "admin", "profiles", "list", cwd=tmp_path, env={"COLUMNS": "20", "FORCE_COLOR": "1", "TERM": "xterm"}
    )
    assert listed.returncode == 0
    for name in names:
        assert name.strip() in listed.stdout
    assert not ANSI.search(listed.stdout)
    assert len(listed.stdout.splitlines()) == 1 + len(names)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("1.0000001", ["six places"]),
        ("0.0000001", ["six places"]),
        ("nan", ["not an amount"]),
        ("inf", ["amount"]),
        ("ten", ["not an amount"]),
        ("", ["not an amount"]),
        ("0", ["more than zero"]),
        ("-5", ["more than zero"]),
        ("-0.5", ["more than zero"]),
        ("100000001", ["100,000,000"]),
        ("1e999999999", ["amount"]),
    ],
)
def test_an_amount_that_is_none_is_refused_with_a_sentence(
    tmp_path: Path, profile: str, amount: str, words: list[str]
) -> None:
    refused(command("admin", "credits", "add", profile, amount, cwd=tmp_path), *words)
    assert command("admin", "ledger", "verify", cwd=tmp_path).stdout == "ledger clean\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["admin", "credits", "add", "prof_nobody", "5"], ["no profile prof_nobody"]),
        (["admin", "keys", "create", "prof_nobody"], ["no profile prof_nobody"]),
        (["admin", "keys", "list", "prof_nobody"], ["no profile prof_nobody"]),
        (["admin", "keys", "revoke", "key_nobody"], ["no key key_nobody"]),
        (["admin", "profiles", "create", "  "], ["1 to 200 characters"]),
        (["admin", "profiles", "create", "x" * 201], ["1 to 200 characters"]),
        (["admin", "profiles", "create"], ["NAME"]),
        (["dance"], ["dance"]),
        (["serve", "--port", "70000"], ["70000"]),
        (["serve", "--host", "no.such.host.invalid", "--port", "0"], ["no.such.host.invalid"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_a_command_that_cannot_be_done_says_why(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    refused(command(*arguments, cwd=tmp_path), *words)


def test_the_ledger_is_verified_and_a_wrong_one_ends_with_1(tmp_path: Path, profile: str) -> None:
    command("admin", "credits", "add", profile, "100", cwd=tmp_path)
    clean = command("admin", "ledger", "verify", cwd=tmp_path)
    assert (clean.returncode, clean.stdout) == (0, "ledger clean\n")
    database = Database(backend.database_url(tmp_path / "data"))
    with database.transaction() as tx:
        tx.execute(text("UPDATE balances SET credits = credits + 1"))
    database.close()
    wrong = command("admin", "ledger", "verify", cwd=tmp_path)
    assert wrong.returncode == 1
    assert profile in wrong.stdout
    assert "100.000001" in wrong.stdout


def test_the_usage_is_shown_of_all_profiles_or_of_one_as_a_table_or_as_csv(
    tmp_path: Path, profile: str, make_gateway: MakeGateway
) -> None:
    other = command("admin", "profiles", "create", "Other", cwd=tmp_path).stdout.strip()
    gateway = make_gateway(data_dir=tmp_path / "data")
    for payer, units in ((profile, 3), (other, 250)):
        with gateway.database.transaction() as tx:
            gateway.billing.add_credits(tx, payer, 10_000_000)
            hold_id = gateway.billing.hold(
                tx, profile_id=payer, service="core-tts", amount=5_000_000, request_id=f"req_{units}", voice_id="=hum"
            )
            gateway.billing.capture(tx, hold_id, units=Decimal(units))
    shown = command("admin", "usage", "--by", "key", cwd=tmp_path).stdout.splitlines()
    assert shown[0].split() == ["PROFILE", "KEY", "CALLS", "UNITS", "TOKENS"]
    assert {tuple(line.split()) for line in shown[1:]} == {
        (profile, "-", "1", "3", "0.030000"),
        (other, "-", "1", "250", "2.500000"),
    }
    own = command("admin", "usage", profile, "--by", "voice", "--csv", cwd=tmp_path).stdout
    assert own.splitlines() == ["profile,voice,calls,units,tokens", f"{profile},'=hum,1,3,0.030000"]
    assert len(command("admin", "usage", "--to", "2020-01-01", cwd=tmp_path).stdout.splitlines()) == 1
    refused(command("admin", "usage", "prof_nobody", cwd=tmp_path), "no profile prof_nobody")
    refused(command("admin", "usage", "--from", "yesterday", cwd=tmp_path), "2026-04-27")


def test_the_data_folder_comes_from_the_option_before_the_environment(
    tmp_path: Path, make_gateway: MakeGateway
) -> None:
    for name in ("one", "two"):
        make_gateway(data_dir=tmp_path / name)
    env = {"VOXPORT_DATA_DIR": str(tmp_path / "one"), **backend.environment(tmp_path / "one")}
    assert command("admin", "profiles", "create", "One", cwd=tmp_path, env=env).returncode == 0
    other = {**env, **backend.environment(tmp_path / "two")}
    two = command("admin", "profiles", "create", "Two", "--data-dir", str(tmp_path / "two"), cwd=tmp_path, env=other)
    assert two.returncode == 0
    assert (tmp_path / "one" / "secret.key").exists()
    assert (tmp_path / "two" / "secret.key").exists()
    assert not (tmp_path / "data").exists()
    listed = command("admin", "profiles", "list", cwd=tmp_path, env=env).stdout
    assert "One" in listed
    assert "Two" not in listed


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"VOXPORT_LOG_LEVEL": "loud"}, ["VOXPORT_LOG_LEVEL"]),
        ({"VOXPORT_ENGINE_THREADS": "many"}, ["VOXPORT_ENGINE_THREADS"]),
        ({"VOXPORT_SECRET_KEY": "short"}, ["VOXPORT_SECRET_KEY", "32"]),
        ({"VOXPORT_PUBLIC_URL": "not a url"}, ["VOXPORT_PUBLIC_URL"]),
        ({"VOXPORT_DEFAULT_PROVIDER": "openai"}, ["VOXPORT_DEFAULT_PROVIDER"]),
        ({"VOXPORT_STORAGE_URL": "gs://bucket"}, ["VOXPORT_STORAGE_URL", "s3://bucket/prefix"]),
        ({"VOXPORT_S3_ENDPOINT_URL": "s3.example.com"}, ["VOXPORT_S3_ENDPOINT_URL"]),
        (
            {"VOXPORT_S3_ACCESS_KEY_ID": "alone", "VOXPORT_S3_SECRET_ACCESS_KEY": None},
            ["VOXPORT_S3_SECRET_ACCESS_KEY"],
        ),
        ({"VOXPORT_STORAGE_URL": "file:///proc/nowhere"}, ["/proc/nowhere"]),
        ({"VOXPORT_CATALOG_FILE": "/nowhere/catalog.yaml"}, ["/nowhere/catalog.yaml"]),
        ({"VOXPORT_FFMPEG": "/nowhere/ffmpeg"}, ["/nowhere/ffmpeg"]),
        ({"VOXPORT_DATABASE_URL": "nonsense"}, ["VOXPORT_DATABASE_URL"]),
        ({"VOXPORT_DATABASE_URL": "sqlite://"}, ["SQLite needs a file"]),
        ({"VOXPORT_DATABASE_URL": "oracle://x/y"}, ["oracle"]),
        ({"VOXPORT_DATA_DIR": "/proc/nowhere"}, ["/proc/nowhere"]),
    ],
    ids=lambda value: "{}={}".format(*next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_a_bad_setting_is_named_in_a_sentence(tmp_path: Path, env: dict[str, str | None], words: list[str]) -> None:
    refused(command("admin", "profiles", "list", cwd=tmp_path, env=env), *words)


def test_a_bad_secret_is_not_repeated(tmp_path: Path) -> None:
    result = command("admin", "profiles", "list", cwd=tmp_path, env={"VOXPORT_SECRET_KEY": "hunter2"})
    assert "hunter2" not in result.stderr + result.stdout


def test_a_broken_catalogue_is_told_with_its_field(tmp_path: Path) -> None:
    path = catalog_file(tmp_path, text_characters=-1)
    result = command("admin", "profiles", "list", cwd=tmp_path, env={"VOXPORT_CATALOG_FILE": str(path)})
    refused(result, "text_characters")


@pytest.mark.sqlite_only("a database that is a file")
def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "voxport.db").write_bytes(b"this is not a database" * 100)
    refused(command("admin", "profiles", "list", cwd=tmp_path))


@pytest.mark.slow
def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_cli("serve", "--port", port, cwd=tmp_path)
        refused(CommandResult(result.returncode, result.stdout, result.stderr), port)


@pytest.mark.parametrize(
    "arguments", ["", "serve", "worker", "say", "admin", "admin credits add", "admin keys", "admin ledger verify"]
)
def test_every_command_explains_itself(tmp_path: Path, arguments: str) -> None:
    shown = command(*arguments.split(), "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "Usage:" in shown.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_refusal_of_the_whole_program_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    result = run_cli("admin", "credits", "add", "prof_nobody", "5", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stderr.startswith("Error: There is no profile prof_nobody")


@pytest.mark.slow
def test_a_bad_setting_of_the_whole_program_is_no_traceback(tmp_path: Path) -> None:
    result = run_cli("serve", cwd=tmp_path, env={"VOXPORT_ENGINE_THREADS": "many"})
    refused(CommandResult(result.returncode, result.stdout, result.stderr), "VOXPORT_ENGINE_THREADS")


def test_webhooks_are_listed_resent_and_signed_with_another_secret(make_gateway: MakeGateway, tmp_path: Path) -> None:
    gateway = make_gateway(data_dir=tmp_path)
    client = open_client(gateway)
    old = client.get("/v2/webhooks/secret").json()["data"]["secret"]
    with gateway.database.transaction() as tx:
        gateway.webhooks.enqueue(tx, client.profile_id, "balance.low", "https://hooks.example.com/s3cret", data={})
    (row,) = client.get("/v2/webhooks/deliveries").json()["data"]
    folder = ("--data-dir", str(tmp_path))
    listed = command(
        "admin", "webhooks", "list", client.profile_id, "--status", "pending", *folder, cwd=tmp_path
    ).stdout
    assert row["id"] in listed
    assert "hooks.example.com" in listed
    assert "s3cret" not in listed
    assert row["id"] not in command("admin", "webhooks", "list", "--status", "failed", *folder, cwd=tmp_path).stdout
    assert (
        command("admin", "webhooks", "resend", row["id"], *folder, cwd=tmp_path).stdout
        == f"{row['id']} is sent again\n"
    )
    refused(command("admin", "webhooks", "resend", "msg_nobody", *folder, cwd=tmp_path), "no such delivery")
    new = command("admin", "webhooks", "rotate", client.profile_id, *folder, cwd=tmp_path).stdout.strip()
    data = client.get("/v2/webhooks/secret").json()["data"]
    assert (data["secret"], [one["secret"] for one in data["previous"]]) == (new, [old])
    refused(command("admin", "webhooks", "rotate", "prof_nobody", *folder, cwd=tmp_path), "prof_nobody")
