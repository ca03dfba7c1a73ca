"""kill -9 of the whole gateway in the middle of a call at a hosted provider: a few of the cases of
`benchmarks/crash.py`, which runs them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crash import Case, Place

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    opened = Place(tmp_path_factory.mktemp("crash"))
    with opened.open():
        yield opened


@pytest.mark.parametrize(
    "case",
    [
        Case("elevenlabs", "clone", "POST /v1/voices/add", "after"),
        Case("minimax", "instant", "POST /v1/t2a_v2", "after"),
    ],
    ids=str,
)
def test_a_kill_leaves_one_clone_or_none_charged_once_or_not_at_all(place: Place, case: Case) -> None:
    outcome = place.run(case)
    assert outcome.is_right(case), outcome
