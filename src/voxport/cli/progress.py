"""Shows the progress of a job or an upload: as a bar in a terminal, as lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from voxport.cli.output import printable

if TYPE_CHECKING:
    from voxport_client import Job

_INTERVAL_SECONDS: Final = 5.0
_STEP_PERCENT: Final = 10


@contextlib.contextmanager
def show_progress(label: str, *, err: bool = False) -> Iterator[Callable[[Job], None]]:
    """Yield a function that shows the progress of the job passed to it, as a bar if the stream is a terminal, else as
    lines for a log or a pipe. The stream is standard output, or with `err` standard error."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        yield ProgressLines(label, echo=partial(click.echo, err=err))
        return
    with click.progressbar(
        length=100, label=label, show_eta=False, item_show_func=lambda stage: stage and printable(stage), file=stream
    ) as bar:
        yield lambda job: bar.update(_percent(job) - bar.pos, job.stage)


@contextlib.contextmanager
def show_upload(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows how many of all bytes were sent, as a bar on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(sent: int, size: int) -> None:
            bar.length = max(size, 1)
            bar.update(sent - bar.pos)  # a retry begins again

        yield show


class ProgressLines:
    """Prints a line for each new stage, for each ten per cent, and every five seconds, so that a log shows activity."""

    def __init__(
        self,
        label: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        echo: Callable[[str], None] = click.echo,
    ) -> None:
        """`clock` returns seconds."""
        self._label = label
        self._clock = clock
        self._echo = echo
        self._shown: tuple[str, int] | None = None
        self._shown_at = self._began = clock()

    def __call__(self, job: Job) -> None:
        stage, percent = job.stage or job.status, _percent(job)
        now = self._clock()
        if self._shown is not None:
            last_stage, last_percent = self._shown
            is_due = percent >= last_percent + _STEP_PERCENT or now >= self._shown_at + _INTERVAL_SECONDS
            if stage == last_stage and not is_due:
                return
        self._shown, self._shown_at = (stage, percent), now
        self._echo(printable(f"{self._label}: {percent:3} %, {stage}, {now - self._began:.0f} s"))


def _percent(job: Job) -> int:
    return round(job.progress * 100)
