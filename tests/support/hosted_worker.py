"""A worker process whose providers are the ElevenLabs double and a tone. Everything else is real.

Usage: `python -m tests.support.hosted_worker DATA_DIR DATABASE_URL ELEVENLABS_URL`
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.support.client import settings_for
from tests.support.fake_provider import FakeProvider
from tests.support.hosted_env import ELEVENLABS_KEY, UncheckedSamples
from voxport.gateway import open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.runner import JobRunner
from voxport.providers.elevenlabs import ElevenLabs


def main(data_dir: Path, database_url: str, elevenlabs_url: str) -> None:
    hosted = ElevenLabs(
        ELEVENLABS_KEY, base_url=elevenlabs_url, tag="t1", max_text_length=5_000, timeout=60.0, read_timeout=300.0
    )
    settings = settings_for(data_dir, database_url=database_url, worker_speech_concurrency=2)
    gateway = open_gateway(settings, providers=[hosted, FakeProvider()], samples=UncheckedSamples)
    runner = JobRunner(gateway.jobs, gateway.handlers)
    DbosWorker(gateway.database, gateway.leases, runner, poll_seconds=0.1).start()
    time.sleep(300)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
