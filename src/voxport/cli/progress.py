"""Shows the progress of a job: as a bar in a terminal, as lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from voxport_client import Job

_INTERVAL_SECONDS: Final = 5.0
_STEP_PERCENT: Final = 10


@contextlib.contextmanager
def show_progress(label: str) -> Iterator[Callable[[Job], None]]:
    """Yield a function that shows the progress of the job passed to it, as a bar if standard output is a terminal, else
    as lines for a log or a pipe."""
    if not sys.stdout.isatty():
        yield ProgressLines(label)
        return
    with click.progressbar(length=100, label=label, show_eta=False, item_show_func=lambda stage: stage) as bar:
        yield lambda job: bar.update(_percent(job) - bar.pos, job.stage)


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
        self._echo(f"{self._label}: {percent:3} %, {stage}, {now - self._began:.0f} s")


def _percent(job: Job) -> int:
    return round(job.progress * 100)
