"""Running a job in this process, as a worker does."""

from __future__ import annotations

from typing import Any

from tests.support.client import GatewayClient
from voxport.jobs.runner import JobRunner


def work(client: GatewayClient, job_id: str) -> None:
    """Runs all steps of a job of the client's gateway."""
    runner = JobRunner(client.gateway.jobs, client.gateway.handlers)
    service = runner.begin(job_id)
    assert service is not None
    results: dict[str, dict[str, Any]] = {}
    for name in runner.step_names(service):
        results[name] = runner.run_step(job_id, name, results) or {}
