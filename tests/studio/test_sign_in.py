"""One-time links of `voxport studio`: good once, for a minute, for the gateway of their data folder alone."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from tests.conftest import MakeClient, MakeGateway
from tests.support.client import GatewayClient, error_of
from tests.support.concurrency import run_concurrently
from tests.support.server import run_cli
from voxport.audit.service import CLI
from voxport.cli.main import main
from voxport.clock import now
from voxport.errors import Forbidden
from voxport.studio.sign_in_links import SignInLinks
from voxport.testing.running_gateway import running_gateway

SESSION = "/studio/session"
URL = "http://127.0.0.1:8000"


def token_of(client: GatewayClient) -> str:
    link = SignInLinks(client.gateway.settings.data_dir).create(client.profile_id, URL)
    return link.url.partition("#sign-in=")[2]


def test_a_link_signs_in_once_and_its_key_expires(client: GatewayClient) -> None:
    token = token_of(client)
    answer = client.http.post(SESSION, json={"token": token})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    session = answer.json()["data"]
    assert client.http.get("/v2/billing/balance", headers={"X-API-Key": session["key"]}).status_code == 200
    lifetime = datetime.fromisoformat(session["expires_at"]) - now()
    assert timedelta(hours=11.9) < lifetime <= timedelta(hours=12)
    row = client.get("/v2/keys").json()["data"][-1]
    assert (row["name"], row["expires_at"]) == ("Studio", session["expires_at"])

    again = client.http.post(SESSION, json={"token": token})
    assert again.status_code == 403
    assert error_of(again)["code"] == "sign_in_link_unusable"


def test_the_page_learns_whose_key_it_has(client: GatewayClient) -> None:
    assert client.get("/studio/profile").json()["data"] == {"id": client.profile_id}
    assert client.http.get("/studio/profile").status_code == 401


def test_of_many_at_once_one_gets_a_key(client: GatewayClient) -> None:
    token = token_of(client)
    answers = run_concurrently(8, lambda _: client.http.post(SESSION, json={"token": token}).status_code)
    assert sorted(answers) == [201] + [403] * 7


@pytest.mark.parametrize("token", ["", "x", "../../secret.key", "A" * 43, "A" * 200, "ä" * 43])
def test_other_tokens_are_refused(client: GatewayClient, token: str) -> None:
    assert client.http.post(SESSION, json={"token": token}).status_code == 403


def test_a_link_is_too_old_after_a_minute(tmp_path: Path) -> None:
    moments = iter([now(), now() + timedelta(seconds=61), now() + timedelta(seconds=61)])
    moment = next(moments)
    links = SignInLinks(tmp_path, clock=lambda: moment)
    token = links.create("prof_1", URL).url.partition("#sign-in=")[2]
    moment = next(moments)
    with pytest.raises(Forbidden):
        links.redeem(token)


def test_a_link_of_another_data_folder_is_refused(client: GatewayClient, tmp_path: Path) -> None:
    link = SignInLinks(tmp_path).create(client.profile_id, URL)
    assert client.http.post(SESSION, json={"token": link.url.partition("=")[2]}).status_code == 403


def test_the_token_is_in_no_file_name_and_only_this_user_reads_it(tmp_path: Path) -> None:
    link = SignInLinks(tmp_path).create("prof_1", URL)
    token = link.url.partition("=")[2]
    assert link.url.startswith(f"{URL}/studio#"), "a fragment is sent to no server, and stands in no log"
    files = list((tmp_path / "sign-in").iterdir())
    assert len(files) == 2
    for path in files:
        assert token not in path.name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path for path in files if token in path.read_text()] == [link.page]
    SignInLinks(tmp_path).redeem(token)
    assert list((tmp_path / "sign-in").iterdir()) == []


def test_links_that_nobody_used_are_swept(tmp_path: Path) -> None:
    SignInLinks(tmp_path).create("prof_1", URL)
    later = SignInLinks(tmp_path, clock=lambda: now() + timedelta(minutes=3))
    later.create("prof_2", URL)
    assert len(list((tmp_path / "sign-in").iterdir())) == 2


def test_guessing_is_limited_as_guessing_of_keys_is(make_client: MakeClient) -> None:
    client = make_client(rate_limit_strangers_per_minute=3)
    statuses = [client.http.post(SESSION, json={"token": "A" * 43}).status_code for _ in range(5)]
    assert statuses == [403, 403, 403, 429, 429]


def test_a_profile_that_was_erased_gets_no_key(client: GatewayClient) -> None:
    token = token_of(client)
    with client.gateway.database.transaction() as tx:
        client.gateway.accounts.begin_erasure(tx, client.profile_id, actor=CLI)
    assert client.http.post(SESSION, json={"token": token}).status_code == 409


def test_the_command_prints_a_link_for_the_only_profile(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway.database.transaction() as tx:
        profile_id = gateway.accounts.create_profile(tx, "Ana").id
    folder = gateway.settings.data_dir
    arguments = ["studio", "--print", "--url", URL + "/", "--data-dir", str(folder)]
    result = CliRunner().invoke(main, arguments, env={"VOXPORT_DATABASE_URL": gateway.settings.database_url})
    assert result.exit_code == 0, result.output
    url = result.stdout.strip()
    assert url.startswith(f"{URL}/studio#sign-in=")
    assert SignInLinks(folder).redeem(url.partition("=")[2]) == profile_id


@pytest.mark.slow
def test_the_command_finds_the_server_that_runs_on_its_folder_and_no_other(tmp_path: Path) -> None:
    with running_gateway(tmp_path, ready=False) as gateway:
        data = ["--data-dir", str(gateway.data_dir)]
        result = run_cli("studio", "--print", *data, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        address, _, token = result.stdout.strip().partition("/studio#sign-in=")
        assert address == gateway.url
        assert token not in result.stderr
        answer = httpx2.post(f"{gateway.url}{SESSION}", json={"token": token})
        assert answer.status_code == 201
        assert token not in gateway.stderr.read_text() + gateway.stdout.read_text()
        assert answer.json()["data"]["key"] not in gateway.stderr.read_text()
    ended = run_cli("studio", "--print", *data, cwd=tmp_path)
    assert ended.returncode == 1
    assert "No voxport serve runs on" in ended.stderr


def test_the_command_says_what_is_missing(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    folder = ["--print", "--data-dir", str(gateway.settings.data_dir)]
    env = {"VOXPORT_DATABASE_URL": gateway.settings.database_url}
    nobody = CliRunner().invoke(main, ["studio", *folder], env=env)
    assert nobody.exit_code == 1
    assert "No voxport serve runs on" in nobody.stderr
    with gateway.database.transaction() as tx:
        ids = [gateway.accounts.create_profile(tx, name).id for name in ("Ana", "Ben")]
    several = CliRunner().invoke(main, ["studio", "--url", URL, *folder], env=env)
    assert several.exit_code == 1
    assert "--profile" in several.stderr
    assert all(one in several.stderr for one in ids)
    chosen = CliRunner().invoke(main, ["studio", "--url", URL, "--profile", ids[1], *folder], env=env)
    assert chosen.exit_code == 0
