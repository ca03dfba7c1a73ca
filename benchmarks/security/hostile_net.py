"""A network on loopback for `ssrf.py`: a lying resolver, a fake internet, and a server that must not be reached."""

from __future__ import annotations

import contextlib
import http.server
import ipaddress
import re
import shutil
import socket
import ssl
import subprocess
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.security.hostile_urls import LOCATIONS, NAMES, OUTSIDE_V4, OUTSIDE_V6
from voxport.fetch.policy import FetchPolicy

_INSIDE = "http://127.0.0.1/"
_LOCAL = ("localhost", "localtest.me", "lvh.me", "vcap.me", "spoofed.burpcollaborator.net")


class FakeInternet:
    """Resolver and dialer for fetches. `reached` lists the forbidden addresses that were dialled, `visits` the requests
    that the canary server behind them got in any way."""

    def __init__(self, folder: Path) -> None:
        self.reached: list[tuple[str, int]] = []
        self._asked: Counter[str] = Counter()
        self._folder = folder
        self._certificate: Path | None = None
        self._canary = Canary()

    @property
    def visits(self) -> list[bytes]:
        return self._canary.visits

    @property
    def has_tls(self) -> bool:
        return self._certificate is not None

    @property
    def canary_url(self) -> str:
        return f"http://127.0.0.1:{self._canary.port}"

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        self._certificate = _certificate(self._folder)
        with self._canary, _serving() as plain, _serving(self._certificate) as secure:
            self._outside = {True: secure, False: plain}
            yield

    def policy(self, **options: object) -> FetchPolicy:
        trusted = ssl.create_default_context(cafile=str(self._certificate)) if self._certificate else None
        given = {"max_bytes": 1_000_000, "timeout_seconds": 10.0, "ssl_context": trusted, **options}
        return FetchPolicy(resolver=self.resolve, dialer=self.dial, **given)  # type: ignore[arg-type]

    def forget(self) -> None:
        """Reset the counts of questions, so that the next fetch asks for each name for the first time."""
        self._asked.clear()

    def resolve(self, host: str, port: int) -> list[str]:
        """Resolve as the most permissive system resolver might. Raises OSError, UnicodeError."""
        host.encode("idna")
        name = unicodedata.normalize("NFKC", host).lower().rstrip(".")
        if name in NAMES:
            answers = NAMES[name]
            answer = answers[min(self._asked[name], len(answers) - 1)]
            self._asked[name] += 1
            return list(answer)
        with contextlib.suppress(OSError):
            return [socket.inet_ntoa(socket.inet_aton(name))]
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(name))]
        if any(name == local or name.endswith("." + local) for local in _LOCAL):
            return ["127.0.0.1"]
        if "." not in name or name.endswith((".internal", ".local", ".localdomain", ".arpa")):
            return ["10.0.0.5"]
        if name.endswith((".nip.io", ".sslip.io", ".xip.io")):
            return [_embedded_in(name.rsplit(".", 2)[0])]
        return [OUTSIDE_V4, OUTSIDE_V6]

    def dial(self, address: str, port: int, timeout_seconds: float) -> socket.socket:
        """Connect the internet's two addresses to its server; any other address is recorded as reached."""
        if address in (OUTSIDE_V4, OUTSIDE_V6):
            return socket.create_connection(("127.0.0.1", self._outside[port == 443]), timeout_seconds)
        self.reached.append((address, port))
        return socket.create_connection(("127.0.0.1", self._canary.port), timeout_seconds)


class Canary:
    """A server that answers every request with a recording; the gateway must not reach it."""

    def __init__(self) -> None:
        self.visits: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            number = len(self.visits)
            self.visits.append(b"")  # counts even if the client sends nothing
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self.visits[number] = connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")


class _Internet(http.server.BaseHTTPRequestHandler):
    """Answers that an untrusted server might give."""

    def do_GET(self) -> None:
        match = re.fullmatch(r"/(to|status|chain|again)/(\d+)", self.path)
        kind, number = (match[1], int(match[2])) if match else ("", 0)
        if kind == "to":
            self._answer(302, Location=LOCATIONS[number])
        elif kind == "status":
            self._answer(number, Location=_INSIDE)
        elif kind in ("chain", "again"):
            # A redirect chain that is followed to its end leads to an internal address.
            self._answer(302, Location=f"/{kind}/{number - 1}" if number else _INSIDE)
        elif self.path in _ANSWERS:
            status, headers = _ANSWERS[self.path]
            self._answer(status, **headers)
        elif self.path == "/twice":
            self._raw("HTTP/1.1 302 Found", "Location: http://127.0.0.1/", "Location: http://public.test/none")
        elif self.path == "/folded":
            self._raw("HTTP/1.1 302 Found", "Location: http://public.test/", " @127.0.0.1/")
        elif self.path == "/http09":
            self.wfile.write(b"RIFF and no head at all")
        elif self.path == "/early-hints":
            self._raw("HTTP/1.1 103 Early Hints", f"Location: {_INSIDE}", "", "HTTP/1.1 404 Not Found")
        else:
            self._answer(404)

    def log_message(self, *_: object) -> None:
        return None

    def _answer(self, status: int, **headers: str) -> None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._raw(f"HTTP/1.1 {status} Whatever", *lines)

    def _raw(self, *lines: str) -> None:
        head = "\r\n".join([*lines, "Content-Length: 0", "Connection: close", "", ""])
        self.wfile.write(head.encode("utf-8", "replace"))
        self.close_connection = True


_ANSWERS: dict[str, tuple[int, dict[str, str]]] = {
    "/loop": (302, {"Location": "/loop"}),
    "/loop/two": (307, {"Location": "/loop/two/"}),
    "/loop/two/": (307, {"Location": "/loop/two"}),
    "/refresh": (404, {"Refresh": f"0; url={_INSIDE}"}),
    "/use-proxy": (305, {"Location": _INSIDE}),
    "/choices": (300, {"Location": _INSIDE, "Link": f'<{_INSIDE}>; rel="alternate"'}),
    "/not-modified": (304, {"Location": _INSIDE}),
    "/authenticate": (401, {"WWW_Authenticate": 'Basic realm="x"', "Location": _INSIDE}),
    "/alt-svc": (404, {"Alt_Svc": 'h2="127.0.0.1:80"', "Content_Location": _INSIDE}),
    "/switch": (101, {"Upgrade": "h2c", "Connection": "Upgrade"}),
    "/no-location": (302, {}),
    "/down": (302, {"Location": "http://public.test/"}),
    "/down/local": (302, {"Location": _INSIDE}),
    "/certificate": (302, {"Location": "https://other.test/"}),
}


@contextlib.contextmanager
def _serving(certificate: Path | None = None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Internet)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> Path | None:
    """Create a self-signed certificate for `secure.test`, with its key. Returns None without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    made = folder / "secure.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=secure.test"]
    command += ["-addext", "subjectAltName=DNS:secure.test", "-keyout", str(made), "-out", f"{made}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    made.write_text(made.read_text() + Path(f"{made}.crt").read_text())
    return made


def _embedded_in(name: str) -> str:
    """Return the address in a wildcard name, dotted, dashed or in hex, after any prefix."""
    found = re.search(r"(?:^|[.-])(\d+)[.-](\d+)[.-](\d+)[.-](\d+)$", name)
    if found is not None:
        return ".".join(found.groups())
    if re.fullmatch(r"[0-9a-f]{8}", name):
        return str(ipaddress.IPv4Address(int(name, 16)))
    return "::1" if name == "--1" else OUTSIDE_V4
