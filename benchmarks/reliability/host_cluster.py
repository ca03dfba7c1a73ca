"""A gateway on many hosts: two with the API, three with workers, a Postgres and an S3 storage, each in a network of its
own (`host_network.py`). The provider, a double of ElevenLabs, and the callers are in the process that starts them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from benchmarks.reliability.host_network import NETWORK, OWN_ADDRESS, Host, HostNetwork
from benchmarks.support import write_speaker_wav
from tests.support.postgres import PROGRAMS, Postgres
from tests.support.s3 import S3Server, running_s3
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import NO_LIMITS

TEXT = "The ferry leaves the island at seven in the morning."
TIDY_SECONDS = 1.0
_KEY, _ADMIN_KEY = "a-key-for-a-benchmark", "an-operators-key-for-a-benchmark"
_SECRET_KEY = "a-secret-of-all-hosts-of-a-benchmark"
_PORT, _DATABASE_PORT = 8000, 5432
_PROVIDER_SECONDS = 0.4
_START_SECONDS = 180.0
_RESTART_SECONDS = 1.0
_WORKERS = ("engine,network", "network", "network")
"""The queues of each worker."""


class Service:
    """A `voxport` command on a host, with a data folder of its own. It is started again when it ends by itself, as
    systemd does it. `exits` are the exit codes of those ends."""

    def __init__(self, host: Host, folder: Path, arguments: Sequence[str], settings: dict[str, str]) -> None:
        self.host = host
        self.exits: list[int] = []
        self._folder = folder / host.name
        self._log = self._folder / "log.txt"
        self._command = [*host.wrapper, sys.executable, "-m", "voxport", *arguments]
        self._command += ["--data-dir", str(self._folder / "data")]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOXPORT_")}
        self._environment = {**inherited, **settings}
        (self._folder / "data").mkdir(parents=True)
        self._ending = threading.Event()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def executor(self) -> str | None:
        """Return the name of the last worker that has started here."""
        lines = [line for line in self.log().splitlines() if '"worker started"' in line]
        return str(json.loads(lines[-1])["executor"]) if lines else None

    def stop(self) -> None:
        self._ending.set()
        self._watcher.join()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _watch(self) -> None:
        while not self._ending.wait(0.2):
            code = self._process.poll()
            if code is not None:
                self.exits.append(code)
                if not self._ending.wait(_RESTART_SECONDS):
                    self._process = self._start()


class Cluster:
    """The running hosts. `files` is the folder in which the storage keeps the objects of the gateway."""

    def __init__(
        self, folder: Path, double: ElevenLabsDouble, database: Host, s3: S3Server, storage: Host, prefix: str
    ) -> None:
        self.folder = folder
        self.double = double
        self.database = database
        self.storage = storage
        self.database_url = f"postgresql+psycopg://postgres@{database.address}:{_DATABASE_PORT}/postgres"
        self.files = s3.folder / prefix.removeprefix("s3://")
        self.sample = folder / "speaker.wav"
        self.apis: list[Service] = []
        self.workers: list[Service] = []

    @property
    def urls(self) -> list[str]:
        return [f"http://{one.host.address}:{_PORT}" for one in self.apis]

    def new_customer(self, credits: float) -> str:
        """Create a profile with credits. Returns its key."""
        headers = {"Authorization": f"Bearer {_ADMIN_KEY}"}
        with httpx2.Client(base_url=f"{self.urls[0]}/v2/admin", headers=headers, timeout=60) as admin:
            created = admin.post("/profiles", json={"name": "Customer"}).raise_for_status().json()["data"]
            path, credit = f"/profiles/{created['id']}", {"amount": credits, "reference": created["id"]}
            admin.post(f"{path}/credits", json=credit).raise_for_status()
            key: str = admin.post(f"{path}/keys", json={"name": "its"}).raise_for_status().json()["data"]["key"]
            return key

    def query(self, statement: str, *values: object) -> list[Any]:
        """Raises psycopg.Error, also if the database can't be reached in three seconds."""
        url = self.database_url.replace("+psycopg", "")
        with psycopg.connect(url, connect_timeout=3, tcp_user_timeout=3000) as connection:
            return connection.execute(statement, values).fetchall()


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start everything, in an order in which nothing waits for anything."""
    synthesize(TEXT, 0)  # cached before the first call
    network = HostNetwork()
    database, storage = network.add("database"), network.add("storage")
    account = ElevenLabsAccount(
        keys={_KEY: ALL_SCOPES}, character_limit=10**9, concurrency=50, voice_limit=10**4, latency=_PROVIDER_SECONDS
    )
    double = ElevenLabsDouble(account)
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(serve_app(double.app, host=OWN_ADDRESS))
        stack.enter_context(_postgres(folder / "postgres", database))
        s3 = stack.enter_context(running_s3(host=storage.address, wrapper=storage.wrapper))
        placed = s3.new_storage_env()
        cluster = Cluster(folder, double, database, s3, storage, placed["VOXPORT_STORAGE_URL"])
        write_speaker_wav(cluster.sample)
        settings = {
            **{f"VOXPORT_{name.upper()}": str(value) for name, value in NO_LIMITS.items()},
            **placed,
            "VOXPORT_DATABASE_URL": cluster.database_url,
            "VOXPORT_PUBLIC_URL": "https://voxport.example",
            "VOXPORT_SECRET_KEY": _SECRET_KEY,
            "VOXPORT_ADMIN_KEY": _ADMIN_KEY,
            "VOXPORT_ELEVENLABS_API_KEY": _KEY,
            "VOXPORT_ELEVENLABS_BASE_URL": provider,
            "VOXPORT_UNKNOWN_OUTCOME_MINUTES": "0.02",
            "VOXPORT_TIDY_SECONDS": f"{TIDY_SECONDS:g}",
        }

        def start(host: Host, *arguments: str) -> Service:
            service = Service(host, folder, arguments, settings)
            stack.callback(service.stop)
            return service

        for number in (1, 2):  # the first one creates the tables
            host = network.add(f"api{number}")
            cluster.apis.append(start(host, "serve", "--no-worker", "--host", host.address, "--port", str(_PORT)))
            _wait_until_ready(cluster.urls[-1], cluster.apis[-1])
        for number, queues in enumerate(_WORKERS, 1):
            cluster.workers.append(start(network.add(f"worker{number}"), "worker", "--queues", queues))
        for worker in cluster.workers:
            _wait_until(lambda worker=worker: worker.executor() is not None, worker)
        yield cluster


@contextlib.contextmanager
def _postgres(folder: Path, host: Host) -> Iterator[None]:
    folder.mkdir()
    Postgres(folder)  # creates the data, for the user that the server runs as
    data = folder / "data"
    with (data / "pg_hba.conf").open("a") as file:
        file.write(f"host all all {NETWORK} trust\n")
    settings = ("fsync=off", "max_connections=250", "shared_buffers=64MB", "autovacuum_naptime=10s")
    owner = str(data.stat().st_uid)
    command = [*host.wrapper, "setpriv", "--reuid", owner, "--regid", str(folder.stat().st_gid), "--clear-groups"]
    command += [str(PROGRAMS / "postgres"), "-D", str(data), "-k", str(folder), "-h", host.address]
    command += [word for setting in settings for word in ("-c", setting)]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(f"postgresql://postgres@{host.address}/postgres", connect_timeout=3).close()
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(url: str, service: Service) -> None:
    def is_ready() -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{url}/readyz", timeout=10).status_code == 200
        return False

    _wait_until(is_ready, service)


def _wait_until(condition: Any, service: Service) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline or service.exits:
            raise RuntimeError(f"{service.host.name} did not start. It said:\n{service.log()[-3000:]}")
        time.sleep(0.1)
