"""Rate limits of processes on one machine are counted together, in a file that all of them map."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import environment
from voxport.coordination.token_file import TokenFile
from voxport.coordination.tokens import open_tokens
from voxport.web.token_bucket import RateLimitPolicy, TokenBuckets

POLICY = RateLimitPolicy("default", rate=0.001, burst=2_000)
TAKE = """
import sys
from pathlib import Path
from voxport.coordination.token_file import TokenFile
from voxport.web.token_bucket import RateLimitPolicy, TokenBuckets
buckets = TokenBuckets(RateLimitPolicy("default", rate=0.001, burst=2_000), TokenFile(Path(sys.argv[1])))
sys.stdin.readline()
print(sum(buckets.take("a").is_allowed for _ in range(2_500)))
"""


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.mark.slow
def test_a_burst_over_four_processes_is_one_burst(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKE, str(tmp_path / "limits")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    children = [subprocess.Popen(command, text=True, env=environment(), **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    allowed = [int(child.communicate(timeout=60)[0]) for child in children]
    # Two processes that take a token in the same microsecond may be counted as one.
    assert 2_000 <= sum(allowed) <= 2_000 * 1.03, allowed


def test_two_buckets_of_one_file_are_one(tmp_path: Path) -> None:
    clock = Clock(1_000.0)
    policy = RateLimitPolicy("default", rate=1, burst=3)
    first, second = (TokenBuckets(policy, TokenFile(tmp_path / "limits"), clock=clock) for _ in range(2))
    assert [one.take("a").is_allowed for one in (first, second, first, second)] == [True, True, True, False]
    assert second.take("b").remaining == 2
    clock.now += 1
    assert second.peek("a").is_allowed
    assert [one.take("a").is_allowed for one in (first, second)] == [True, False]


def test_policies_do_not_count_each_others_calls(tmp_path: Path) -> None:
    store = TokenFile(tmp_path / "limits")
    keys, addresses = (TokenBuckets(RateLimitPolicy(name, 1, 1), store) for name in ("default", "address"))
    assert keys.take("a").is_allowed
    assert addresses.take("a").is_allowed


def test_the_counts_of_before_a_reboot_block_nobody(tmp_path: Path) -> None:
    store, policy = TokenFile(tmp_path / "limits"), RateLimitPolicy("default", rate=1, burst=3)
    before = TokenBuckets(policy, store, clock=Clock(1_000_000.0))
    while before.take("a").is_allowed:
        pass
    after = TokenBuckets(policy, store, clock=Clock(10.0))  # the machine's clock began anew
    assert [after.take("a").is_allowed for _ in range(4)] == [True] * 3 + [False]


def test_names_without_end_push_out_those_whose_buckets_are_almost_full(tmp_path: Path) -> None:
    clock = Clock(1_000.0)
    buckets = TokenBuckets(RateLimitPolicy("address", rate=1, burst=100), TokenFile(tmp_path / "limits"), clock=clock)
    while buckets.take("busy").is_allowed:
        pass
    for number in range(200_000):
        buckets.take(str(number))
    assert not buckets.peek("busy").is_allowed
    assert (tmp_path / "limits").stat().st_size == 1 << 20


def test_a_file_that_is_shorter_is_filled_up_and_one_that_is_something_else_counts_from_zero(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    path.write_bytes(b"\xff" * 1_000)
    buckets = TokenBuckets(RateLimitPolicy("default", rate=1, burst=3), TokenFile(path))
    for name in map(str, range(20_000)):  # so that the spoilt entries are used as well
        assert [buckets.take(name).is_allowed for _ in range(4)] == [True] * 3 + [False]


def test_where_the_file_can_not_be_opened_the_process_counts_for_itself(tmp_path: Path) -> None:
    assert open_tokens(f"sqlite:///{tmp_path / 'missing' / 'voxport.db'}") is None
    (tmp_path / "voxport.db.limits").symlink_to(tmp_path / "elsewhere")
    assert open_tokens(f"sqlite:///{tmp_path / 'voxport.db'}") is None
    assert not (tmp_path / "elsewhere").exists()
