"""`CallQueue` shares the engine's time between callers and starves none of them."""

from __future__ import annotations

import threading

from voxport.engine.process.call_queue import CallQueue, CallTicket


def taken(queue: CallQueue[str], seconds: float = 1.0) -> str:
    """Takes the next item and charges its caller so many seconds."""
    ticket = next_of(queue)
    queue.charge(ticket, seconds)
    queue.finish(ticket)
    return ticket.item


def next_of(queue: CallQueue[str]) -> CallTicket[str]:
    ticket = queue.take()
    assert ticket is not None
    return ticket


def test_callers_that_used_the_same_are_served_in_the_order_they_came() -> None:
    queue: CallQueue[str] = CallQueue()
    for name in ("a", "b", "c"):
        queue.put(name, name)
    assert [taken(queue) for _ in range(3)] == ["a", "b", "c"]


def test_callers_take_turns_however_many_calls_one_of_them_put() -> None:
    queue: CallQueue[str] = CallQueue()
    for number in range(3):
        queue.put("many", f"many {number}")
    queue.put("other", "other 0")
    queue.put("other", "other 1")
    assert [taken(queue) for _ in range(5)] == ["many 0", "other 0", "many 1", "other 1", "many 2"]


def test_short_calls_pass_until_their_caller_has_used_as_much() -> None:
    queue: CallQueue[str] = CallQueue()
    queue.put("long", "long 0")
    long = next_of(queue)
    for number in range(5):
        queue.put("short", f"short {number}")  # while the first call is served
    queue.charge(long, 2.0)
    queue.finish(long)
    queue.put("long", "long 1")
    assert [taken(queue, 0.75) for _ in range(4)] == ["short 0", "short 1", "short 2", "long 1"]


def test_a_caller_that_comes_back_is_behind_one_that_used_nothing() -> None:
    queue: CallQueue[str] = CallQueue()
    queue.put("long", "first chunk")
    ticket = next_of(queue)
    queue.put("new", "check")  # while the first chunk is spoken
    queue.charge(ticket, 3.0)
    queue.finish(ticket)
    queue.put("long", "second chunk")
    assert [taken(queue, 0.1), taken(queue, 3.0)] == ["check", "second chunk"]


def test_an_endless_row_of_new_callers_does_not_starve_an_old_one() -> None:
    queue: CallQueue[str] = CallQueue()
    queue.put("old", "old 0")
    assert taken(queue, 2.0) == "old 0"
    queue.put("old", "old 1")
    served = []
    for number in range(20):
        queue.put(f"new {number}", f"new {number}")
        served.append(taken(queue, 1.0))
    assert "old 1" in served[:6]


def test_nobody_saves_up_turns_while_away() -> None:
    queue: CallQueue[str] = CallQueue()
    queue.put("early", "early 0")
    assert taken(queue, 0.1) == "early 0"
    for number in range(5):
        queue.put("busy", f"busy {number}")
        assert taken(queue, 10.0) == f"busy {number}"
    queue.put("busy", "busy 5")
    for number in range(1, 4):
        queue.put("early", f"early {number}")
    order = [taken(queue, 10.0) for _ in range(4)]
    assert order.index("busy 5") <= 1


def test_of_callers_that_are_gone_nothing_is_remembered() -> None:
    queue: CallQueue[str] = CallQueue()
    for number in range(1_000):
        queue.put(object(), f"call {number}")
        taken(queue)
    assert len(queue._finish_times) <= 1


def test_between_the_steps_of_a_long_call_only_those_go_first_whose_turn_it_is() -> None:
    queue: CallQueue[str] = CallQueue()
    queue.put("fit", "fit")
    fit = next_of(queue)
    assert queue.take_if(lambda _: True, current=fit) is None
    queue.charge(fit, 2.0)
    queue.put("speech", "chunk 0")
    queue.put("other", "another fit")
    chunk = queue.take_if(lambda item: "fit" not in item, current=fit)
    assert chunk is not None and chunk.item == "chunk 0"
    queue.charge(chunk, 5.0)
    queue.finish(chunk)
    queue.put("speech", "chunk 1")
    assert queue.take_if(lambda item: "fit" not in item, current=fit) is None  # the fit has used less
    queue.charge(fit, 6.0)
    chunk = queue.take_if(lambda item: "fit" not in item, current=fit)
    assert chunk is not None and chunk.item == "chunk 1"
    queue.finish(chunk)
    queue.finish(fit)
    assert taken(queue) == "another fit"


def test_it_waits_for_a_call_and_ends_when_it_is_closed() -> None:
    queue: CallQueue[str] = CallQueue()
    found: list[str | None] = []

    def take() -> None:
        for _ in range(2):
            ticket = queue.take()
            found.append(ticket.item if ticket else None)

    thread = threading.Thread(target=take)
    thread.start()
    queue.put("a", "late")
    queue.close()
    thread.join()
    assert found == ["late", None]
