"""Runs a gateway that benchmarks kill and restart many times. Its HTTP server and its worker are forked from a process
that has imported everything, and kill themselves (SIGKILL) at a chosen database commit.

Two things differ from a real gateway: samples are accepted without the engine's check, which would cost seconds at each
start, and the worker tidies up every half second instead of every minute.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from sqlalchemy.engine.default import DefaultDialect

from voxport.app import create_app
from voxport.billing.money import to_micro
from voxport.gateway import open_gateway
from voxport.logs import configure_logging
from voxport.samples.loader import Audio, Sample, SampleLoader
from voxport.serving import INITIAL_CREDITS
from voxport.settings import Settings
from voxport.testing.running_gateway import NO_LIMITS, placed_data
from voxport.testing.sample_reports import GOOD_REPORT
from voxport.web.protocol import server_config
from voxport.worker import run_worker

SERVER, WORKER = "server", "worker"
_TIDY_SECONDS = 0.5
_START_SECONDS = 60.0


@dataclass(frozen=True)
class CommitPoint:
    """The `nth` commit by function `label` in a process; `when` is `before` or `after` that commit."""

    process: str
    label: str
    nth: int
    when: str

    def __str__(self) -> str:
        return f"{self.process}: {self.when} {self.label} #{self.nth}"


@dataclass
class CrashableGateway:
    """A data folder and the processes that use it. The port stays the same through all restarts."""

    folder: Path
    settings: dict[str, Any]
    key: str = ""
    profile_id: str = ""
    restarts: int = 0
    http_processes: int = 1
    _processes: dict[str, BaseProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def servers(self) -> list[str]:
        """The names of the HTTP processes, which accept connections at the same port."""
        return [SERVER, *(f"{SERVER}-{number}" for number in range(2, self.http_processes + 1))]

    def create(self) -> None:
        """Create the first profile, with credits and a key."""
        gateway = open_gateway(self.open_settings())
        with gateway.database.transaction() as tx:
            self.profile_id = gateway.accounts.create_profile(tx, "Customer").id
            gateway.billing.add_credits(tx, self.profile_id, to_micro(INITIAL_CREDITS))
            _, self.key = gateway.accounts.create_key(tx, self.profile_id, "")
        gateway.close()

    def open_settings(self) -> Settings:
        data_dir = self.folder / "data"
        own = {"data_dir": data_dir, "public_url": self.url, "tidy_seconds": _TIDY_SECONDS}
        placed = {name.removeprefix("VOXPORT_").lower(): value for name, value in placed_data(data_dir).items()}
        return _settings({**own, **placed, **self.settings})

    def start(self, process: str, point: CommitPoint | None = None) -> None:
        """Start one of the processes; with a `point` of its kind, it kills itself there."""
        is_server = process != WORKER
        run = _run_server if is_server else _run_worker
        own = point if point is not None and (point.process == SERVER) == is_server else None
        values = self.open_settings().model_dump(exclude_defaults=True)
        arguments = (values, self._listener, self.folder, own) if is_server else (values, self.folder, own)
        child = _CONTEXT.Process(target=run, args=arguments, name=process)
        child.start()
        self._processes[process] = child

    def wait_until_up(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(self.url + "/healthz", timeout=5).status_code == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError("the server did not start: " + (self.folder / "server.log").read_text()[-2000:])

    @contextlib.contextmanager
    def running(self, point: CommitPoint | None, *, kills_both: bool) -> Iterator[threading.Event]:
        """Run all processes, and restart each one that dies; with `kills_both` the first death also kills the others.
        The event is set at the first death."""
        died, ending = threading.Event(), threading.Event()
        for process in (*self.servers, WORKER):
            self.start(process, point)
        self.wait_until_up()
        watcher = threading.Thread(target=self._watch, args=(died, ending, kills_both))
        watcher.start()
        try:
            yield died
        finally:
            ending.set()
            watcher.join()
            self.kill(*self.servers, WORKER)

    def kill(self, *processes: str) -> None:
        """Kill the processes with SIGKILL, all at once."""
        # Collected first, so that processes which replace them meanwhile are not killed.
        children = [self._processes[process] for process in processes if process in self._processes]
        for child in children:
            if child.pid is not None and child.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)
        for child in children:
            child.join()

    def commits(self, process: str) -> list[str]:
        """Return the labels of the commits of a kind of process, in order."""
        path = self.folder / f"{process}.commits"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def _watch(self, died: threading.Event, ending: threading.Event, kills_both: bool) -> None:
        while not ending.wait(0.005):
            dead = [name for name, child in self._processes.items() if not child.is_alive()]
            if not dead:
                continue
            self.restarts += 1
            if kills_both and not died.is_set():
                dead = [*self.servers, WORKER]
                self.kill(*dead)
            died.set()
            for name in dead:
                self.start(name)

    def close(self) -> None:
        self.kill(*self.servers, WORKER)
        self._listener.close()


def _run_server(values: dict[str, Any], listener: socket.socket, folder: Path, point: CommitPoint | None) -> None:
    with _logged(folder / "server.log"):
        gateway = open_gateway(_settings(values))
        gateway.providers.start = lambda: None  # type: ignore[method-assign]  # no engine: no call needs it
        app = create_app(gateway.settings, gateway=gateway)
        _watch_commits(folder / "server.commits", point)
        uvicorn.Server(server_config(app, gateway.settings)).run(sockets=[listener])


def _run_worker(values: dict[str, Any], folder: Path, point: CommitPoint | None) -> None:
    with _logged(folder / "worker.log"):
        _watch_commits(folder / "worker.commits", point)
        run_worker(_settings(values), with_parent=False)


def _settings(values: dict[str, Any]) -> Settings:
    given: dict[str, Any] = {"_env_file": None, **NO_LIMITS, **values}
    return Settings(**given)


def _accept_sample(_: SampleLoader, audio: Audio) -> Sample:
    return Sample(audio, GOOD_REPORT)


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Redirect standard error to the file, and accept every sample."""
    with path.open("a") as file:
        os.dup2(file.fileno(), 2)
    configure_logging("info")
    SampleLoader.check = _accept_sample  # type: ignore[method-assign,assignment]
    yield


