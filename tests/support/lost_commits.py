"""A way to Postgres on which the answer to a commit gets lost."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

_SOCKET = ".s.PGSQL.5432"


class CommitCutter:
    """Stands in front of a server's Unix socket. Once it has the name of a table, it lets the next transaction that
    inserts into it commit, and ends its connection in place of the answer. With `late` it ends the connection first,
    and passes the COMMIT on once that is set."""

    def __init__(self, listener: socket.socket, server: str) -> None:
        self._listener = listener
        self._server = server
        self.table = ""
        self.cuts = 0
        self.late: threading.Event | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        has_written = False
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for one in ready:
                    data = one.recv(65_536)
                    if not data:
                        return
                    if one is server:
                        client.sendall(data)
                        continue
                    has_written = has_written or (bool(self.table) and f"INSERT INTO {self.table} ".encode() in data)
                    is_commit = has_written and b"COMMIT\0" in data
                    if is_commit and self.late is not None:
                        client.shutdown(socket.SHUT_RDWR)
                        self.late.wait(20)
                    server.sendall(data)
                    if is_commit:
                        server.recv(65_536)  # it has committed
                        self.table, self.cuts = "", self.cuts + 1
                        return


@contextlib.contextmanager
def cutting_commits(url: str, folder: Path) -> Iterator[tuple[CommitCutter, str]]:
    """Yields the cutter, and the URL of the same database behind it."""
    address = make_url(url)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / _SOCKET))
        listener.listen()
        cutter = CommitCutter(listener, f"{address.query['host']}/{_SOCKET}")
        yield cutter, f"postgresql+psycopg://postgres@/{address.database}?host={quote(str(folder), '')}"
