"""Serves the metrics of a process without an API, and whether it lives."""

from __future__ import annotations

import hmac
import http.server
import ipaddress
import logging
import socket
import socketserver
import threading
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from voxport.telemetry.metrics import REGISTRY

_MAX_PORTS: Final = 16
"""Ports that are tried, for as many workers with the same settings on one host."""
_REQUEST_SECONDS: Final = 10.0
_log = logging.getLogger("voxport.metrics")


def serve_metrics(host: str, port: int, *, key: str | None, registry: CollectorRegistry) -> int | None:
    """Serve `GET /metrics` and `GET /healthz` in a thread, on the first free port from `port` on. Returns the port, or
    None if there is none: the process runs on without. With a `key`, /metrics needs it as a bearer token. Raises
    ValueError for a host that other machines reach, without a key."""
    if key is None and not _is_loopback(host):
        raise ValueError(
            f"VOXPORT_WORKER_METRICS_HOST is {host}, which other machines may reach: set VOXPORT_ADMIN_KEY, "
            "which /metrics then asks for"
        )
    handler = type("Handler", (_Handler,), {"key": key, "registry": registry})
    failure: OSError | None = None
    for candidate in range(port, port + (_MAX_PORTS if port else 1)):
        try:
            server = _Server((host, candidate), handler)
        except OSError as error:
            failure = error
            continue
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        chosen = int(server.server_address[1])
        _log.info("metrics are served", extra={"host": host, "port": chosen})
        return chosen
    _log.error("no port for the metrics is free", extra={"host": host, "port": port, "error": str(failure)})
    return None


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Another worker must not take a port that is in use: it takes the next one.
    allow_reuse_port = False

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name, which http.server does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away needs no traceback."""


class _Handler(http.server.BaseHTTPRequestHandler):
    key: str | None
    registry: CollectorRegistry
    timeout = _REQUEST_SECONDS
    server_version = "voxport"
    sys_version = ""

    def do_GET(self) -> None:  # the library's name
        if self.path == "/healthz":
            self._answer(200, b'{"status": "ok"}', "application/json")
        elif self.path != "/metrics":
            self._answer(404, b"", "text/plain")
        elif not self._is_allowed():
            self._answer(401, b"", "text/plain")
        else:
            self._answer(200, generate_latest(self.registry) + generate_latest(REGISTRY), CONTENT_TYPE_LATEST)

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not logged."""

    def _is_allowed(self) -> bool:
        if self.key is None:
            return True
        sent = self.headers.get("Authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(sent, f"Bearer {self.key}".encode())

    def _answer(self, status: int, content: bytes, content_type: str) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="voxport"')
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
