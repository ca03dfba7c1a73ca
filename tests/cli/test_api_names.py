"""Messages of the gateway name options and commands, no fields of the API."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import voxport
from tests.cli.test_help import commands
from voxport.cli.api_names import OPTIONS, with_options
from voxport.cli.main import main

SOURCE = Path(voxport.__file__).parent


def test_each_name_is_one_that_messages_of_the_gateway_have() -> None:
    messages = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py") if path.parent.name != "cli")
    assert [name for name in OPTIONS if name not in messages] == []


def test_each_option_and_command_exists() -> None:
    paths = list(commands(main))
    options = {name for path in paths for parameter in command_of(path).params for name in parameter.opts}
    shown = " ".join(OPTIONS.values())
    assert set(re.findall(r"--[a-z-]+", shown)) <= options
    assert set(re.findall(r"`voxport (\w+)`", shown)) <= {path[0] for path in paths}


def command_of(path: tuple[str, ...]) -> click.Command:
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("max_tokens_cost is 1. Raise it.", "--max-cost is 1. Raise it."),
        ("Say script_format: lines for `Ana: Who?`.", "Say --script-format lines for `Ana: Who?`."),
        ("It is at local. Send provider: local.", "It is at local. Add --provider local."),
        ("There is no such job. GET /v2/jobs lists yours.", "There is no such job. `voxport jobs` lists yours."),
    ],
)
def test_a_message_names_what_the_command_line_has(message: str, shown: str) -> None:
    assert with_options(message) == shown
