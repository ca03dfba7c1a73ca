"""Shows the progress of a script by its lines: as a bar in a terminal, as lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import click

from voxport.cli.output import printable, tokens

if TYPE_CHECKING:
    from voxport_client import Job, JobLine, Page, ScriptEstimate

_ASK_SECONDS: Final = 1.0
_SHOW_SECONDS: Final = 5.0
_PAGE: Final = 100
_TEXT_WIDTH: Final = 40

ReadPage = Callable[[str | None], "Page[JobLine]"]
"""Returns the lines from a cursor on, `_PAGE` at most."""


class LineCounter:
    """Counts the lines that are ready. It asks for the first page that is not ready yet, once a second at most."""

    def __init__(self, read_page: ReadPage, estimate: ScriptEstimate, clock: Callable[[], float]) -> None:
        self._read_page = read_page
        self._estimate = estimate
        self._clock = clock
        self._asked_at = float("-inf")
        self._stage = ""
        self._cursor: str | None = None
        self._before = 0
        self.done = 0
        self.current: JobLine | None = None

    def update(self, stage: str) -> None:
        """Ask the gateway, once a second and for each new stage. A lost answer is no reason to end the wait for the
        job."""
        from voxport_client import VoxportError

        if stage == self._stage and self._clock() < self._asked_at + _ASK_SECONDS:
            return
        self._stage = stage
        with contextlib.suppress(VoxportError):
            self._count()
        self._asked_at = self._clock()

    def _count(self) -> None:
        while True:
            page = self._read_page(self._cursor)
            ready = sum(line.state != "waiting" for line in page.data)
            self.done = self._before + ready
            self.current = next((line for line in page.data if line.state == "waiting"), None)
            if ready < len(page.data) or page.next_cursor is None:
                return
            self._before, self._cursor = self.done, page.next_cursor

    @property
    def cost(self) -> Decimal:
        """About what the lines will cost that were spoken so far."""
        estimate = self._estimate
        spoken = min(max(self.done - estimate.reused, 0), estimate.spoken)
        return estimate.tokens * spoken / estimate.spoken if estimate.spoken else Decimal(0)

    def text(self) -> str:
        """Return what is being spoken, such as `Ana: Who is there?`."""
        if self.current is None:
            return ""
        said = " ".join(self.current.text.split())
        text = f"{self.current.character}: {said}"
        return text if len(text) <= _TEXT_WIDTH else f"{text[: _TEXT_WIDTH - 1]}…"


@contextlib.contextmanager
def show_lines(
    read_page: ReadPage, estimate: ScriptEstimate, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Job], None]]:
    """Yield a function that shows on standard error how many lines the job passed to it has, who speaks, and about what
    it has cost so far. `clock` returns seconds."""
    counter = LineCounter(read_page, estimate, clock)
    if not sys.stderr.isatty():
        yield _LineReports(counter, estimate.lines, clock)
        return
    with click.progressbar(
        length=estimate.lines,
        label="Lines",
        show_eta=False,
        show_pos=True,
        item_show_func=lambda item: item,
        file=sys.stderr,
    ) as bar:

        def show(job: Job) -> None:
            counter.update(job.stage)
            doing = counter.text() if job.stage == "speaking" else job.stage
            about = f"about {tokens(counter.cost)} tokens"
            bar.update(counter.done - bar.pos, printable(f"{about}; {doing}" if doing else about))

        yield show


class _LineReports:
    """Prints a line for each new stage, for each ten per cent, and every five seconds, so that a log shows activity."""

    def __init__(self, counter: LineCounter, total: int, clock: Callable[[], float]) -> None:
        self._counter = counter
        self._total = total
        self._clock = clock
        self._shown: tuple[str, int] | None = None
        self._shown_at = clock()

    def __call__(self, job: Job) -> None:
        counter = self._counter
        counter.update(job.stage)
        stage, tenths = job.stage or job.status, 10 * counter.done // max(self._total, 1)
        if self._shown == (stage, tenths) and self._clock() < self._shown_at + _SHOW_SECONDS:
            return
        self._shown, self._shown_at = (stage, tenths), self._clock()
        doing = counter.text() if stage == "speaking" and counter.current is not None else stage
        about = f"about {tokens(counter.cost)} tokens"
        click.echo(printable(f"Line {counter.done} of {self._total}, {about}: {doing}"), err=True)
