"""Copies all files from one storage to another, while gateways use both (`FallbackStorage`).

A file is read twice: once to copy it, and once from the target, to compare the hashes. Nothing is removed from the
source. A run that was interrupted is continued by another: what the target has is not copied again.

The keys of a batch are written down in the target before the batch is copied. After a kill, one whose source has gone
was deleted by a customer meanwhile, and what the killed run may have written of it is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Literal, get_args

from voxport.storage.base import FileInfo, KeyExists, Storage
from voxport.storage.fallback import PAIR_KEY

_BATCH_KEY: Final = "storage-move/batch"
_OWN_KEYS: Final = {PAIR_KEY, _BATCH_KEY}
_BATCH: Final = 200
_CHUNK_BYTES: Final = 1 << 20
_THREADS: Final = 4
_Outcome = Literal["copied", "kept", "gone"]
_OUTCOMES: Final = get_args(_Outcome)


@dataclass
class MoveReport:
    """What a run did. `copied` files were compared by hash, `kept` ones were in the target already, `gone` ones were
    deleted by their owners during the run. `problems` are sentences; the next run tries those files again."""

    copied: int = 0
    bytes: int = 0
    kept: int = 0
    gone: int = 0
    problems: list[str] = field(default_factory=list)


OnProgress = Callable[[int, int], None]
"""Is called with the number of files done, and of all files."""


def copy_files(source: Storage, target: Storage, *, on_progress: OnProgress, compare_all: bool = False) -> MoveReport:
    """Copies the files that the target lacks. With `compare_all`, also compares those that it has, and reports the
    ones that differ: the gateway may have written them anew."""
    report = MoveReport()
    _finish_killed_batch(source, target)
    files = [one for one in source.scan() if one.key not in _OWN_KEYS]
    stored = {one.key for one in target.scan()}
    missing = [one for one in files if one.key not in stored]
    kept = [one for one in files if one.key in stored]
    report.kept = len(kept)
    failed: list[str] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for first in range(0, len(missing), _BATCH):
            batch = missing[first : first + _BATCH]
            target.put(_BATCH_KEY, json.dumps([*failed, *(one.key for one in batch)]).encode())
            for one, outcome in zip(batch, pool.map(lambda one: _try_copy(source, target, one), batch), strict=True):
                _count(report, one, outcome)
                if outcome not in _OUTCOMES:
                    failed.append(one.key)
            on_progress(len(kept) + min(first + _BATCH, len(missing)), len(files))
        if compare_all:
            for one, is_same in zip(kept, pool.map(lambda one: _is_same(source, target, one.key), kept), strict=True):
                if not is_same:
                    report.problems.append(f"{one.key} is another file in the target")
    if missing and not failed:
        target.delete(_BATCH_KEY)
    return report


def _try_copy(source: Storage, target: Storage, one: FileInfo) -> _Outcome | str:
    """Copies a file and returns what became of it: an outcome, or a sentence on what went wrong."""
    try:
        return _copy(source, target, one.key)
    except (OSError, ValueError) as error:
        return f"{one.key} can't be copied: {error}"


def _copy(source: Storage, target: Storage, key: str) -> _Outcome:
    """Copies a file, unless the target has it. Raises OSError, also if the copy differs."""
    if target.size(key) is not None:  # the gateway has written it since the run began
        return "kept"
    try:
        with source.open(key) as file, target.create(key) as upload:
            size, digest = _copy_stream(file, upload.write)
            upload.commit()
    except FileNotFoundError:
        return "gone"
    except KeyExists:
        return "kept"
    if source.size(key) is None:
        # A gateway deletes from the source first: either it finds the copy, or this does.
        target.delete(key)
        return "gone"
    try:
        with target.open(key) as file:
            copied = _copy_stream(file, lambda _: None)
    except FileNotFoundError:
        return "gone"
    if copied == (size, digest):
        return "copied"
    if _is_rewritten(key):
        return "kept"  # by a gateway, since the copy
    target.delete(key)
    raise OSError("the copy differs from the source")


def _is_rewritten(key: str) -> bool:
    """Whether a running job writes the file more than once."""
    return key.startswith("jobs/") or key.endswith("/fit.state")


def _is_same(source: Storage, target: Storage, key: str) -> bool:
    try:
        with source.open(key) as one, target.open(key) as other:
            return _copy_stream(one, lambda _: None) == _copy_stream(other, lambda _: None)
    except FileNotFoundError:
        return True  # it was deleted meanwhile


def _finish_killed_batch(source: Storage, target: Storage) -> None:
    try:
        keys: list[str] = json.loads(target.read(_BATCH_KEY))
    except FileNotFoundError:
        return
    for key in keys:
        if source.size(key) is None:
            target.delete(key)
    target.delete(_BATCH_KEY)


def _copy_stream(file: BinaryIO, write: Callable[[bytes], None]) -> tuple[int, str]:
    """Passes on the contents of a file. Returns their size in bytes and their SHA-256."""
    size, digest = 0, hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def _count(report: MoveReport, one: FileInfo, outcome: _Outcome | str) -> None:
    if outcome == "copied":
        report.copied += 1
        report.bytes += one.size
    elif outcome == "kept":
        report.kept += 1
    elif outcome == "gone":
        report.gone += 1
    else:
        report.problems.append(outcome)
