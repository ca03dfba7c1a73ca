"""kill -9 of the whole gateway during a call at a hosted provider: some of the cases of
`benchmarks/reliability/crash.py`, which runs all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.reliability.crash import CrashCase, CrashEnv

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crash_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashEnv]:
    opened = CrashEnv(tmp_path_factory.mktemp("crash"))
    with opened.open():
        yield opened


@pytest.mark.parametrize(
    "case",
    [
        CrashCase("elevenlabs", "clone", "POST /v1/voices/add", "after"),
        CrashCase("minimax", "instant", "POST /v1/t2a_v2", "after"),
    ],
    ids=str,
)
def test_a_kill_leaves_one_clone_or_none_charged_once_or_not_at_all(crash_env: CrashEnv, case: CrashCase) -> None:
    outcome = crash_env.run(case)
    assert outcome.is_right(case), outcome
