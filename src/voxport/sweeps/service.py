"""Runs sweeps: each item fails alone, is retried after a growing pause, and is shown to the operator until it
succeeds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import VoxportError
from voxport.sweeps.models import SweepFailure

T = TypeVar("T")

_FIRST_PAUSE: Final = timedelta(seconds=45)  # shorter than the minute between two rounds of the worker
_MAX_PAUSE: Final = timedelta(hours=6)
_RETENTION: Final = timedelta(days=2)
"""Age at which a failure that did not recur is deleted: its item was finished in another way."""
_log = logging.getLogger("voxport.sweeps")


class SweepIncomplete(Exception):
    """Part of an item is left for a later round. The message is for the operator."""


class Sweeps:
    def __init__(self, database: Database, *, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def process(self, task: str, rows: Iterable[T], item_id: Callable[[T], str], action: Callable[[T], Any]) -> int:
        """Run `action` on every row whose pause is over. Returns how many succeeded: those for which it returned
        anything but False. `item_id` gives a row's id, for the log and the operator. An exception fails only its own
        row, and doubles the pause before its next attempt, up to six hours."""
        moment = self._clock()
        failed = {one.item: one for one in self.failures(task)}
        done = 0
        for row in rows:
            name = item_id(row)[:512]
            previous = failed.get(name)
            # A failure in the future was recorded before the clock was set back: it is retried.
            if previous is not None and previous.last_at <= moment < previous.next_at:
                continue
            try:
                done += action(row) is not False
            except Exception as error:
                self._record(task, name, previous, error)
            else:
                if previous is not None:
                    with self._database.transaction() as tx:
                        self.clear(tx, task, name)
        return done

    def paused_items(self, task: str) -> Select[str]:
        """Return a subquery of the items whose pause is not over. Queries with a limit exclude them, so that they don't
        block the items behind them."""
        query = select(SweepFailure.item).where(SweepFailure.task == task)
        return query.where(SweepFailure.next_at > self._clock(), SweepFailure.last_at <= self._clock())

    def clear(self, tx: Session, task: str, item: str) -> None:
        """Delete the failure of an item that was finished."""
        tx.execute(delete(SweepFailure).where(SweepFailure.task == task, SweepFailure.item == item[:512]))

    def failures(self, task: str | None = None) -> list[SweepFailure]:
        """Return the failures of unfinished items, oldest first."""
        query = select(SweepFailure).order_by(SweepFailure.sequence)
        with self._database.snapshot() as tx:
            return list(tx.scalars(query if task is None else query.where(SweepFailure.task == task)))

    def clear_pauses(self) -> None:
        """End all pauses, so that the next round retries everything."""
        with self._database.transaction() as tx:
            tx.execute(update(SweepFailure).values(next_at=SweepFailure.last_at))

    def sweep(self) -> int:
        """Delete failures that did not recur; returns how many."""
        with self._database.transaction() as tx:
            old = SweepFailure.last_at < self._clock() - _RETENTION
            count = tx.scalar(select(func.count()).select_from(SweepFailure).where(old)) or 0
            tx.execute(delete(SweepFailure).where(old))
        return count

    def _record(self, task: str, item: str, previous: SweepFailure | None, error: Exception) -> None:
        failures = previous.failures + 1 if previous is not None else 1
        pause = min(_MAX_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 12))
        extra = {"task": task, "item": item, "failures": failures, "again_in_seconds": pause.total_seconds()}
        if isinstance(error, VoxportError | SweepIncomplete):
            _log.warning("an item could not be swept: %s", _error_text(error), extra=extra)
        else:
            _log.error("an item could not be swept", exc_info=error, extra=extra)
        moment = self._clock()
        try:
            with self._database.transaction() as tx:
                self.clear(tx, task, item)
                tx.add(
                    SweepFailure(
                        task=task,
                        item=item,
                        failures=failures,
                        error=_error_text(error),
                        first_at=previous.first_at if previous is not None else moment,
                        last_at=moment,
                        next_at=moment + pause,
                    )
                )
        except Exception:  # without the record, the next round retries the item
            _log.exception("a failure could not be written down", extra={"task": task, "item": item})


def _error_text(error: Exception) -> str:
    """Return the part of an exception that may be stored: the gateway's own message, or else the type."""
    if isinstance(error, VoxportError):
        return f"{error.code}: {error.message}"[:200]
    return str(error)[:200] if isinstance(error, SweepIncomplete) else type(error).__name__
