"""A whole gateway with a fake provider. Everything else is real.

Usage: `python -m tests.support.fake_provider_server DATA_DIR PORT_FILE`

Serves HTTP on a free port, whose number it writes to PORT_FILE, and runs a worker in the same process.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import uvicorn

from tests.support.client import settings_for
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from voxport.app import create_app
from voxport.gateway import open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.runner import JobRunner


def main(data_dir: Path, port_file: Path) -> None:
    provider = FakeProvider(pieces=4, on_piece=lambda _: time.sleep(0.05))
    gateway = open_gateway(
        settings_for(data_dir, worker_speech_concurrency=2), providers=[provider], samples=AcceptingSamples
    )
    gateway.provider_calls.release_dead_owners()
    worker = DbosWorker(gateway.database, gateway.leases, JobRunner(gateway.jobs, gateway.handlers), poll_seconds=0.1)
    worker.start()
    listener = uvicorn.Config("", port=0).bind_socket()
    temporary = port_file.with_suffix(".new")
    temporary.write_text(str(listener.getsockname()[1]))
    temporary.rename(port_file)
    app = create_app(gateway.settings, gateway=gateway)
    uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
