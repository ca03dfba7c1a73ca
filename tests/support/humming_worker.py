"""A worker process that hums: `python -m tests.support.humming_worker DATA_DIR SPOKEN SECONDS [PLACES]`.

Everything but the provider is real. Each piece takes so many seconds, and is written to the file SPOKEN by its
number before it leaves the provider. PLACES is how many texts are spoken at once, 2 where it is left out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.support.client import settings_for
from tests.support.providers import ToneProvider, hum
from voxport.gateway import open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.runner import Runner
from voxport.providers.base import SAMPLE_RATE

PIECES = 12


def main(data_dir: Path, spoken: Path, seconds: float, places: int = 2) -> None:
    def tell(number: int) -> None:
        time.sleep(seconds)
        with spoken.open("a") as file:
            file.write(f"{number}\n")

    provider = ToneProvider(samples=PIECES * SAMPLE_RATE, pieces=PIECES, heard=tell)
    gateway = hum(open_gateway(settings_for(data_dir)), provider).gateway
    runner = Runner(gateway.jobs, gateway.handlers)
    DbosWorker(gateway.database, runner, clones=1, speech=places, poll_seconds=0.1).start()
    time.sleep(300)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:]))
