"""Some of the machine's faults, each injected for real while a gateway serves."""

from __future__ import annotations

import pytest

from benchmarks.reliability import faults

pytestmark = pytest.mark.slow

FAULT_SECONDS = 4.0
"""Maximum seconds of a disk fault and of the load before the server is ended; `make drill` runs the full time."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("storage_full", marks=[pytest.mark.drill, pytest.mark.folder_only("a full disk of files")]),
        pytest.param("database_full", marks=[pytest.mark.drill, pytest.mark.sqlite_only("a full disk of a file")]),
        "clock_back",
        "terminated",
        pytest.param("worker_killed", marks=pytest.mark.drill),
    ],
)
def test_a_fault_loses_nothing_and_passes(name: str) -> None:
    if not faults.can_run(name):
        pytest.skip("mounting needs root")
    outcome = faults.run(name, max_seconds=FAULT_SECONDS)
    assert outcome.problems == []
    assert outcome.answers["a clone completed"] >= 1


@pytest.mark.folder_only("a disk of files that takes no more")
def test_a_disk_that_is_full_is_told_as_what_it_is() -> None:
    if not faults.can_run("storage_read_only"):
        pytest.skip("mounting needs root")
    outcome = faults.run("storage_read_only", max_seconds=FAULT_SECONDS)
    assert outcome.problems == []
    assert set(outcome.answers) == {"200", "503 storage_unavailable", "a clone completed"}
    assert faults.report([outcome]).rows[0][-1] == "nothing"
