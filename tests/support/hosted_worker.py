"""`voxport worker` whose providers are the ElevenLabs double and a tone. Everything else is real.

Usage: `python -m tests.support.hosted_worker DATA_DIR DATABASE_URL ELEVENLABS_URL [--queues engine,network]
[--piece-seconds 0] [--settings JSON]`

Each piece of the tone takes `--piece-seconds`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import voxport.worker
from tests.support.client import settings_for
from tests.support.fake_provider import FakeProvider
from tests.support.hosted_env import ELEVENLABS_KEY, UncheckedSamples
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.pools import parse_pools
from voxport.providers.elevenlabs import ElevenLabs
from voxport.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("database_url")
    parser.add_argument("elevenlabs_url")
    parser.add_argument("--queues", default="engine,network")
    parser.add_argument("--piece-seconds", type=float, default=0.0)
    parser.add_argument("--settings", type=json.loads, default={})
    options = parser.parse_args()
    hosted = ElevenLabs(
        ELEVENLABS_KEY,
        base_url=options.elevenlabs_url,
        tag="t1",
        max_text_length=5_000,
        timeout=60.0,
        read_timeout=300.0,
    )
    local = FakeProvider(on_piece=lambda _: time.sleep(options.piece_seconds))

    def open_fake(settings: Settings) -> Gateway:
        return open_gateway(settings, providers=[hosted, local], samples=UncheckedSamples)

    vars(voxport.worker)["open_gateway"] = open_fake
    given = {"worker_speech_concurrency": 2, "job_poll_seconds": 0.1, **options.settings}
    settings = settings_for(options.data_dir, database_url=options.database_url, **given)
    voxport.worker.run_worker(settings, pools=parse_pools(options.queues), with_parent=False)


if __name__ == "__main__":
    main()
