"""The command `voxport doctor`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import click

from voxport.cli.connection import Choice, gateway_options
from voxport.cli.doctor.findings import CheckResult, failed
from voxport.cli.exit_codes import ExitCode
from voxport.cli.output import is_json, print_json, printable

if TYPE_CHECKING:
    from voxport.settings import Settings

_COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command(short_help="Check the set-up, and say what to do.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where `voxport serve` is to listen.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Likewise.")
@gateway_options
def doctor(host: str, port: int, choice: Choice) -> None:
    """Check the set-up, and say what to do: program, settings, data, engine, providers, gateway, key.

    Each line is ok, a warning or failed. Nothing is changed, and no call costs anything; keys of hosted providers are
    tried. Exit code 1 if something failed.

    \b
    Examples:
      voxport doctor
      voxport doctor --data-dir /srv/voxport
      voxport doctor --url https://voices.example.com --json
    """
    logging.disable(logging.CRITICAL)  # the findings say it
    try:
        findings = list(_examine(host, port, choice))
    finally:
        logging.disable(logging.NOTSET)
    count = {status: sum(one.status == status for one in findings) for status in _COLOURS}
    if is_json():
        print_json({"ok": count["failed"] == 0, "checks": findings})
    elif count["failed"] or count["warning"]:
        click.echo(f"{count['failed']} failed, {count['warning']} warnings, {count['ok']} ok.")
    else:
        click.echo("Everything is as it should be.")
    if count["failed"]:
        sys.exit(ExitCode.OTHER)


def _examine(host: str, port: int, choice: Choice) -> Iterator[CheckResult]:
    """Run all checks. Those that need what an earlier one found broken are left out."""
    from voxport.cli.doctor import data, gateway, machine, providers

    yield from _shown("python", machine.check_python)
    settings: list[Settings] = []
    yield from _shown("settings", lambda: data.check_settings(choice.data_dir, settings))
    if settings:
        found = settings[0]
        yield from _shown("data folder", lambda: data.check_folder(found))
        yield from _shown("database", lambda: data.check_database(found))
        yield from _shown("storage", lambda: data.check_storage(found))
        yield from _shown("ffmpeg", lambda: machine.check_ffmpeg(found.ffmpeg))
        yield from _shown("engine", lambda: machine.check_engine(found))
        yield from _shown("torch", machine.check_torch)
        yield from _shown("cache folder", machine.check_cache)
        yield from _shown("providers", lambda: providers.check_providers(found))
        yield from _shown("port", lambda: gateway.check_port(host, port, found.data_dir))
    yield from _shown("login", gateway.check_login)
    folder = settings[0].data_dir if settings else None
    yield from _shown("gateway", lambda: gateway.check_gateway(choice, folder))


def _shown(check: str, run: Callable[[], Iterator[CheckResult]]) -> Iterator[CheckResult]:
    """Show each finding as it comes; a check that breaks is a finding too."""
    try:
        for finding in run():
            _show(finding)
            yield finding
    except Exception as error:
        advice = "This is a bug of voxport doctor: please report it."
        finding = failed(check, f"the check broke: {type(error).__name__}: {error}", advice)
        _show(finding)
        yield finding


def _show(finding: CheckResult) -> None:
    if is_json():
        return
    status = click.style(f"{finding.status:<8}", fg=_COLOURS[finding.status])
    click.echo(f"{status} {finding.check}: {printable(finding.message)}")
    if finding.advice:
        click.echo(f"         {printable(finding.advice)}")
