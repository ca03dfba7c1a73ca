"""Runs the worker processes beside `voxport serve`. This module imports nothing of the gateway, so that the workers
start first."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voxport.settings import Settings

_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 30.0
_STOP_SECONDS = 15.0
_HEALTHY_SECONDS = 60.0
_log = logging.getLogger("voxport.serve")


@contextlib.contextmanager
def supervised_workers(settings: Settings, queues: Sequence[str]) -> Iterator[None]:
    """Run a worker process during the block for each of `queues`, the values of its --queues. One that dies is
    restarted, and all end with the block or this process."""
    stopping = threading.Event()
    supervisors = [
        threading.Thread(target=_supervise, args=(settings, one, stopping), name="supervisor") for one in queues
    ]
    try:
        # Inside the `try`, because a signal may raise while a thread starts.
        for supervisor in supervisors:
            supervisor.start()
        yield
    finally:
        stopping.set()
        for supervisor in supervisors:
            if supervisor.is_alive():
                supervisor.join()


def _supervise(settings: Settings, queues: str, stopping: threading.Event) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while not stopping.is_set():
        began = time.monotonic()
        try:
            child = _start_worker(settings, queues)
        except OSError:
            _log.exception("the worker could not be started")
        else:
            while child.poll() is None and not stopping.wait(0.2):
                pass
            if stopping.is_set():
                _stop(child)
                return
            _log.error("the worker died and is started again", extra={"exit_code": child.returncode})
        if time.monotonic() - began > _HEALTHY_SECONDS:
            pause = _FIRST_PAUSE_SECONDS
        stopping.wait(pause)
        pause = min(pause * 2, _MAX_PAUSE_SECONDS)


def _start_worker(settings: Settings, queues: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "voxport",
        "worker",
        "--with-parent",
        "--queues",
        queues,
        "--data-dir",
        str(settings.data_dir),
    ]
    # The worker must know the same public URL as the server.
    environment = {**os.environ, "VOXPORT_PUBLIC_URL": settings.public_url}
    return subprocess.Popen(  # noqa: S603  # our own program
        command, stdin=subprocess.PIPE, stdout=sys.stderr, env=environment, start_new_session=True
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
