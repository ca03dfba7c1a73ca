"""`voxport jobs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from voxport.cli.audio_output import parse_target
from voxport.cli.connection import Choice, GatewayConnection, connect, gateway_options
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.groups import ListGroup
from voxport.cli.output import is_json, moment, note, print_json, print_table, printable, tokens, warn
from voxport.cli.waiting import wait_for_id

if TYPE_CHECKING:
    from voxport_client import Job

_STATUSES: Final = ("queued", "processing", "completed", "failed", "cancelled")


@click.group(cls=ListGroup)
def jobs() -> None:
    """List, watch and cancel jobs. Without a command, list them.

    \b
    Examples:
      voxport jobs
      voxport jobs watch JOB
      voxport jobs watch JOB -o chapter1.mp3
      voxport jobs cancel JOB
    """


@jobs.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only those.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@gateway_options
def list_jobs(status: str | None, limit: int, choice: Choice) -> None:
    """List your jobs, the newest first.

    \b
    Examples:
      voxport jobs list --status processing
      voxport jobs list --json
    """
    found: list[Job] = []
    with connect(choice) as connection:
        for job in connection.client.jobs.list(status=status, limit=min(limit, 100)):  # type: ignore[arg-type]
            found.append(job)
            if len(found) == limit:
                break
    if is_json():
        print_json(found)
        return
    print_table(
        ("JOB", "SERVICE", "STATUS", "STAGE", "DONE", "CREATED", "TOKENS"),
        [
            (
                job.id,
                job.service,
                job.status,
                job.stage,
                f"{job.progress:.0%}",
                moment(job.created_at),
                tokens(job.token_cost),
            )
            for job in found
        ],
    )


@jobs.command("watch")
@click.argument("job_id", metavar="JOB")
@click.option("-o", "--output", metavar="FILE", help="Where the speech of the job goes when it is completed.")
@gateway_options
def watch_job(job_id: str, output: str | None, choice: Choice) -> None:
    """Show the progress of JOB until its end, then its result.

    Ctrl-C ends the watching, not the job. Prints the voice's id or the file's key.

    \b
    Examples:
      voxport jobs watch JOB
      voxport jobs watch JOB -o chapter1.mp3
    """
    target = None if output is None else parse_target(output, None)
    if target is not None and target.path is None:
        raise click.UsageError("Name a file with -o.")
    with connect(choice) as connection:
        job = wait_for_id(connection, job_id, "Job")
        if job.status == "completed" and target is not None and target.path is not None:
            _save(connection, job, target.path)
        if is_json():
            print_json(job)
        elif job.status == "completed":
            _show(job, output)
        if job.status != "completed":
            _fail(job)


@jobs.command("cancel")
@click.argument("job_id", metavar="JOB")
@gateway_options
def cancel_job(job_id: str, choice: Choice) -> None:
    """End JOB. It costs nothing then.

    \b
    Examples:
      voxport jobs cancel JOB
    """
    with connect(choice) as connection:
        job = connection.client.jobs.cancel(job_id)
    if is_json():
        print_json(job)
    else:
        note(f"{job.id} is cancelled.")


def _save(connection: GatewayConnection, job: Job, path: Path) -> None:
    key = (job.result_data or {}).get("key")
    if not isinstance(key, str):
        hint = "Leave -o out."
        if "outputs" in (job.result_data or {}):
            hint = "It made several: `voxport script render` with the same script and cast saves them, free of charge."
        raise CommandError(f"The job {job.id} made no single file: it is a {job.service}.", ExitCode.USAGE, hint)
    connection.client.media.save(key, path)


def _show(job: Job, output: str | None) -> None:
    result = job.result_data or {}
    warn([str(one) for one in result.get("warnings") or []])
    note(f"{job.id} is completed. It cost {tokens(job.token_cost)} tokens.")
    made = output or result.get("key") or result.get("voice_id")
    if made:
        click.echo(printable(str(made)))


def _fail(job: Job) -> None:
    """Raises the error of a job that was not completed."""
    from voxport_client import JobCancelledError, JobFailedError

    raise JobCancelledError(job) if job.status == "cancelled" else JobFailedError(job)
