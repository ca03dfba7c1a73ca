"""The help pages teach, and shells complete names without asking a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from tests.cli.served import Served, private_folders, run
from voxport.cli.admin.group import MOVED
from voxport.cli.exit_codes import ExitCode
from voxport.cli.main import main

DOCS = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_every_help_page_has_an_example(tmp_path: Path, path: tuple[str, ...]) -> None:
    shown = run(tmp_path, *path, "--help")
    assert shown.exit_code == 0
    assert "  Examples:\n    voxport " in shown.stdout.replace("pass voxport", "voxport"), shown.stdout
    assert max(len(line) for line in shown.stdout.splitlines()) <= 110


def test_the_first_page_lists_every_command_in_a_section_and_no_old_name(tmp_path: Path) -> None:
    shown = run(tmp_path, "--help").stdout
    for title in ("For you:", "Set-up:", "Operating:"):
        assert f"\n{title}\n" in shown
    listed = {line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2:3].isalpha()}
    assert set(main.commands) <= listed
    assert not {name for name in MOVED if f"\n  {name} " in shown}
    assert "..." not in shown.partition("For you:")[2]


def test_the_page_of_the_commands_names_each_of_them_and_each_exit_code() -> None:
    page = DOCS.read_text("utf-8")
    for path in commands(main):
        if path[0] != "admin":
            assert f"voxport {' '.join(path)}" in page, path
    for code in ExitCode:
        assert f"| {code.value} |" in page, code


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(tmp_path: Path, shell: str) -> None:
    shown = run(tmp_path, "completion", shell)
    assert shown.exit_code == 0
    assert "_VOXPORT_COMPLETE" in shown.stdout


def test_names_of_voices_are_completed_from_the_last_list_without_a_gateway(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in private_folders(served.home).items():
        monkeypatch.setenv(name, str(value))
    assert completed("say", "x", "--voice", incomplete="") == []
    assert served.run("voices").exit_code == 0
    monkeypatch.setenv("VOXPORT_URL", "http://127.0.0.1:1")
    assert completed("say", "x", "--voice", incomplete="hea") == ["Heart"]
    assert completed("say", "x", "-v", incomplete="") == ["Dora", "ef_dora", "Heart", "af_heart"]
    assert completed("say", "x", "--provider", incomplete="mini") == ["minimax"]
    assert "clone" in completed(incomplete="cl")
    assert completed("jobs", incomplete="w") == ["watch"]


def completed(*arguments: str, incomplete: str) -> list[str]:
    found = ShellComplete(main, {}, "voxport", "_VOXPORT_COMPLETE").get_completions(list(arguments), incomplete)
    return [item.value for item in found]
