"""A job service that does nothing, its worker and its customers, for `speed/jobs.py` and `reliability/workers.py`:

python -m benchmarks.noop_service worker DATA_DIR DATABASE_URL [PROFILE_FILE]
python -m benchmarks.noop_service enqueue DATA_DIR DATABASE_URL COUNT PAUSE_SECONDS

The worker is `voxport worker`, which has the service as if it stood in gateway.py and in the catalogue. With
PROFILE_FILE it writes where its processor time goes. With NOOP_PROVIDER_URL in its environment each job has a step
before its last one that sends a request there, `POST /<job id>`. `enqueue` queues jobs of 50 customers, one after
another.
"""

from __future__ import annotations

import cProfile
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx2

import voxport.worker
from tests.support.client import settings_for
from voxport.billing.money import MICRO
from voxport.catalog import Service
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.handler import JobHandler, Step
from voxport.jobs.port import Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import NewJob
from voxport.logs import configure_logging
from voxport.settings import Settings

SERVICE = "core-noop"
PROVIDER_URL = "NOOP_PROVIDER_URL"
CUSTOMERS = 50
_PRICE = Decimal("0.01")


class NoopHandler(JobHandler):
    """Completes each job in its last step, with a hold and a charge as for any other."""

    service = SERVICE
    queue = "benchmark-noop-jobs"
    concurrency = 16
    time_limit = timedelta(seconds=600)
    stages = ()

    def __init__(self, gateway: Gateway) -> None:
        self._jobs = gateway.jobs

    def steps(self) -> Sequence[Step]:
        url = os.environ.get(PROVIDER_URL)
        return (("work", self._work),) if url is None else (("call", self._call), ("work", self._work))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        """Do nothing: the job leaves no files."""

    def _call(self, run: JobRun) -> Json:
        return {"status": httpx2.post(f"{os.environ[PROVIDER_URL]}/{run.job_id}", timeout=120).status_code}

    def _work(self, run: JobRun) -> Json:
        self._jobs.complete(run.job_id, run.hold_id, units=Decimal(1), make_result=lambda _: {"status": "success"})
        return {}


def open_noop(settings: Settings) -> Gateway:
    gateway = open_gateway(settings)
    handler = NoopHandler(gateway)
    gateway.handlers[:] = [handler]
    gateway.queue.declare(handler.service, handler.queue)
    gateway.catalog.services[SERVICE] = Service(unit_type="item", unit_price=_PRICE, description="Nothing.", limits=())
    return gateway


def work(settings: Settings, profile: Path | None) -> None:
    configure_logging("info")
    vars(voxport.worker)["open_gateway"] = open_noop
    if profile is not None:
        _profile_threads(profile)
    voxport.worker.run_worker(settings, with_parent=False)


def enqueue(settings: Settings, count: int, pause: float) -> None:
    """Queue `count` jobs, then print the seconds that this took."""
    gateway = open_noop(settings)
    profiles = []
    with gateway.database.transaction() as tx:
        for number in range(CUSTOMERS):
            profiles.append(gateway.accounts.create_profile(tx, f"Customer {number}").id)
            gateway.billing.add_credits(tx, profiles[-1], 10**6 * MICRO)
    began = time.monotonic()
    for number in range(count):
        name = f"{os.getpid()}-{number}"
        amount = gateway.billing.price(SERVICE, Decimal(1))
        gateway.jobs.submit(NewJob(profiles[number % CUSTOMERS], SERVICE, {}, f"noop-{name}", amount, f"req_{name}"))
        if pause:
            time.sleep(pause)
    print(time.monotonic() - began)


def _profile_threads(path: Path) -> None:
    """Profile all threads until SIGUSR1, then write the statistics."""
    profiler = cProfile.Profile(time.thread_time)
    threading.setprofile(lambda *_: profiler.enable())
    signal.signal(signal.SIGUSR1, lambda *_: profiler.dump_stats(path))


def main(arguments: list[str]) -> None:
    role, data_dir, url, *rest = arguments
    unlimited = {"tidy_seconds": 30, "max_open_jobs": 0}
    settings = settings_for(Path(data_dir), **{"database_url": url, **unlimited})
    if role == "worker":
        work(settings, Path(rest[0]) if rest else None)
    else:
        enqueue(settings, int(rest[0]), float(rest[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
