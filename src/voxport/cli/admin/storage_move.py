"""`voxport admin storage move`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import click

from voxport.cli.common import data_dir_option, load_settings

_INTERVAL_SECONDS: Final = 2.0


@click.group()
def storage() -> None:
    """The files: uploads, speech, samples and voices.

    \b
    Examples:
      voxport admin storage move file:///srv/voxport/files s3://bucket/voxport
    """


@storage.command(short_help="Copy all files to another storage, while the gateway serves.")
@click.argument("source")
@click.argument("target")
@click.option("--stopped", is_flag=True, help="No process of the gateway runs: copy without the settings of step 1.")
@click.option("--compare", is_flag=True, help="Also compare by hash what the target had before this run.")
@data_dir_option
def move(source: str, target: str, stopped: bool, compare: bool, data_dir: Path | None) -> None:
    """Copy all files from SOURCE to TARGET while the gateway serves: file:///folder or s3://bucket/prefix, in either
    direction. TARGET is empty before the move.

    \b
    1. Set both, and restart every process of the gateway (stop all, then start all):
         VOXPORT_STORAGE_URL=TARGET
         VOXPORT_STORAGE_FALLBACK_URL=SOURCE
       Files are now written to TARGET, and read and deleted in both.
    2. voxport admin storage move SOURCE TARGET
       Run it again after an interruption: it goes on where it stopped.
    3. Remove VOXPORT_STORAGE_FALLBACK_URL, and restart.
    4. Delete what is in SOURCE. Nothing here does that for you.

    Each file is read twice, the second time from TARGET, to compare the hashes. Upload URLs of S3 that clients have
    already stay good for a day: when SOURCE is S3, run step 2 once more a day after step 1, before step 3.

    \b
    Examples:
      voxport admin storage move file:///srv/voxport/files s3://bucket/voxport
    """
    from voxport.storage.config import open_one
    from voxport.storage.fallback import canonical_url, mark_target
    from voxport.storage.move import copy_files

    settings = load_settings(data_dir)
    config = settings.storage
    configured = [None if url is None else canonical_url(url) for url in (config.fallback_url, config.url)]
    if not stopped and configured != [canonical_url(source), canonical_url(target)]:
        raise click.ClickException(
            "The gateway does not use these two: a file that it deletes during the copy would be back. Set "
            f"VOXPORT_STORAGE_URL={target} and VOXPORT_STORAGE_FALLBACK_URL={source}, restart every process, and run "
            "this again with the same settings. If none runs, add --stopped."
        )
    if canonical_url(source) == canonical_url(target):
        raise click.ClickException("SOURCE and TARGET are the same storage.")
    from_storage = open_one(source, config.s3, "SOURCE")
    to_storage = open_one(target, config.s3, "TARGET")
    mark_target(to_storage, target, from_storage, source)
    report = copy_files(from_storage, to_storage, on_progress=_Progress(), compare_all=compare)
    copied = f"{report.copied:,} files copied and compared ({report.bytes:,} bytes)"
    gone = f", {report.gone:,} were deleted meanwhile" if report.gone else ""
    click.echo(f"{copied}, {report.kept:,} were in {target} already{gone}")
    for problem in report.problems:
        click.echo(problem, err=True)
    if report.problems:
        click.echo("The move is not complete. Run it again.", err=True)
        sys.exit(1)


class _Progress:
    """Prints how far the copy is, every two seconds."""

    def __init__(self) -> None:
        self._shown_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._shown_at >= _INTERVAL_SECONDS:
            self._shown_at = time.monotonic()
            click.echo(f"{done:,} of {total:,} files")
