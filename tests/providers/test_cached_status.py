"""CachedStatus: a provider's status is fetched in the background and cached."""

from __future__ import annotations

import threading
import time

import pytest

from voxport.providers import cached_status as cached_status_module
from voxport.providers.cached_status import CachedStatus, ProbeFailed


class StatusProbe:
    """Returns `answer`, or raises it. `calls` counts the calls."""

    def __init__(self, answer: str | ProbeFailed) -> None:
        self.answer = answer
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> str:
        self.calls += 1
        self.gate.wait(60)
        if isinstance(self.answer, ProbeFailed):
            raise self.answer
        return self.answer


class ManualTime:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def cached_status(answer: str | ProbeFailed) -> tuple[CachedStatus[str], StatusProbe, ManualTime]:
    probe, manual_time = StatusProbe(answer), ManualTime()
    return CachedStatus(probe, "nothing", clock=manual_time), probe, manual_time


def settled(facts: CachedStatus[str]) -> None:
    """Wait until a probe in progress has ended."""
    until = time.monotonic() + 30
    while facts._probing.locked() and time.monotonic() < until:
        time.sleep(0.001)


def test_it_is_asked_once_and_kept_for_five_minutes() -> None:
    facts, probe, manual_time = cached_status("a plan")
    assert [facts.value() for _ in range(3)] == ["a plan"] * 3
    manual_time.now = 299
    facts.value()
    settled(facts)
    assert probe.calls == 1
    manual_time.now = 301
    facts.value()
    settled(facts)
    assert probe.calls == 2


def test_nobody_waits_for_a_later_answer() -> None:
    facts, probe, manual_time = cached_status("old")
    facts.value()
    settled(facts)
    probe.gate.clear()
    probe.answer, manual_time.now = "new", 301
    start = time.monotonic()
    assert facts.value() == "old"
    assert time.monotonic() - start < 30
    probe.gate.set()
    settled(facts)
    assert facts.value() == "new"


def test_a_hiccup_keeps_what_was_told_and_is_asked_again_soon() -> None:
    facts, probe, manual_time = cached_status("a plan")
    facts.value()
    probe.answer, manual_time.now = ProbeFailed("it does not answer", is_final=False), 301
    facts.refresh()
    settled(facts)
    assert (facts.value(), facts.problem()) == ("a plan", None)
    probe.answer, manual_time.now = "another", 317
    facts.refresh()
    settled(facts)
    assert facts.value() == "another"


def test_a_refusal_voids_what_was_told() -> None:
    facts, probe, manual_time = cached_status("a plan")
    facts.value()
    probe.answer, manual_time.now = ProbeFailed("it refuses the key", is_final=True), 301
    facts.refresh()
    settled(facts)
    assert (facts.value(), facts.problem()) == ("nothing", "it refuses the key")


def test_a_first_failure_is_the_reason() -> None:
    facts, _, _ = cached_status(ProbeFailed("it does not answer", is_final=False))
    assert (facts.problem(), facts.value()) == ("it does not answer", "nothing")


def test_what_was_forgotten_is_asked_again() -> None:
    facts, probe, _ = cached_status("a plan")
    facts.value()
    settled(facts)
    facts.invalidate()
    facts.value()
    settled(facts)
    assert probe.calls == 2


def test_callers_wait_together_for_a_first_answer_and_not_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_status_module, "_FIRST_PROBE_TIMEOUT", 0.2)
    facts, probe, _ = cached_status("a plan")
    probe.gate.clear()
    assert facts.problem() == "it does not answer"
    monkeypatch.setattr(cached_status_module, "_FIRST_PROBE_TIMEOUT", 600.0)
    start = time.monotonic()
    assert (facts.value(), facts.problem()) == ("nothing", "it does not answer")
    assert time.monotonic() - start < 60
    probe.gate.set()
    settled(facts)
    assert (facts.value(), facts.problem()) == ("a plan", None)
