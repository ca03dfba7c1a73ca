"""`voxport doctor`: what is broken is named with what to do, and nothing is changed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cli.served import Served, private_folders, refused, run
from tests.conftest import MakeGateway
from voxport.cli.doctor import machine
from voxport.settings import Settings
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, serve_app


@pytest.fixture(autouse=True)
def no_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads no weights, which takes seconds, but where a test is about them."""
    if "engine" not in request.node.name:
        monkeypatch.setattr(machine, "check_engine", lambda _: iter(()))


def examine(folder: Path, *arguments: str, **variables: str | None) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the worst finding of each check."""
    nothing: dict[str, str | None] = {name: None for name in os.environ if name.startswith("VOXPORT_")}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    chosen = () if "--port" in arguments else ("--port", str(port))
    result = run(
        folder, "doctor", "--json", *chosen, *arguments, env={**nothing, **private_folders(folder), **variables}
    )
    said = json.loads(result.stdout)
    order = ["ok", "warning", "failed"]
    found: dict[str, dict[str, Any]] = {}
    for one in said["checks"]:
        if one["check"] not in found or order.index(one["status"]) > order.index(found[one["check"]]["status"]):
            found[one["check"]] = one
    assert said["ok"] == (result.exit_code == 0) == all(one["status"] != "failed" for one in said["checks"])
    assert all(one["advice"] for one in said["checks"] if one["status"] != "ok")
    return result.exit_code, found


def failed(found: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, one in found.items() if one["status"] == "failed"]


def test_a_new_machine_is_told_what_to_do_first(tmp_path: Path) -> None:
    code, found = examine(tmp_path)
    assert code == 0
    assert found["data folder"]["status"] == "ok"
    assert "voxport serve" in found["gateway"]["advice"]
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}


@pytest.mark.sqlite_only("the settings of a command name a database in its folder")
def test_a_gateway_that_works_is_found_ready_with_its_key(served: Served) -> None:
    folder = str(served.customer.gateway.settings.data_dir)
    code, found = examine(
        served.home, "--data-dir", folder, VOXPORT_URL=served.url, VOXPORT_API_KEY=served.customer.key
    )
    assert code == 0
    assert "tables at" in found["database"]["message"]
    code, found = examine(served.home, VOXPORT_URL=served.url, VOXPORT_API_KEY=served.customer.key)
    assert found["key"]["message"] == "that of VOXPORT_API_KEY works; 100 tokens are left"


def test_without_json_each_finding_is_a_line_with_what_to_do(tmp_path: Path) -> None:
    shown = run(tmp_path, "doctor", env={**private_folders(tmp_path), "VOXPORT_FFMPEG": "/nowhere/ffmpeg"})
    assert shown.exit_code == 1
    assert "failed   ffmpeg: The ffmpeg setting names /nowhere/ffmpeg" in shown.stdout
    assert "\n         Remove VOXPORT_FFMPEG" in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("1 failed, ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VOXPORT_ENGINE_THREADS", "many"),
        ("VOXPORT_SECRET_KEY", "hunter2"),
        ("VOXPORT_DEFAULT_PROVIDER", "openai"),
    ],
)
def test_a_broken_value_in_the_env_file_is_named_without_its_value(tmp_path: Path, variable: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"{variable}={value}\n")
    code, found = examine(tmp_path)
    assert (code, failed(found)) == (1, ["settings"])
    assert variable in found["settings"]["message"]
    assert ".env" in found["settings"]["advice"]
    assert "hunter2" not in json.dumps(found)


def test_an_env_file_that_is_no_text_and_a_mistyped_variable_are_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"VOXPORT_TOP_UP=Gr\xfc\xdfe\n")
    code, found = examine(tmp_path)
    assert (code, failed(found)) == (1, ["settings"])
    (tmp_path / ".env").unlink()
    code, found = examine(tmp_path, VOXPORT_PUBLIC_ULR="https://example.com")
    assert (code, found["settings"]["status"]) == (0, "warning")
    assert "VOXPORT_PUBLIC_ULR" in found["settings"]["message"]


@pytest.mark.parametrize("name", ["/proc/voxport", "file/data"])
def test_a_data_folder_that_can_not_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no folder")
    code, found = examine(tmp_path, "--data-dir", name)
    assert code == 1
    assert "can't be written" in found["data folder"]["message"]
    assert "--data-dir" in found["data folder"]["advice"]


def test_a_data_folder_that_others_can_read_is_a_warning(make_gateway: MakeGateway, tmp_path: Path) -> None:
    make_gateway(data_dir=tmp_path / "data")
    (tmp_path / "data").chmod(0o755)
    _, found = examine(tmp_path)
    assert (found["data folder"]["status"], found["data folder"]["advice"]) == (
        "warning",
        f"chmod 700 {tmp_path / 'data'}",
    )


@pytest.mark.sqlite_only("a database that is a file")
def test_a_database_that_is_damaged_older_or_newer_is_named(make_gateway: MakeGateway, tmp_path: Path) -> None:
    gateway = make_gateway(data_dir=tmp_path / "data")
    for revision, word in (("0001", "older"), ("9999", "newer")):
        with gateway.database.transaction() as tx:
            tx.connection().exec_driver_sql("UPDATE alembic_version SET version_num = ?", (revision,))
        code, found = examine(tmp_path)
        assert (code, found["database"]["status"]) == (0, "warning")
        assert word in found["database"]["message"]
    gateway.close()
    (tmp_path / "data" / "voxport.db").write_bytes(b"this is not a database" * 100)
    code, found = examine(tmp_path)
    assert (code, failed(found)) == (1, ["database"])


def test_a_database_that_can_not_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://voxport:hunter2@127.0.0.1:1/voxport"
    code, found = examine(tmp_path, VOXPORT_DATABASE_URL=url)
    assert (code, failed(found)) == (1, ["database"])
    assert "VOXPORT_DATABASE_URL" in found["database"]["advice"]
    assert "hunter2" not in json.dumps(found)
    _, found = examine(tmp_path, VOXPORT_DATABASE_URL="oracle://x/y")
    assert "oracle" in found["database"]["message"]


def test_a_storage_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    code, found = examine(tmp_path, VOXPORT_STORAGE_URL="file:///proc/nowhere")
    assert (code, failed(found)) == (1, ["storage"])


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 3\n", "no program"])
def test_an_ffmpeg_that_does_not_work_is_named(tmp_path: Path, program: str) -> None:
    path = tmp_path / "ffmpeg"
    path.write_text(program)
    path.chmod(0o755)
    code, found = examine(tmp_path, VOXPORT_FFMPEG=str(path))
    assert (code, failed(found)) == (1, ["ffmpeg"])


@pytest.mark.slow
def test_weights_of_the_engine_that_are_missing_are_named(tmp_path: Path) -> None:
    code, found = examine(tmp_path, VOXPORT_ENGINE_MODEL=str(tmp_path / "missing.onnx"))
    assert (code, failed(found)) == (1, ["engine"])
    assert "VOXPORT_ENGINE_MODEL" in found["engine"]["advice"]


def test_a_missing_pytorch_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    code, found = examine(tmp_path)
    assert (code, found["torch"]["status"]) == (0, "warning")
    assert "voxport[fit]" in found["torch"]["advice"]


def test_keys_of_hosted_providers_are_tried(tmp_path: Path) -> None:
    account = ElevenLabsAccount()
    account.keys = {"a-good-key": next(iter(account.keys.values()))}
    with serve_app(ElevenLabsDouble(account).app) as url:
        given = {"VOXPORT_ELEVENLABS_BASE_URL": url}
        _, found = examine(tmp_path, **given, VOXPORT_ELEVENLABS_API_KEY="a-good-key")
        assert found["elevenlabs"]["message"] == "it takes the key"
        code, found = examine(tmp_path, **given, VOXPORT_ELEVENLABS_API_KEY="a-bad-key")
        assert (code, found["elevenlabs"]["status"]) == (0, "warning")
        assert "VOXPORT_ELEVENLABS_API_KEY" in found["elevenlabs"]["advice"]
        assert "a-bad-key" not in json.dumps(found)
        default = {"VOXPORT_DEFAULT_PROVIDER": "elevenlabs"}
        code, found = examine(tmp_path, **given, **default, VOXPORT_ELEVENLABS_API_KEY="a-bad-key")
        assert (code, failed(found)) == (1, ["elevenlabs"])


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, found = examine(tmp_path, "--port", port)
    assert (code, failed(found)) == (1, ["port"])
    assert "--port" in found["port"]["advice"]


def test_a_gateway_that_is_down_or_another_server_is_named(served: Served, tmp_path: Path) -> None:
    code, found = examine(tmp_path, VOXPORT_URL="http://127.0.0.1:1", VOXPORT_API_KEY="vxp_x")
    assert (code, failed(found)) == (1, ["gateway"])
    assert "voxport serve" in found["gateway"]["advice"]
    code, found = examine(tmp_path, VOXPORT_URL=f"{served.url}/v1", VOXPORT_API_KEY="vxp_x")
    assert "gateway" in failed(found)


def test_a_key_that_is_refused_missing_or_without_credits_is_named(served: Served, tmp_path: Path) -> None:
    code, found = examine(tmp_path, VOXPORT_URL=served.url, VOXPORT_API_KEY="vxp_wrong")
    assert (code, failed(found)) == (1, ["key"])
    assert "VOXPORT_API_KEY" in found["key"]["message"]
    assert "vxp_wrong" not in json.dumps(found)
    code, found = examine(tmp_path, VOXPORT_URL=served.url)
    assert (code, failed(found)) == (1, ["key"])
    poor = served.customer.another_customer("0").key
    code, found = examine(tmp_path, VOXPORT_URL=served.url, VOXPORT_API_KEY=poor)
    assert (code, found["credits"]["status"]) == (0, "warning")


def test_a_login_that_others_can_read_or_that_is_damaged_is_named(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "config" / "voxport" / "login.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"url": served.url, "api_key": served.customer.key}))
    path.chmod(0o644)
    code, found = examine(tmp_path)
    assert (code, found["login"]["status"], found["key"]["status"]) == (0, "warning", "ok")
    assert f"chmod 600 {path}" in found["login"]["advice"]
    path.write_text("[]")
    code, found = examine(tmp_path)
    assert (code, failed(found)) == (1, ["login", "key"])


def test_options_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    refused(run(tmp_path, "doctor", "--url", "http://127.0.0.1:1", "--data-dir", "x"), 2, "--url")


def test_settings_that_others_may_write_are_not_read(served: Served) -> None:
    env_file = served.home / ".env"
    env_file.write_text("VOXPORT_PUBLIC_URL=http://one.test\n")
    env_file.chmod(0o644)
    with contextlib.chdir(served.home):
        assert Settings().public_url == "http://one.test"
        for mode in (0o664, 0o646):
            env_file.chmod(mode)
            assert Settings().public_url != "http://one.test"
    said = run(served.home, "admin", "profiles", "list", "--data-dir", str(served.home / "none"))
    assert said.stderr.startswith(f"Warning: Other users may write {env_file}, so it is not read: chmod go-w .env\n")
    _, found = examine(served.home)
    assert "not read" in found["settings"]["message"]
