"""Checks the ledger's own rules, and that it agrees with the jobs. `voxport admin ledger verify` runs the check, and so
does the worker once a day; the metrics show the worker's result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from voxport.billing.money import format_tokens
from voxport.billing.verify import find_problems
from voxport.clock import now
from voxport.db.lease import Leases
from voxport.db.session import Database
from voxport.reconciliation import repository
from voxport.reconciliation.models import LedgerCheck
from voxport.reconciliation.repository import OpenHold

_LEASE = "ledger-check"
_MAX_LOGGED = 100  # problems, each in a line of its own
_log = logging.getLogger("voxport.books")


class Reconciliation:
    """Verifies the ledger. `leases` tell which processes are alive; `interval` is the time between two checks by the
    worker."""

    def __init__(
        self, database: Database, leases: Leases, *, interval: timedelta, clock: Callable[[], datetime] = now
    ) -> None:
        self._database = database
        self._leases = leases
        self._interval = interval
        self._clock = clock

    def verify(self) -> list[str]:
        """Return every violation as a sentence that names the row; an empty list means none. Reads from one snapshot,
        so that calls and jobs in progress cause no false findings."""
        with self._database.snapshot(is_long=True) as tx:
            problems = find_problems(tx) + _mismatched_jobs(tx)
            open_holds = repository.open_holds(tx)
        problems += [problem for problem in map(_unsettled_problem, open_holds) if problem is not None]
        return problems + self._dead_owner_problems(open_holds)

    def last_check(self) -> LedgerCheck | None:
        with self._database.snapshot() as tx:
            return repository.last_check(tx)

    def check_if_due(self) -> int:
        """Verify if the last check is at least `interval` ago, store the result, and log each problem. Returns the
        number of checks, 0 if none is due or another worker is running it."""
        if not self._is_due():
            return 0
        lease = self._leases.try_acquire(_LEASE)
        if lease is None:
            return 0
        with lease:
            if not self._is_due():  # another worker has just run it
                return 0
            began = time.monotonic()
            problems = self.verify()
            seconds = time.monotonic() - began
            with self._database.transaction() as tx:
                tx.add(LedgerCheck(checked_at=self._clock(), seconds=seconds, problems=len(problems)))
        for problem in problems[:_MAX_LOGGED]:
            _log.error("the ledger is wrong", extra={"problem": problem})
        if len(problems) > _MAX_LOGGED:
            _log.error(
                "the ledger is wrong in more places: see `voxport admin ledger verify`", extra={"all": len(problems)}
            )
        return 1

    def _is_due(self) -> bool:
        last = self.last_check()
        # abs: a clock that was set back must not postpone the next check.
        return last is None or abs(self._clock() - last.checked_at) >= self._interval

    def _dead_owner_problems(self, open_holds: list[OpenHold]) -> list[str]:
        """Return the problems of holds whose process died. A process that exits cleanly settles its holds first, so
        holds that are still open after it is found dead are abandoned."""
        owners = {hold.owner for hold in open_holds if hold.owner is not None}
        dead = {owner for owner in owners if not self._leases.is_held(owner)}
        left = [hold for hold in open_holds if hold.owner in dead and not hold.is_outcome_unknown]
        with self._database.snapshot() as tx:
            open_still = repository.still_open(tx, [hold.id for hold in left])
        return [
            f"hold {hold.id}: it is open and its process {hold.owner} is dead (a worker gives it back within a minute)"
            for hold in left
            if hold.id in open_still
        ]


def _unsettled_problem(hold: OpenHold) -> str | None:
    """Return the problem of an open hold that no process owns, and that no open job or unknown outcome explains."""
    if hold.owner is not None or hold.is_outcome_unknown or hold.job_status in ("queued", "processing"):
        return None
    if hold.job_id is None:
        return f"hold {hold.id}: it is open, and no process, job or intent will settle it"
    state = "not there" if hold.job_status is None else hold.job_status
    return f"hold {hold.id}: it is open and its job {hold.job_id} is {state}"


def _mismatched_jobs(tx: Session) -> list[str]:
    problems = [
        f"hold {hold_id}: it was charged and its job {job_id} is {status or 'not there'}, "
        "is not completed at that cost, or has another hold"
        for hold_id, job_id, status in repository.charges_without_job(tx)
    ]
    for job_id, hold_id, cost, charged in repository.completed_jobs_without_charge(tx):
        shown = "nothing" if charged is None else format_tokens(charged)
        problems.append(
            f"job {job_id}: it cost {format_tokens(cost)}, and the ledger charged {shown} for its hold {hold_id}"
        )
    return problems
