"""The commands that serve, in a folder that is not or cannot be a gateway's, and two servers on one folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.server import run_cli
from voxport.cli.main import main
from voxport.testing.running_gateway import running_gateway


def test_a_worker_alone_in_a_wrong_folder_says_so_and_makes_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["worker", "--data-dir", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert str(tmp_path / "data") in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", [".", "below"])
def test_a_server_whose_data_folder_is_a_file_says_so(
    tmp_path: Path, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("VOXPORT_DATA_DIR", str(tmp_path / "file" / below))
    result = CliRunner().invoke(main, ["serve", "--port", "0"])
    assert result.exit_code == 1
    assert "can't be used as the data folder" in result.stderr
    assert "--data-dir" in result.stderr


def test_a_server_where_no_folder_can_be_made_says_so() -> None:
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--data-dir", "/proc/voxport"])
    assert result.exit_code == 1
    assert "/proc/voxport can't be used" in result.stderr


def test_a_server_whose_lock_is_a_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").mkdir()
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "Is a directory" in result.stderr


@pytest.mark.slow
def test_a_second_server_is_refused_and_leaves_the_first_as_it_was(tmp_path: Path) -> None:
    with running_gateway(tmp_path, ready=False) as first:
        data = str(first.data_dir)
        refused = run_cli("serve", "--port", "0", "--data-dir", data, cwd=tmp_path)
        assert refused.returncode == 1
        assert refused.stdout == ""
        assert "Another voxport serve runs" in refused.stderr
        assert "--no-worker" in refused.stderr
        assert "Traceback" not in refused.stderr
        with first.client() as client:
            assert client.get("/v2/billing/balance").json()["data"]["balance"] == 100
        first.process.kill()
        first.process.wait(30)

    with running_gateway(tmp_path, ready=False) as later:
        assert later.stdout.read_text() == ""
        output = later.stderr.read_text()
        assert "voxport admin keys list" in output
        assert "voxport admin keys create PROFILE" in output
        assert f"{later.url}/studio" in output
