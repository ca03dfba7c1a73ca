"""The webhook benchmark, at a size that takes seconds."""

from __future__ import annotations

import pytest

from benchmarks.reliability import webhooks

pytestmark = pytest.mark.slow


def test_a_receiver_that_fails_five_times_takes_the_sixth_try() -> None:
    report = webhooks.run(3, log=print, pauses=",".join(["0.4"] * 40))
    assert report.passed, report.summary
