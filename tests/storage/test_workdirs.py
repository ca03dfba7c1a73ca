"""Temporary files of a killed process are removed; those of a living one are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from voxport.storage.local import LocalStorage
from voxport.storage.workdirs import sweep_work_dirs, work_dir

_WORK = """
import sys, time
from pathlib import Path
from voxport.storage.local import LocalStorage
from voxport.storage.workdirs import work_dir
with work_dir() as folder, LocalStorage(Path(sys.argv[1])).create("audio/a.wav") as upload:
    (folder / "sample").write_bytes(b"half")
    upload.write(b"half")
    print("working", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def grown_old(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))


def test_what_a_killed_process_left_is_swept_and_not_before(temporary: Path, tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "files")
    incoming = tmp_path / "files" / ".incoming"
    command = [sys.executable, "-c", _WORK, str(tmp_path / "files")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"working\n"
        for folder in (temporary, incoming):
            grown_old(folder)
        assert (sweep_work_dirs(), storage.sweep_abandoned()) == (0, 0), "it lives"
        os.kill(child.pid, signal.SIGKILL)
    assert len(list(temporary.iterdir())) == len(list(incoming.iterdir())) == 1
    assert (sweep_work_dirs(), storage.sweep_abandoned()) == (1, 1)
    assert list(temporary.iterdir()) == list(incoming.iterdir()) == []


def test_one_that_was_just_made_is_not_swept(temporary: Path) -> None:
    (temporary / "voxport-tmp-new").mkdir()
    assert sweep_work_dirs() == 0
    grown_old(temporary)
    assert sweep_work_dirs() == 1


def test_one_of_before_the_clock_was_set_back_is_swept(temporary: Path) -> None:
    (temporary / "voxport-tmp-old").mkdir()
    os.utime(temporary / "voxport-tmp-old", (time.time() + 3_600, time.time() + 3_600))
    assert sweep_work_dirs() == 1


def test_nothing_of_others_is_touched_and_a_folder_goes_with_its_block(temporary: Path) -> None:
    (temporary / "other-program").mkdir()
    with work_dir() as folder:
        assert folder.parent == temporary
        grown_old(temporary)
        assert sweep_work_dirs() == 0
    assert [path.name for path in temporary.iterdir()] == ["other-program"]
