"""A worker process with a fake provider. Everything else is real.

Usage: `python -m tests.support.fake_provider_worker DATA_DIR SPOKEN SECONDS [PLACES]`

SECONDS is how long each piece takes ("0.1,60": the first 0.1, all others 60). The number of each piece is appended to
the file SPOKEN before the provider yields it. PLACES is how many texts are spoken at once, by default 2. Twice a second
the worker looks for jobs of dead workers, and appends a line to SPOKEN.rounds.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import voxport.jobs.dbos_worker
from tests.support.client import settings_for
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from voxport.gateway import open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.runner import JobRunner
from voxport.providers.base import SAMPLE_RATE

PIECES = 12


def main(data_dir: Path, spoken: Path, seconds: Sequence[float], places: int = 2) -> None:
    left = itertools.chain(seconds[:-1], itertools.repeat(seconds[-1]))

    def tell(number: int) -> None:
        time.sleep(next(left))
        with spoken.open("a") as file:
            file.write(f"{number}\n")

    provider = FakeProvider(samples=PIECES * SAMPLE_RATE, pieces=PIECES, on_piece=tell)
    gateway = open_gateway(
        settings_for(data_dir, worker_speech_concurrency=places), providers=[provider], samples=AcceptingSamples
    )
    runner = JobRunner(gateway.jobs, gateway.handlers)
    voxport.jobs.dbos_worker._REAP_SECONDS = 0.5
    voxport.jobs.dbos_worker._STRAY_ROUNDS = 10
    rounds = spoken.with_suffix(".rounds")
    Reaping(gateway.database, gateway.leases, runner, poll_seconds=0.1, rounds=rounds).start()
    time.sleep(300)


class Reaping(DbosWorker):
    """A worker that appends a line to a file after each search for jobs of dead workers."""

    def __init__(self, *arguments: Any, rounds: Path, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rounds = rounds

    def _reap(self) -> None:
        super()._reap()
        with self._rounds.open("a") as file:
            file.write("looked\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [*map(float, sys.argv[3].split(","))], *map(int, sys.argv[4:]))
