"""The gateway on a data folder of this machine: the one that runs, or one for the time of a command."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from voxport.cli.common import command_gateway
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.login_file import write_private
from voxport.clock import iso, now
from voxport.errors import NotFound

if TYPE_CHECKING:
    from voxport.gateway import Gateway

LOCK_FILE: Final = "serve.lock"
ENDING: Final = b"ending"
"""What the holder of the lock writes into it when it ends, and the next holder removes."""

ADDRESS_FILE: Final = "serve.url"
"""In the data folder: the address of the `voxport serve` that holds the lock of the folder."""

_KEY_FILE: Final = "command-key.json"
_KEY_LIFETIME: Final = timedelta(hours=12)
_MIN_LEFT: Final = timedelta(minutes=30)
"""A command takes a key that works for less time anew: it may wait long for a job."""

_START_SECONDS: Final = 180.0
_STOP_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class CommandKey:
    """A key of a profile, for the commands on this machine."""

    profile_id: str
    key: str
    expires_at: datetime


def running_address(data_dir: Path) -> str | None:
    """Return the address of the `voxport serve` that runs on this folder, or None; also None for one that is ending or
    has not said yet where it listens: then another program may listen at the address in the file."""
    try:
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            address = (data_dir / ADDRESS_FILE).read_text("utf-8").strip()
            return None if os.pread(descriptor, len(ENDING), 0) == ENDING else address
        finally:
            os.close(descriptor)
    except OSError:
        pass
    return None


def open_command_key(data_dir: Path, profile_id: str | None, *, is_renewed: bool = False) -> CommandKey:
    """Return a key of a profile: the kept one, or a new one that expires, made in the folder's database. `is_renewed`
    makes a new one in any case. Without `profile_id` it is the only active profile, else the one of the last command.
    Raises NotFound, CommandError."""
    kept = _read_key(data_dir)
    wanted = profile_id or (kept.profile_id if kept is not None else None)
    if kept is not None and kept.profile_id == wanted and not is_renewed and kept.expires_at > now() + _MIN_LEFT:
        return kept
    from voxport.audit.actors import CLI

    with command_gateway(data_dir) as gateway:
        found = _profile(gateway, profile_id, last=kept.profile_id if kept is not None else None)
        with gateway.database.transaction() as tx:
            row, key = gateway.accounts.create_session_key(tx, found, "voxport command", _KEY_LIFETIME, actor=CLI)
            assert row.expires_at is not None
            made = CommandKey(found, key, row.expires_at)
    content = {"profile_id": made.profile_id, "key": made.key, "expires_at": iso(made.expires_at)}
    with contextlib.suppress(OSError):  # a full disk: the next command makes another key
        write_private(data_dir / _KEY_FILE, json.dumps(content))
    return made


@contextlib.contextmanager
def temporary_gateway(data_dir: Path) -> Iterator[str]:
    """Run `voxport serve` on this folder until the end of the block, on a free port of 127.0.0.1. Yields its address.
    It ends with this process, however that ends. Raises CommandError if it does not start.

    This process listens and hands the socket on, so that no other user can take the port and get the key."""
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryFile() as log:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "voxport", "serve", "--no-tls", "--data-dir", str(data_dir)]
        process = subprocess.Popen(  # noqa: S603  # our own program
            [*command, "--fd", str(listener.fileno())],
            env={**os.environ, "VOXPORT_PUBLIC_URL": url},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(listener.fileno(),),
            start_new_session=True,  # Ctrl-C is for the command, which then ends the gateway
            preexec_fn=_end_with_parent(),  # it only makes a system call
        )
        refusing = threading.Thread(target=_refuse_after, args=(process, listener), daemon=True)
        refusing.start()
        try:
            _wait_until_up(process, url, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            listener.shutdown(socket.SHUT_RDWR)
            refusing.join()


def _refuse_after(process: subprocess.Popen[bytes], listener: socket.socket) -> None:
    """Close the connections that come after the end of the process, which nobody would answer, until the shutdown of
    the listener."""
    process.wait()
    with contextlib.suppress(OSError):
        while True:
            listener.accept()[0].close()


def _read_key(data_dir: Path) -> CommandKey | None:
    try:
        content = json.loads((data_dir / _KEY_FILE).read_text("utf-8"))
        return CommandKey(content["profile_id"], content["key"], datetime.fromisoformat(content["expires_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _profile(gateway: Gateway, profile_id: str | None, *, last: str | None) -> str:
    """Return the id of an active profile. Raises NotFound, CommandError."""
    if profile_id is not None:
        with gateway.database.snapshot() as tx:
            return gateway.accounts.require_profile(tx, profile_id).id
    active = gateway.accounts.list_profiles("active")
    if not active:
        raise NotFound("There is no active profile. Make one with `voxport admin profiles create NAME`.")
    if len(active) == 1:
        return active[0].id
    if last in {profile.id for profile in active}:
        return str(last)
    names = ", ".join(f"{profile.id} ({profile.name})" for profile in active[:10])
    raise CommandError(
        f"There are {len(active)} active profiles: {names}.",
        ExitCode.USAGE,
        "Name one with --profile; later commands take it too.",
    )


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: BinaryIO) -> None:
    import httpx2

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(f"{url}/healthz", timeout=10, trust_env=False).status_code == 200:
                return
        time.sleep(_POLL_SECONDS)
    log.seek(0)
    lines = [
        line for line in log.read().decode("utf-8", "replace").splitlines() if not line.startswith(("{", "API key"))
    ]
    raise CommandError(
        "A gateway on this folder does not start. " + " ".join(lines[-3:]),
        ExitCode.UNREACHABLE,
        "`voxport doctor` looks for the cause.",
    )


def _end_with_parent() -> Callable[[], object] | None:
    """Return what lets the kernel end a child with this process (Linux), or None: elsewhere it outlives a kill."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
