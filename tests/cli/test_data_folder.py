"""Which commands create a data folder, and how many servers may run in one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from voxport.cli.main import main
from voxport.cli.serve import _acquire_serve_lock
from voxport.errors import Invalid


@pytest.mark.parametrize("arguments", ["ledger verify", "profiles list", "profiles create A"])
def test_a_command_in_a_wrong_folder_says_so_and_makes_nothing(tmp_path: Path, arguments: str) -> None:
    result = CliRunner().invoke(main, ["admin", *arguments.split(), "--data-dir", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert str(tmp_path / "data") in result.stderr
    assert "--data-dir" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_second_server_in_a_folder_is_refused_until_the_first_is_gone_even_by_a_kill(tmp_path: Path) -> None:
    hold = "import sys, time; from pathlib import Path; from voxport.cli.serve import _acquire_serve_lock"
    hold += "; fd = _acquire_serve_lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(Invalid, match="--no-worker"):
            _acquire_serve_lock(tmp_path)
        first.kill()
    os.close(_acquire_serve_lock(tmp_path))
