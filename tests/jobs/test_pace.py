"""What the worker stops of what DBOS's launch starts."""

from __future__ import annotations

import threading

from voxport.jobs.dbos_worker import _StopEvents


def test_the_recovery_of_pending_jobs_is_not_stopped_with_what_the_launch_starts() -> None:
    events = _StopEvents()
    launch_events, of_recovery = threading.Event(), threading.Event()
    recovery = threading.Thread(target=events.append, args=(of_recovery,))
    recovery.start()
    recovery.join()
    events.append(launch_events)
    assert list(events) == [of_recovery, launch_events]
    assert events.launch_events == [launch_events]
