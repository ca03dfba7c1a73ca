"""What each command imports: help is fast only if none of the gateway is imported."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from voxport.cli.main import main

HEAVY = ("numpy", "onnxruntime", "fastapi", "sqlalchemy", "pydantic", "dbos", "alembic", "uvicorn", "httpx2")
_ASK = """
import sys
from voxport.cli.main import main
for arguments in {calls!r}:
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
loaded = [name for name in {heavy!r} if name in sys.modules]
print(loaded, file=sys.stderr)
sys.exit(len(loaded))
"""


def _calls(command: click.Command, path: tuple[str, ...] = ()) -> list[list[str]]:
    calls = [[*path, "--help"]]
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            calls += _calls(below, (*path, name))
    return calls


def test_no_help_of_any_command_loads_the_gateway() -> None:
    calls = _calls(main)
    assert ["serve", "--help"] in calls
    assert ["admin", "keys", "create", "--help"] in calls
    assert ["say", "--help"] in calls
    result = subprocess.run(
        [sys.executable, "-c", _ASK.format(calls=[*calls, ["--version"]], heavy=HEAVY)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_the_ways_to_group_usage_are_those_of_the_books() -> None:
    from typing import get_args

    from voxport.billing.usage import GroupBy

    admin = main.commands["admin"]
    assert isinstance(admin, click.Group)
    for command in (main.commands["usage"], admin.commands["usage"]):
        (option,) = (one for one in command.params if one.name == "by")
        assert isinstance(option.type, click.Choice)
        assert tuple(option.type.choices) == get_args(GroupBy)


@pytest.mark.parametrize("arguments", [["serve", "--port", "x"], ["nothing"]])
def test_a_mistyped_command_is_refused_without_a_traceback(arguments: list[str]) -> None:
    result = subprocess.run([sys.executable, "-m", "voxport", *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
