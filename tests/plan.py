"""Assigns tests to processes, and picks the folder that they write to."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

MEMORY: Final = Path("/dev/shm")
MIN_FREE_BYTES: Final = 6 * 1024**3
MACHINE: Final = (
    "tests/reliability/",
    "tests/test_malloc_tuning.py",
    "tests/cli/test_serve.py",
    "tests/backup/test_drill.py",
    "tests/jobs/test_takeover.py",
    "tests/hosted/test_kill.py",
    "tests/web/test_body_limit.py",
)
"""Tests that mount, kill, soak or measure. They run one after another in one process."""
ENGINE: Final = (
    "tests/engine/",
    "tests/text/",
    "tests/audio/test_loudness.py",
    "tests/audio/test_pitch.py",
    "tests/audio/test_speaker_encoder.py",
    "tests/watermark/",
    "tests/docs/test_quickstart.py",
    "src/voxport/testing/conformance/",
    "tests/providers/test_local_speech.py",
    "tests/test_kill.py",
    "tests/test_live.py",
    "tests/test_silence.py",
    "tests/test_logs.py",
    "tests/test_recordings.py",
    "tests/test_long_speech.py",
    "tests/audio/test_streaming.py",
)
"""Tests that load the engine or share the live gateway. They run in the other process, so that no two fits run at
once."""
RECORDINGS: Final = ("tests/samples/test_recordings.py", "tests/samples/test_quality.py")
"""Tests that decode and check the same recordings, which happens once per process."""
STUDIO: Final = "tests/studio/"
"""Tests that share one gateway and one browser."""
LONG: Final = ("machine", "engine")
ONE_BACKEND: Final = (
    "tests/audio/",
    "tests/deploy/test_manifests.py",
    "tests/docs/",
    "tests/engine/",
    "tests/fetch/",
    "tests/help/",
    "tests/hosted/test_error_rows.py",
    "tests/text/",
)
"""Tests that are left out on Postgres although a fixture may open a database: their subject stores nothing, or stores
it as other tests do. The run on SQLite has shown the rest."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Puts the tests' files in memory if it has room. They need no disk: no test cuts the power."""
    # The engine's process sets this too. Threads that spin while waiting cost several times the work beside a test.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if config.option.basetemp is not None or hasattr(config, "workerinput") or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free >= MIN_FREE_BYTES:
        folder = tempfile.mkdtemp(prefix="voxport-tests-", dir=MEMORY)
        config.option.basetemp = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def sort_by_group(items: list[pytest.Item]) -> None:
    """Puts the two long groups first."""
    items.sort(key=lambda item: LONG.index(name) if (name := group(item.nodeid)) in LONG else len(LONG))


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process a whole group. xdist's own `loadgroup` finds no groups in the node ids of pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    return GroupScheduling(config, log)


def group(nodeid: str) -> str:
    """The name of a test's long group, or else its file."""
    if nodeid.startswith(MACHINE):
        return "machine"
    if nodeid.startswith(RECORDINGS):
        return "recordings"
    if nodeid.startswith(STUDIO):
        return "studio"
    return "engine" if nodeid.startswith(ENGINE) else nodeid.split("::")[0]
