"""What a provider says of itself is asked in the background and kept."""

from __future__ import annotations

import threading
import time

import pytest

from voxport.providers import cached_status as facts_module
from voxport.providers.cached_status import NotTold, Told


class Oracle:
    """Tells `answer`, or raises it; `asked` counts."""

    def __init__(self, answer: str | NotTold) -> None:
        self.answer = answer
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> str:
        self.asked += 1
        self.gate.wait(60)
        if isinstance(self.answer, NotTold):
            raise self.answer
        return self.answer


class Hands:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(answer: str | NotTold) -> tuple[Told[str], Oracle, Hands]:
    oracle, hands = Oracle(answer), Hands()
    return Told(oracle, "nothing", clock=hands), oracle, hands


def settled(facts: Told[str]) -> None:
    """Until a question that is under way has been answered."""
    until = time.monotonic() + 30
    while facts._asking.locked() and time.monotonic() < until:
        time.sleep(0.001)


def test_it_is_asked_once_and_kept_for_five_minutes() -> None:
    facts, oracle, hands = told("a plan")
    assert [facts.value() for _ in range(3)] == ["a plan"] * 3
    hands.now = 299
    facts.value()
    settled(facts)
    assert oracle.asked == 1
    hands.now = 301
    facts.value()
    settled(facts)
    assert oracle.asked == 2


def test_nobody_waits_for_a_later_answer() -> None:
    facts, oracle, hands = told("old")
    facts.value()
    settled(facts)
    oracle.gate.clear()
    oracle.answer, hands.now = "new", 301
    start = time.monotonic()
    assert facts.value() == "old"
    assert time.monotonic() - start < 30
    oracle.gate.set()
    settled(facts)
    assert facts.value() == "new"


def test_a_hiccup_keeps_what_was_told_and_is_asked_again_soon() -> None:
    facts, oracle, hands = told("a plan")
    facts.value()
    oracle.answer, hands.now = NotTold("it does not answer", is_final=False), 301
    facts.refresh()
    settled(facts)
    assert (facts.value(), facts.problem()) == ("a plan", None)
    oracle.answer, hands.now = "another", 317
    facts.refresh()
    settled(facts)
    assert facts.value() == "another"


def test_a_refusal_voids_what_was_told() -> None:
    facts, oracle, hands = told("a plan")
    facts.value()
    oracle.answer, hands.now = NotTold("it refuses the key", is_final=True), 301
    facts.refresh()
    settled(facts)
    assert (facts.value(), facts.problem()) == ("nothing", "it refuses the key")


def test_a_first_failure_is_the_reason() -> None:
    facts, _, _ = told(NotTold("it does not answer", is_final=False))
    assert (facts.problem(), facts.value()) == ("it does not answer", "nothing")


def test_what_was_forgotten_is_asked_again() -> None:
    facts, oracle, _ = told("a plan")
    facts.value()
    settled(facts)
    facts.forget()
    facts.value()
    settled(facts)
    assert oracle.asked == 2


def test_callers_wait_together_for_a_first_answer_and_not_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_module, "_FIRST_SECONDS", 0.2)
    facts, oracle, _ = told("a plan")
    oracle.gate.clear()
    assert facts.problem() == "it does not answer"
    monkeypatch.setattr(facts_module, "_FIRST_SECONDS", 600.0)
    start = time.monotonic()
    assert (facts.value(), facts.problem()) == ("nothing", "it does not answer")
    assert time.monotonic() - start < 60
    oracle.gate.set()
    settled(facts)
    assert (facts.value(), facts.problem()) == ("a plan", None)