def _watch_commits(path: Path, point: CommitPoint | None) -> None:
    """Record each commit, and die at the chosen one. The file, which all processes of a kind append to, is written
    unbuffered, so that it survives the kill."""
    original_commit: Callable[..., None] = DefaultDialect.do_commit
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def die_at(label: str, when: str) -> None:
        if point is None or (label, when) != (point.label, point.when):
            return
        if path.read_text().split("\n").count(label) == point.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def do_commit(dialect: DefaultDialect, connection: Any) -> None:
        label = _label()
        os.write(descriptor, f"{label}\n".encode())
        die_at(label, "before")
        original_commit(dialect, connection)
        die_at(label, "after")

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


def _label() -> str:
    """Return the name of the committing function: the gateway's innermost one, else the job engine's."""
    frame = sys._getframe(2)
    engine = ""
    while frame is not None:
        name = frame.f_code.co_filename
        if "/voxport/" in name and "/db/session.py" not in name and "/crash_harness.py" not in name:
            # A commit that the job engine makes within one of our steps belongs to the engine, not to the step.
            return engine or f"{Path(name).parent.name}.{frame.f_code.co_qualname}"
        if "/dbos/" in name and not engine:
            engine = f"dbos.{frame.f_code.co_qualname}".replace(".<locals>", "")
        frame = frame.f_back  # type: ignore[assignment]
    return engine or "?"


_CONTEXT = multiprocessing.get_context("forkserver")
# Only installed modules: in Python 3.11 the forking process does not have this one's `sys.path`, and silently skips
# modules that it can't import. Each start would then import all of them again.
_CONTEXT.set_forkserver_preload(
    [
        *("voxport.app", "voxport.serving", "voxport.worker", "voxport.web.protocol"),
        *("voxport.providers.elevenlabs", "voxport.providers.minimax", "voxport.providers.local"),
        *("voxport.testing.running_gateway", "voxport.testing.sample_reports"),
    ]
)
