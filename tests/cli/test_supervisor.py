"""The worker process beside `voxport serve`."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SIGNALLED = """
import os, signal, subprocess, sys, threading
from voxport import supervisor

supervisor._start_worker = lambda settings: subprocess.Popen(["sleep", "300"])
start = threading.Thread.start

def start_and_be_ended(thread):
    start(thread)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread.start = start_and_be_ended
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with supervisor.supervised_worker(None):
    print("started")
"""


@pytest.mark.slow
def test_a_sigterm_while_the_worker_starts_ends_the_server() -> None:
    ended = subprocess.run([sys.executable, "-c", _SIGNALLED], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
