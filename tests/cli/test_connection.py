"""Which gateway a command calls, with which key, and what it says when that does not work."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cli.served import Served, output_of, refused, run
from tests.cli.test_serve import children_of
from tests.conftest import MakeGateway
from tests.support.client import GatewayClient
from tests.support.http_server import Server, reply
from tests.support.server import environment, run_cli
from voxport.audit.actors import CLI
from voxport.cli import login
from voxport.cli.connection import Choice
from voxport.cli.doctor.gateway import check_gateway
from voxport.cli.local_gateway import ADDRESS_FILE, temporary_gateway
from voxport.cli.login_file import login_path
from voxport.urls import without_secrets
from voxport_client import Voxport
from voxport_client.transport.options import shown_url

NOBODY = {"VOXPORT_URL": None, "VOXPORT_API_KEY": None}


def test_no_gateway_at_the_address_is_said_with_what_to_do(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = served.run("voices", VOXPORT_URL=f"http://127.0.0.1:{port}")
    refused(result, 8, f"http://127.0.0.1:{port}", "voxport doctor", "voxport serve")


def test_what_is_no_gateway_is_said(served: Served) -> None:
    for answer in (reply(b"<html>", status="404 Not Found"), reply(b"", status="502 Bad Gateway")):
        server = Server(answer)
        refused(served.run("voices", VOXPORT_URL=f"http://127.0.0.1:{server.port}"), 8, "no Voxport gateway")
        server.close()
    refused(served.run("voices", VOXPORT_URL="127.0.0.1:8000"), 2, "http://")


def test_nothing_here_and_nothing_named_is_said(served: Served) -> None:
    refused(served.run("voices", **NOBODY), 8, "There is no gateway here", "voxport serve", "voxport login")
    assert not (served.home / "data").exists()


def test_a_wrong_key_is_said_with_where_it_came_from(served: Served) -> None:
    refused(served.run("voices", VOXPORT_API_KEY="vxp_wrong"), 4, "VOXPORT_API_KEY", f"voxport login {served.url}")
    refused(served.run("voices", VOXPORT_API_KEY="two words"), 2, "copied whole")


def test_a_revoked_key_and_a_suspended_profile_are_said(served: Served) -> None:
    gateway = served.customer.gateway
    with gateway.database.transaction() as tx:
        _, key = gateway.accounts.create_key(tx, served.customer.profile_id, "second")
        gateway.accounts.revoke_key(tx, served.customer.key_id)
    refused(served.run("usage"), 4, "revoked")
    with gateway.database.transaction() as tx:
        gateway.accounts.suspend(tx, served.customer.profile_id, actor=CLI)
    refused(served.run("usage", VOXPORT_API_KEY=key), 4, "Ask the operator")


def test_an_address_without_a_key_is_said(served: Served) -> None:
    refused(served.run("usage", VOXPORT_API_KEY=None), 4, f"no API key for {served.url}", "voxport login")


def test_a_login_is_checked_kept_for_its_user_alone_and_forgotten(served: Served) -> None:
    said = served.run("login", served.url, stdin=f"{served.customer.key}\n", **NOBODY)
    assert said.exit_code == 0, said.output
    assert "100 tokens are left" in said.stdout
    path = served.home / "config" / "voxport" / "login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text()) == {"url": served.url, "api_key": served.customer.key}
    assert served.customer.key not in said.output
    assert output_of(served.run("usage", "--json", **NOBODY))["balance"]["balance"] == 100
    other = served.customer.another_customer("7").key
    assert "7 tokens" in served.run("usage", VOXPORT_URL=None, VOXPORT_API_KEY=other).stderr
    refused(served.run("usage", VOXPORT_URL="http://127.0.0.1:1", VOXPORT_API_KEY=None), 4, "no API key")
    assert str(path) in served.run("logout", **NOBODY).stdout
    assert served.run("logout", **NOBODY).stdout == "There is no login.\n"
    refused(served.run("usage", **NOBODY), 8, "no gateway here")


def test_a_login_that_does_not_work_is_not_kept(served: Served) -> None:
    for arguments, stdin, code in (
        ((served.url,), "vxp_wrong\n", 4),
        ((served.url,), "\n", 4),
        (("http://127.0.0.1:1",), "vxp_x\n", 8),
        (("ftp://example.com",), "vxp_x\n", 2),
    ):
        refused(served.run("login", *arguments, stdin=stdin, **NOBODY), code)
    assert not (served.home / "config").exists()


def test_calls_to_this_machine_take_no_proxy(served: Served) -> None:
    proxy = Server(reply(b"", status="502 Bad Gateway"))
    named = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), f"http://127.0.0.1:{proxy.port}")
    named |= {"NO_PROXY": "", "no_proxy": ""}
    assert served.run("usage", **named).exit_code == 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in named.items():
            patch.setenv(name, value)
        patch.setenv("VOXPORT_API_KEY", served.customer.key)
        found = list(check_gateway(Choice(served.url), None))
    assert found[0].message.startswith(f"{served.url} is ")
    assert "100 tokens are left" in found[-1].message
    elsewhere = served.run("usage", **named, VOXPORT_URL="http://voices.invalid")
    refused(elsewhere, 8, "no Voxport gateway")
    proxy.close()


def test_a_login_warns_before_the_key_leaves(served: Served) -> None:
    proxy = Server(reply(b"", status="404 Not Found"))
    named = {"HTTP_PROXY": f"http://127.0.0.1:{proxy.port}", "http_proxy": None, "NO_PROXY": "", "no_proxy": ""}
    said = served.run("login", "http://ana:hidden@voices.invalid", stdin="vxp_secret\n", **NOBODY, **named)
    refused(said, 8, "is not encrypted", "no Voxport gateway")
    assert "hidden" not in said.output
    assert len(proxy.requests) == 1
    assert b"vxp_secret" not in proxy.requests[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login, "_is_terminal", lambda: True)
        refused(served.run("login", "http://voices.invalid", stdin="n\n", **NOBODY, **named), 1, "all the same?")
    assert len(proxy.requests) == 1
    proxy.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ana:secret@host/x", "https://***@host/x"),
        ("s3://KEY:se/cr@et@bucket", "s3://***@bucket"),
        ("https://host?key=secret", "https://host?***"),
        ("https://host/x", "https://host/x"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
    assert shown_url(url) == shown


def test_no_secret_of_an_address_is_shown(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for variables in (
        {"VOXPORT_URL": f"http://ana:s3cret@127.0.0.1:{port}"},
        {"VOXPORT_URL": "http://ana:s3cret@host", "VOXPORT_API_KEY": None},
        {"VOXPORT_URL": "ftp://ana:s3cret@host"},
        {"VOXPORT_URL": served.url.replace("//", "//ana:s3cret@"), "VOXPORT_API_KEY": "vxp_wrong"},
    ):
        said = served.run("voices", **variables)
        assert said.exit_code != 0
        assert "s3cret" not in said.output
    assert "s3cret" not in repr(Voxport(api_key="vxp_x", base_url="http://ana:s3cret@host"))


def test_a_damaged_login_is_said(served: Served) -> None:
    path = served.home / "config" / "voxport" / "login.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    refused(served.run("usage", **NOBODY), 1, str(path), "voxport login")


def test_the_place_of_the_login_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert login_path() == tmp_path / ".config" / "voxport" / "login.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    assert login_path() == tmp_path / "x" / "voxport" / "login.json"


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


@contextlib.contextmanager
def running_on(customer: GatewayClient, url: str) -> Iterator[str]:
    """Marks the gateway's folder as `voxport serve` does."""
    folder = customer.gateway.settings.data_dir
    (folder / ADDRESS_FILE).write_text(f"{url}\n")
    descriptor = os.open(folder / "serve.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield str(folder)
    finally:
        os.close(descriptor)
        (folder / "serve.lock").unlink()
        (folder / "command-key.json").unlink(missing_ok=True)


@pytest.mark.sqlite_only("the settings of a command name a database in its folder")
def test_on_this_machine_a_command_needs_no_key(served: Served) -> None:
    profile = served.customer.profile_id
    with running_on(served.customer, served.url) as folder:
        several = served.run("usage", "--data-dir", folder, **NOBODY)
        refused(several, 2, "active profiles", "--profile")
        assert output_of(served.run("usage", "--json", "--data-dir", folder, "--profile", profile, **NOBODY))
        kept = Path(folder) / "command-key.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        first = json.loads(kept.read_text())["key"]
        assert served.run("usage", "--data-dir", folder, **NOBODY).exit_code == 0, "the profile of the last command"
        assert json.loads(kept.read_text())["key"] == first
        gateway = served.customer.gateway
        with gateway.database.transaction() as tx:
            gateway.accounts.revoke_key(tx, gateway.accounts.authenticate(first).key_id)
        assert served.run("usage", "--data-dir", folder, **NOBODY).exit_code == 0
        assert json.loads(kept.read_text())["key"] != first
        refused(served.run("usage", "--data-dir", folder, "--profile", "prof_nobody", **NOBODY), 1, "prof_nobody")
    refused(served.run("usage", "--data-dir", "data", "--url", served.url), 2, "--url names a gateway")


@pytest.mark.slow
@pytest.mark.sqlite_only("the settings of a command name a database in its folder")
def test_with_no_gateway_running_one_runs_for_the_command(tmp_path: Path, make_gateway: MakeGateway) -> None:
    gateway = make_gateway(data_dir=tmp_path / "data")
    with gateway.database.transaction() as tx:
        gateway.accounts.create_profile(tx, "Me")
    result = run_cli("voices", "--json", cwd=tmp_path, env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["voices"]) > 20
    assert "Starting a gateway on data for this command" in result.stderr
    descriptor = os.open(tmp_path / "data" / "serve.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it has ended
    os.close(descriptor)


@pytest.mark.slow
@pytest.mark.sqlite_only("the settings of a command name a database in its folder")
def test_no_other_program_can_take_the_port_of_a_commands_gateway(tmp_path: Path, make_gateway: MakeGateway) -> None:
    make_gateway(data_dir=tmp_path / "data")
    with temporary_gateway(tmp_path / "data") as url:
        port = int(url.rpartition(":")[2])
        (process,) = [one for one in children_of(os.getpid()) if "--fd" in command_line(one)]
        os.kill(process, signal.SIGKILL)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
        with pytest.raises(httpx2.TransportError):  # refused, and no wait for an answer
            httpx2.get(f"{url}/healthz", timeout=30, trust_env=False)


@pytest.mark.slow
def test_a_reader_that_goes_ends_a_command_quietly(served: Served) -> None:
    given = {name: value for name, value in served.environment.items() if value is not None}
    with subprocess.Popen(
        [sys.executable, "-m", "voxport", "voices"],
        env=environment(**given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 141
    assert said == ""


@pytest.mark.slow
def test_a_terminal_that_is_not_utf_8_gets_question_marks_and_correct_json(served: Served) -> None:
    given = {name: value for name, value in served.environment.items() if value is not None}
    given |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    shown = run_cli("estimate", "Grüße 短い", "-v", "Heart", cwd=served.home, env=given)
    assert shown.returncode == 0, shown.stderr
    missing = run_cli("say", "x", "-v", "Zoë", "-o", "ä.mp3", cwd=served.home, env=given)
    assert missing.returncode == 6
    assert "Traceback" not in missing.stderr
    parsed = run_cli("voices", "--json", cwd=served.home, env=given)
    assert json.loads(parsed.stdout)["voices"]


@pytest.mark.sqlite_only("the settings of a command name a database in its folder")
def test_an_old_name_goes_on_with_a_hint(served: Served) -> None:
    folder = str(served.customer.gateway.settings.data_dir)
    profile = served.customer.profile_id
    new = run(served.home, "admin", "profiles", "show", profile, "--data-dir", folder)
    old = run(served.home, "profiles", "show", profile, "--data-dir", folder)
    assert old.stdout == new.stdout
    assert profile in old.stdout
    assert old.stderr == "`voxport profiles` is now `voxport admin profiles`. The old name goes on working.\n"
    usage = run(served.home, "usage", profile, "--data-dir", folder)
    assert usage.stdout == run(served.home, "admin", "usage", profile, "--data-dir", folder).stdout
    assert "voxport admin usage PROFILE" in usage.stderr
    listed = output_of(run(served.home, "admin", "keys", "list", profile, "--json", "--data-dir", folder))
    assert listed[0]["profile"] == profile


@pytest.mark.sqlite_only("the settings of a command name a database in its folder")
def test_an_error_carries_no_escape_to_the_terminal(served: Served) -> None:
    folder = str(served.customer.gateway.settings.data_dir)
    shown = run(served.home, "admin", "profiles", "show", "\x1b[2J\x9b2J", "--data-dir", folder)
    refused(shown, 1, "\ufffd[2J\ufffd2J")
    assert "\x1b" not in shown.stderr
