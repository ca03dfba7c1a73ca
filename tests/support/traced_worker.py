"""A worker process that sends its traces. Its providers are the ElevenLabs double and the engine double.

Usage: `python -m tests.support.traced_worker DATA_DIR COLLECTOR_URL ELEVENLABS_URL hangs|works`. One that hangs stops
for good in the middle of a fit, after it said so.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.support.client import settings_for
from tests.support.engine_double import engine_double
from tests.support.hosted_env import ELEVENLABS_KEY, UncheckedSamples
from voxport.gateway import open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.runner import JobRunner
from voxport.providers.elevenlabs import ElevenLabs
from voxport.providers.local import LocalProvider
from voxport.telemetry.tracing import start_tracing


def main(data_dir: Path, collector_url: str, elevenlabs_url: str, how: str) -> None:
    assert start_tracing(collector_url, process="worker", version="test")

    def on_enrolment_step() -> None:
        if how == "hangs":
            print("hangs", flush=True)
            time.sleep(600)

    with engine_double(on_enrolment_step=on_enrolment_step) as engine:
        hosted = ElevenLabs(ELEVENLABS_KEY, base_url=elevenlabs_url, tag="t1", max_text_length=5_000)
        local = LocalProvider(
            engine, lambda: engine, max_text_length=5_000, sample_min_seconds=3, sample_max_seconds=60
        )
        gateway = open_gateway(settings_for(data_dir), providers=[hosted, local], samples=UncheckedSamples)
        runner = JobRunner(gateway.jobs, gateway.handlers)
        DbosWorker(gateway.database, gateway.leases, runner, poll_seconds=0.1).start()
        print("works", flush=True)
        time.sleep(300)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4])
