"""Serves an application on a free port of 127.0.0.1, which it writes to a file."""

from __future__ import annotations

import socket
from pathlib import Path

import uvicorn


def serve(config: uvicorn.Config, port_file: Path) -> None:
    """Serve until SIGTERM. The file appears once the port is bound."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    temporary = port_file.with_suffix(".new")
    temporary.write_text(str(listener.getsockname()[1]))
    temporary.replace(port_file)
    uvicorn.Server(config).run(sockets=[listener])
