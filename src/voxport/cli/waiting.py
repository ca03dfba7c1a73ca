"""Waits for a job with its progress, and says after Ctrl-C how to go on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from voxport.cli.connection import GatewayConnection
from voxport.cli.output import note
from voxport.cli.progress import show_progress

if TYPE_CHECKING:
    from voxport_client import Job, PendingJob

T = TypeVar("T")
ShowProgress = Callable[[], "AbstractContextManager[Callable[[Job], None]]"]


def wait_for(
    connection: GatewayConnection, pending: PendingJob[T], label: str, *, progress: ShowProgress | None = None
) -> T:
    """Return the result of a job that was just queued. `progress` shows it in place of a bar with `label`. Raises the
    client's errors."""
    try:
        with show_progress(label, err=True) if progress is None else progress() as watch:
            return pending.wait(on_progress=watch)
    except KeyboardInterrupt:
        _leave(connection, pending.id)
        raise


def wait_for_id(connection: GatewayConnection, job_id: str, label: str) -> Job:
    """Return a job that has ended, however it ended. Raises the client's errors."""
    try:
        with show_progress(label, err=True) as watch:
            return connection.client.jobs.follow(job_id, on_progress=watch)
    except KeyboardInterrupt:
        _leave(connection, job_id)
        raise


def note_queued(connection: GatewayConnection, job_id: str) -> None:
    options = str(connection.choice)
    note(f"Watch it:  voxport jobs watch {job_id}{options}")
    note(f"Cancel it: voxport jobs cancel {job_id}{options} (it costs nothing then)")


def _leave(connection: GatewayConnection, job_id: str) -> None:
    if sys.stderr.isatty():
        note("")
    note(f"The job {job_id} goes on without this command.")
    if connection.is_temporary:
        note("The gateway of this command ends with it: the job goes on when one runs, such as `voxport serve`.")
    note_queued(connection, job_id)
