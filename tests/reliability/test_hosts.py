"""Hosts that the network cuts off, at a size that takes less than a minute."""

from __future__ import annotations

import pytest

from benchmarks.reliability import hosts
from benchmarks.reliability.host_network import missing_for_hosts, run_inside

pytestmark = pytest.mark.slow


def test_an_api_host_and_a_worker_host_that_are_cut_off_lose_nothing() -> None:
    reason = missing_for_hosts()
    if reason is not None:
        pytest.skip(reason)
    assert run_inside([hosts.__file__, "--sample"]) == 0
