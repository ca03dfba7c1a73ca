"""Runs `voxport` commands in forks of a process that has imported everything, which takes a command a second else.

    python -m tests.docs.fork_server SOCKET

`programs/voxport` sends a command's arguments, environment, folder and standard streams, and gets its exit code.
Commands that serve until they are stopped only parse their options.
"""

from __future__ import annotations

import array
import json
import os
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

import voxport_client  # noqa: F401 - commands import them late
from voxport.cli.main import main as voxport_command
from voxport.gateway import open_gateway
from voxport.settings import Settings

PARSED_ONLY: Final = ("serve", "worker", "studio", "demo")


def main() -> None:
    _import_everything()
    run_command = click.Command.invoke

    def invoke(self: click.Command, context: click.Context) -> Any:
        if self.name not in PARSED_ONLY:
            return run_command(self, context)
        return click.echo(f"{context.command_path}: its options are right")

    click.Command.invoke = invoke  # type: ignore[method-assign, assignment]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(8)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            os._exit(_answer(connection))
        connection.close()
        _reap()


def _import_everything() -> None:
    """Open a gateway, since much is imported by the first one of a process."""
    with tempfile.TemporaryDirectory() as folder:
        values: dict[str, Any] = {"_env_file": None, "data_dir": Path(folder)}
        open_gateway(Settings(**values)).close()


def _answer(connection: socket.socket) -> int:
    """Run a command in a child of this process, and send its exit code."""
    request, streams = _receive(connection)
    child = os.fork()
    if child == 0:
        connection.close()
        os._exit(_run(request, streams))
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    return 0


def _receive(connection: socket.socket) -> tuple[Any, Sequence[int]]:
    streams = array.array("i")
    received, ancillary, _, _ = connection.recvmsg(1 << 20, socket.CMSG_LEN(3 * streams.itemsize))
    for _, _, data in ancillary:
        streams.frombytes(data)
    while not received.endswith(b"\n"):
        received += connection.recv(1 << 20)
    return json.loads(received), streams


def _run(request: Any, streams: Sequence[int]) -> int:
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.set_inheritable(target, True)
    # New objects: those of the server know what its own streams were.
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115 - for the process
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["voxport", *request["arguments"]]
    try:
        voxport_command(request["arguments"], prog_name="voxport")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()
