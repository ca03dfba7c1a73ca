"""The worker's polling: at once after a wake-up, at its interval while busy, and rarely while idle."""

from __future__ import annotations

import threading
import time

from voxport.jobs.dbos_worker import _PollTrigger, _StopEvents

LONG = 60.0


def test_a_wake_up_ends_the_wait_of_an_idle_worker() -> None:
    look = _PollTrigger(lambda: False, idle_seconds=LONG)
    threading.Timer(0.05, look.wake).start()
    began = time.monotonic()
    assert look.wait(LONG) is False
    assert time.monotonic() - began < LONG / 2


def test_a_wake_up_before_the_wait_is_not_lost() -> None:
    look = _PollTrigger(lambda: False, idle_seconds=LONG)
    look.wake()
    assert look.wait(LONG) is False


def test_a_worker_that_has_just_been_woken_or_is_busy_looks_at_its_own_pace() -> None:
    look = _PollTrigger(lambda: True, idle_seconds=LONG)
    assert look.wait(0.01) is False
    look = _PollTrigger(lambda: False, idle_seconds=LONG)
    look.wake()
    assert look.wait(LONG) is False
    assert look.wait(0.01) is False


def test_an_idle_worker_looks_without_a_wake_up_after_a_while() -> None:
    look = _PollTrigger(lambda: False, idle_seconds=0.01)
    assert look.wait(0.001) is False


def test_a_stopped_worker_does_not_wait() -> None:
    look = _PollTrigger(lambda: False, idle_seconds=LONG)
    look.stop()
    assert look.is_set()
    assert look.wait(LONG) is True


def test_the_recovery_of_pending_jobs_is_not_stopped_with_what_the_launch_starts() -> None:
    events = _StopEvents()
    launch_events, of_recovery = threading.Event(), threading.Event()
    recovery = threading.Thread(target=events.append, args=(of_recovery,))
    recovery.start()
    recovery.join()
    events.append(launch_events)
    assert list(events) == [of_recovery, launch_events]
    assert events.launch_events == [launch_events]
