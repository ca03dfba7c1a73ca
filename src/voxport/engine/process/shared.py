"""Finds the engine that other processes of this user share, or starts it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Final

import voxport
from voxport.engine.process.connection import EngineConnection, EngineOptions, ProtocolMismatch
from voxport.engine.process.protocol import PROTOCOL
from voxport.engine.process.socket_file import connect, open_folder, peer_pid, sweep, try_lock

_RETRY_SECONDS: Final = 0.05
_log = logging.getLogger("voxport.engine")


class SharedEngine:
    """The engine of all processes that name the same folder and options, and run the same code."""

    def __init__(self, folder: Path, options: EngineOptions, *, idle_seconds: float) -> None:
        """A connection is closed when it had no call for `idle_seconds`."""
        self._folder = folder
        self._idle_seconds = idle_seconds
        self._options = options
        self._name = _identity(options)

    def connect(self, timeout: float) -> EngineConnection:
        """Connect to the engine within `timeout` seconds, and start it when it does not run. Where an engine can't be
        shared, start one for this process alone. Raises EngineUnavailable when it can't be started."""
        try:
            folder = open_folder(self._folder)
        except OSError as error:
            return self._start_alone(timeout, str(error))
        try:
            return self._connect(folder, timeout)
        except (OSError, ProtocolMismatch) as error:
            return self._start_alone(timeout, str(error))
        finally:
            os.close(folder)

    def _connect(self, folder: int, timeout: float) -> EngineConnection:
        deadline = time.monotonic() + timeout
        while True:
            connection = self._try_connect(folder, deadline)
            if connection is not None:
                return connection
            lock = try_lock(folder, self._name)
            if lock is not None:
                try:
                    sweep(folder, self._name)
                    inherited = (folder, lock, self._name)
                    return EngineConnection.start(
                        self._options, timeout, inherited=inherited, idle_seconds=self._idle_seconds
                    )
                finally:
                    os.close(lock)
            # Another process starts the engine, or the last client of one that ends has just gone.
            if time.monotonic() > deadline:
                return self._start_alone(timeout, "the process that holds the lock does not listen")
            time.sleep(_RETRY_SECONDS)

    def _try_connect(self, folder: int, deadline: float) -> EngineConnection | None:
        """Connect to the process that listens. Returns None when there is none, or it ends. A hung one is killed.
        Raises ProtocolMismatch."""
        connected = connect(folder, self._name)
        if connected is None:
            return None
        connection = EngineConnection(connected, peer_pid(connected), idle_seconds=self._idle_seconds)
        try:
            connection.wait_for_hello(deadline - time.monotonic())
        except EOFError:
            connection.close()
            return None
        except TimeoutError:
            connection.kill()
            return None
        except ProtocolMismatch:
            connection.close()
            raise
        return connection

    def _start_alone(self, timeout: float, reason: str) -> EngineConnection:
        _log.warning("the engine can't be shared", extra={"folder": str(self._folder), "reason": reason})
        return EngineConnection.start(self._options, timeout, idle_seconds=self._idle_seconds)


def _identity(options: EngineOptions) -> str:
    """Hash all that determines how an engine answers, so that an upgraded gateway starts another one."""
    model = None
    if options.model_path is not None:
        try:
            status = options.model_path.stat()
            model = [str(options.model_path.resolve()), status.st_size, status.st_mtime_ns]
        except OSError:
            model = [str(options.model_path)]  # the engine reports what is wrong with it
    code = [PROTOCOL, voxport.__version__, sys.prefix, _source_version()]
    content = json.dumps([code, model, options.threads, options.niceness, options.fit_steps])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


@cache
def _source_version() -> str:
    """Hash the paths, sizes and times of the package's files: code may change without its version."""
    root = Path(voxport.__file__).parent
    digest = hashlib.sha256(str(root).encode())
    for package in ("audio", "engine", "text"):
        for path in sorted((root / package).rglob("*.py")):
            status = path.stat()
            digest.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
