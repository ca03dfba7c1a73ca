"""Runs the jobs of an in-process gateway in a thread, as a worker does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from tests.support.client import GatewayClient
from tests.support.jobs import work

_PAUSE_SECONDS = 0.02


@contextlib.contextmanager
def working(customer: GatewayClient) -> Iterator[None]:
    """Runs each job that the customer queues until the end of the block."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(_PAUSE_SECONDS):
            page = customer.gateway.jobs.list(customer.profile_id, status="queued", service=None, limit=10, cursor=None)
            for job in page.rows:
                work(customer, job.id)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
