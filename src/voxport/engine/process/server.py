"""The program of the engine's process, `python -m voxport.engine.process.server`.

It serves the client that started it, over an inherited socket, and, with `--folder-fd`, every other process that
connects to the socket which it makes in that folder. It exits as soon as the last client is gone, even during a
synthesis, so it never outlives its users, however they end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from voxport.engine.fit import FIT_STEPS
from voxport.engine.process.protocol import PROTOCOL, Header, pack, unpack
from voxport.engine.process.service import EngineCall, EngineService, LazyEngine
from voxport.engine.process.socket_file import listen, remove
from voxport.malloc_tuning import limit_malloc_growth


def main() -> None:
    arguments = _parse_arguments()
    os.nice(arguments.niceness)
    limit_malloc_growth()
    service = EngineService(
        LazyEngine(model_path=arguments.model, threads=arguments.threads, fit_steps=arguments.fit_steps)
    )
    listener = None
    if arguments.folder_fd is not None:
        try:
            listener = listen(arguments.folder_fd, arguments.name)
        except OSError as error:
            # The file system has no sockets, or is full: other processes get the lock, and an engine of their own.
            with contextlib.suppress(OSError):
                print(f"The engine can't be shared: {error}", flush=True)
            os.close(arguments.lock_fd)

    def exit_process() -> NoReturn:
        if listener is not None:
            remove(arguments.folder_fd, arguments.name)  # this process still holds the lock
        os._exit(0)

    server = EngineServer(service, on_last_client_gone=exit_process)
    server.add(socket.socket(fileno=arguments.client_fd))
    if listener is not None:
        threading.Thread(target=server.accept_from, args=(listener,), daemon=True).start()
    service.run()


class EngineServer:
    """The clients of the process. `on_last_client_gone` is called once, from another thread."""

    def __init__(self, service: EngineService, *, on_last_client_gone: Callable[[], None]) -> None:
        self._service = service
        self._on_last_client_gone = on_last_client_gone
        self._clients: set[_Client] = set()
        self._is_ending = False
        self._lock = threading.Lock()

    def accept_from(self, listener: socket.socket) -> None:
        """Add every client that connects."""
        while True:
            # Out of descriptors or memory: the client is refused, and tries again.
            with contextlib.suppress(OSError):
                self.add(listener.accept()[0])

    def add(self, connection: socket.socket) -> None:
        """Serve a connection. It is closed if the last client has just gone."""
        client = _Client(connection, self._service, self._remove)
        with self._lock:
            if self._is_ending:
                connection.close()
                return
            self._clients.add(client)
        client.start()

    def _remove(self, client: _Client) -> None:
        with self._lock:
            self._clients.discard(client)
            is_last = not self._clients and not self._is_ending
            self._is_ending = self._is_ending or is_last
        if is_last:
            self._on_last_client_gone()


class _Client:
    """One connection: a thread reads its calls, another writes to it, so that a stopped client delays no other."""

    def __init__(self, connection: socket.socket, service: EngineService, on_gone: Callable[[_Client], None]) -> None:
        self._connection = connection
        self._service = service
        self._on_gone = on_gone
        self._calls: dict[int, EngineCall] = {}
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def start(self) -> None:
        self._send({"kind": "hello", "protocol": PROTOCOL})
        for target in (self._read, self._write):
            threading.Thread(target=target, daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                self._receive(*unpack(self._read_exactly))
        except (EOFError, OSError):
            pass
        except Exception:  # not a frame: this client is disconnected, and the others are served on
            with contextlib.suppress(OSError):
                traceback.print_exc()
        finally:
            for call in list(self._calls.values()):
                call.is_abandoned = True
            self._outgoing.put(None)
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._on_gone(self)

    def _receive(self, header: Header, body: bytes) -> None:
        if header["call"] == "ping":
            if self._service.is_stuck():
                os._exit(1)
            self._send({"kind": "pong"})
        elif header["call"] == "abandon":
            call = self._calls.get(header["number"])
            if call is not None:
                call.is_abandoned = True
        else:
            number = int(header["number"])

            def reply(answer: Header, content: bytes) -> None:
                if answer["kind"] in ("answer", "error"):
                    self._calls.pop(number, None)
                self._send({**answer, "number": number}, content)

            self._calls[number] = call = EngineCall(header, body, reply)
            self._service.put(call)

    def _read_exactly(self, size: int) -> bytes:
        content = bytearray(size)
        rest = memoryview(content)
        while rest:
            count = self._connection.recv_into(rest)
            if count == 0:
                raise EOFError
            rest = rest[count:]
        return bytes(content)

    def _send(self, header: Header, body: bytes = b"") -> None:
        self._outgoing.put(pack(header, body))

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # the reading thread notices the end
            while (content := self._outgoing.get()) is not None:
                self._connection.sendall(content)
        self._connection.close()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="voxport.engine.process.server")
    parser.add_argument("--client-fd", type=int, required=True, help="the socket of the client that started this")
    parser.add_argument("--folder-fd", type=int, default=None, help="the folder in which to listen")
    parser.add_argument("--lock-fd", type=int, default=None, help="the locked file, which stays open and locked")
    parser.add_argument("--name", default="", help="the name of the socket in the folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--niceness", type=int, default=0)
    parser.add_argument("--fit-steps", type=int, default=FIT_STEPS)
    parser.add_argument("--model", type=Path, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
