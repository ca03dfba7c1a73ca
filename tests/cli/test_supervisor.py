"""The worker processes beside `voxport serve`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.server import wait_until
from voxport.testing.running_gateway import running_gateway

_SIGNALLED = """
import os, signal, subprocess, sys, threading
from voxport import supervisor

supervisor._start_worker = lambda settings, queues: subprocess.Popen(["sleep", "300"])
start = threading.Thread.start

def start_and_be_ended(thread):
    start(thread)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread.start = start_and_be_ended
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with supervisor.supervised_workers(None, ["engine", "network"]):
    print("started")
"""


@pytest.mark.slow
def test_a_sigterm_while_the_worker_starts_ends_the_server() -> None:
    ended = subprocess.run([sys.executable, "-c", _SIGNALLED], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.slow
def test_several_workers_share_the_queues_and_a_dead_one_is_started_again(tmp_path: Path) -> None:
    with running_gateway(tmp_path, "--workers", "3", ready=False, VOXPORT_DEFAULT_PROVIDER="local") as live:
        assert "Workers: 1 takes engine; 2 takes network; 3 takes network" in live.stderr.read_text()

        def taken() -> list[str]:
            children = [child.cmdline() for child in psutil.Process(live.process.pid).children()]
            return sorted(line[line.index("--queues") + 1] for line in children if "--queues" in line)

        assert taken() == ["engine", "network", "network"]
        next(child for child in psutil.Process(live.process.pid).children() if "engine" in child.cmdline()).kill()
        wait_until(lambda: len(taken()) == 2, seconds=20, what="the worker's end")
        wait_until(lambda: taken() == ["engine", "network", "network"], seconds=20, what="its restart")
