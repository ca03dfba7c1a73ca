"""The reliability benchmarks, each at a size that takes seconds."""

from __future__ import annotations

import pytest

from benchmarks.reliability import backend, duplicates, kills, overspend, soak

pytestmark = pytest.mark.slow


def test_no_kill_at_a_commit_loses_doubles_or_leaves_anything() -> None:
    outcomes = kills.run(["elevenlabs", "minimax"], kills.SERVICES, points=1, max_cases=4, log=print)
    wrong = {str(case): outcome.violations(case) for case, outcome in outcomes if outcome.violations(case)}
    assert wrong == {}
    assert sum(outcome.reached for _, outcome in outcomes) >= 3


@pytest.mark.parametrize("service", ["instant", "speech"])
def test_a_call_that_is_sent_again_and_again_through_kills_is_charged_once(service: str) -> None:
    report = duplicates.run(12, 3, (service,), log=print)
    assert report.passed, report.rows


@pytest.mark.drill
def test_a_call_that_is_sent_again_through_kills_is_charged_once_by_four_http_processes_on_postgres_and_s3() -> None:
    with backend.placed(backend.POSTGRES_S3):
        report = duplicates.run(12, 3, ("speech",), http_processes=4, log=print)
    assert report.passed, report.rows


def test_calls_at_once_spend_what_there_is_and_no_more() -> None:
    for outcome in overspend.run("Postgres", 40, servers=2, log=print, served_calls=5):
        assert outcome.is_right(40, 5), outcome


def test_a_mixed_load_is_served_without_a_failure() -> None:
    report = soak.run(0.12, 8, log=print)
    assert "failed: 0" in report.summary[0], report.summary
