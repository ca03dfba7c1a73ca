"""A gateway over real TLS on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.server import run_cli, serving, wait_until
from tests.tls.handshake import shake_hands
from voxport.gateway import open_gateway
from voxport.serving import GatewayServer
from voxport.testing.running_gateway import LiveGateway, running_command, running_gateway
from voxport.tls.loaded import LoadedCertificate
from voxport.tls.own_certificate import OwnCertificate
from voxport.tls.server import CertificateSource, ServerTls, open_server_tls
from voxport.tls.trust import authority_path, local_trust
from voxport.web.protocol import Timeouts, server_config
from voxport_client import Voxport


@dataclass(frozen=True)
class Secure:
    customer: GatewayClient
    tls: ServerTls
    data_dir: Path
    port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def connect(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, verify=local_trust(self.data_dir), **options)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    data_dir = tmp_path_factory.mktemp("secure")
    gateway = open_gateway(settings_for(data_dir, tls=True, public_url="https://127.0.0.1:8000"))
    customer = open_client(gateway)
    tls = open_server_tls(gateway.settings, "127.0.0.1")
    timeouts = Timeouts(head=1.0, window=1.0, reader=1.0)
    with serving(customer, timeouts, ssl_context_factory=lambda *_: tls.context) as port:
        yield Secure(customer, tls, data_dir, port)
    gateway.close()


def test_a_client_that_trusts_the_folder_is_served_and_one_that_does_not_refuses(secure: Secure) -> None:
    with secure.connect() as http:
        assert http.get("/healthz").status_code == 200
    with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx2.get(f"{secure.url}/healthz")


def test_the_client_library_trusts_the_authority_by_a_client_or_by_the_environment(
    secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secure.connect() as http, Voxport(base_url=secure.url, api_key=secure.customer.key, http_client=http) as own:
        assert own.billing.balance().balance == 100
    monkeypatch.setenv("SSL_CERT_FILE", str(authority_path(secure.data_dir)))
    with Voxport(base_url=secure.url, api_key=secure.customer.key) as elsewhere:
        assert elsewhere.billing.balance().balance == 100


def test_browsers_are_not_told_to_insist_on_a_certificate_that_they_warn_of(secure: Secure) -> None:
    with secure.connect() as http:
        for path in ("/", "/studio", "/healthz", "/v2/billing/balance", "/nowhere"):
            assert "Strict-Transport-Security" not in http.get(path).headers


def test_the_authority_can_be_fetched_in_the_form_that_phones_install(secure: Secure) -> None:
    with secure.connect() as http:
        answer = http.get("/ca.crt")
    assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="voxport-ca.crt"'
    assert ssl.DER_cert_to_PEM_cert(answer.content) == authority_path(secure.data_dir).read_text()


def test_a_gateway_without_its_own_certificate_has_no_authority(client: GatewayClient) -> None:
    assert client.http.get("/ca.crt").status_code == 404


@pytest.mark.folder_only("URLs that the gateway signs")
def test_links_are_https_and_an_upload_arrives_whole(secure: Secure) -> None:
    slot = secure.customer.upload_slot()
    assert slot["upload_url"].startswith("https://127.0.0.1:8000/")
    content = bytes(range(256)) * 12_000
    with secure.connect() as http:
        put, read = (slot[name].removeprefix("https://127.0.0.1:8000") for name in ("upload_url", "public_url"))
        assert http.put(put, content=content, headers={"Content-Type": "audio/wav"}).status_code == 200
        assert http.get(read).content == content


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_plain_http_and_old_versions_are_refused_and_the_server_goes_on(secure: Secure) -> None:
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://127.0.0.1:{secure.port}/healthz")
    old = ssl._create_unverified_context()
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", secure.port)) as plain, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(plain)
    with socket.create_connection(("127.0.0.1", secure.port)) as plain:
        plain.sendall(b"\x16\x03\x01\xff\xff" + b"\x00" * 500)
    with secure.connect() as http:
        assert http.get("/healthz").status_code == 200


def test_a_client_that_sends_no_head_is_cut_as_without_tls(secure: Secure) -> None:
    with _connected(secure) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert b" 408 " in _read_all(connection)


@pytest.mark.folder_only("files that the gateway sends")
def test_a_client_that_does_not_read_is_cut_as_without_tls(secure: Secure) -> None:
    slot = secure.customer.upload_slot()
    size = 30_000_000
    assert secure.customer.put(slot["upload_url"], b"x" * size).status_code == 200
    path = slot["public_url"].removeprefix("https://127.0.0.1:8000")
    with _connected(secure) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: not _is_open(secure.port, connection), seconds=30, what="the cut")
        received = 0
        with contextlib.suppress(OSError):
            while data := connection.recv(1_000_000):
                received += len(data)
    assert 0 < received < size


def _is_open(port: int, connection: socket.socket) -> bool:
    """Tells by /proc/net/tcp whether the server's side of this connection is established (01)."""
    client = f":{connection.getsockname()[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[2].endswith(client) and row[3] == "01" for row in rows)


def _connected(secure: Secure) -> ssl.SSLSocket:
    context = local_trust(secure.data_dir)
    assert isinstance(context, ssl.SSLContext)
    connection = socket.create_connection(("127.0.0.1", secure.port), 20)
    return context.wrap_socket(connection, server_hostname="localhost")


def _read_all(connection: ssl.SSLSocket) -> bytes:
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


def test_an_address_that_the_machine_gets_while_it_serves_is_in_the_certificate_of_new_connections(
    tmp_path: Path,
) -> None:
    names = ["localhost"]
    tls = ServerTls(OwnCertificate(tmp_path, machine=lambda: names), "0.0.0.0")
    trust = local_trust(tmp_path)
    assert isinstance(trust, ssl.SSLContext)
    names.append("10.0.0.7")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls.context, trust, "10.0.0.7")
    tls.refresh()
    shake_hands(tls.context, trust, "10.0.0.7")


def test_whatever_goes_wrong_with_a_renewal_the_server_goes_on(
    secure: Secure, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def current(self, *, waits: bool = True) -> LoadedCertificate:
            raise RuntimeError("unforeseen")

    tls = ServerTls(secure.tls._source, "127.0.0.1")
    tls._source = Broken()
    tls.refresh()
    assert "could not be renewed" in caplog.text


def test_an_address_of_the_internet_is_shown_with_a_warning(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, tls=True, public_url="https://203.0.113.5:8000")
    tls = open_server_tls(settings, "203.0.113.5")
    assert tls.public_host() == "203.0.113.5"
    assert "not for 203.0.113.5" in " ".join(tls.notes("https://203.0.113.5:8000"))
    assert "not for" not in " ".join(tls.notes("https://127.0.0.1:8000"))
    assert "add --host" not in " ".join(tls.notes("https://127.0.0.1:8000"))


def test_the_server_does_not_wait_for_another_process_that_looks_at_the_certificate(tmp_path: Path) -> None:
    names = ["localhost"]
    tls = ServerTls(OwnCertificate(tmp_path, machine=lambda: names), "127.0.0.1")
    first = tls._loaded.fingerprint
    names.append("10.0.0.7")
    with (tmp_path / "tls" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run_within(10, tls.refresh)
        assert tls._loaded.fingerprint == first
    tls.refresh()
    assert tls._loaded.fingerprint != first


def run_within(seconds: float, call: Callable[[], None]) -> None:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive()


async def _tick(server: GatewayServer) -> None:
    for counter in range(600):
        await server.on_tick(counter)


def test_the_server_looks_for_a_renewed_certificate_once_a_minute(secure: Secure) -> None:
    looks: list[str] = []
    tls = ServerTls(_Counted(secure.tls._source, looks), "127.0.0.1")
    config = server_config(secure.customer.app, secure.customer.gateway.settings)
    server = GatewayServer(config, secure.customer.app.state.streams, lambda: None, tls)
    config.load()
    asyncio.run(_tick(server))
    assert looks == ["at the start", "later"]


@dataclass
class _Counted:
    source: CertificateSource
    looks: list[str]

    def current(self, *, waits: bool = True) -> LoadedCertificate:
        self.looks.append("later" if self.looks else "at the start")
        return self.source.current(waits=waits)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    folder = tmp_path_factory.mktemp("tls")
    with running_gateway(folder, "--tls", "--no-worker", ready=False) as live:
        yield live


@pytest.mark.slow
def test_the_command_says_where_it_listens_and_what_a_browser_will_say(running: LiveGateway) -> None:
    said = running.stderr.read_text()
    assert running.url.startswith("https://127.0.0.1:")
    fingerprints = re.findall(r"SHA-256: ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$", said, re.MULTILINE)
    assert len(fingerprints) == 2
    assert f"{running.url}/ca.crt" in said
    assert "A browser warns once" in said
    assert "add --host 0.0.0.0" in said
    assert "PRIVATE KEY" not in said
    with running.client() as http:
        assert http.get("/v2/billing/balance").json()["data"]["credits"] == 100


@pytest.mark.slow
def test_two_http_processes_on_one_folder_share_the_certificate(running: LiveGateway, tmp_path: Path) -> None:
    stdout, stderr = tmp_path / "out", tmp_path / "err"
    arguments = ["serve", "--tls", "--no-worker", "--port", "0", "--data-dir", str(running.data_dir)]
    with running_command(arguments, tmp_path, stdout, stderr, **running.settings) as second:
        last = "authority's SHA-256: "
        wait_until(lambda: last in stderr.read_text() or second.poll() is not None, seconds=60, what="a start")
        shown = [re.findall(r"SHA-256: (\S+)", path.read_text()) for path in (stderr, running.stderr)]
        assert shown[0] == shown[1]
        url = re.findall(r"listens on (\S+)", stderr.read_text())[0]
        wait_until(lambda: _answers(url, running.data_dir), seconds=60, what="an answer")


@pytest.mark.slow
def test_commands_on_this_machine_trust_the_folder(running: LiveGateway, tmp_path: Path) -> None:
    for command in (["voices", "--json"], ["doctor", "--json"]):
        done = run_cli(*command, "--data-dir", str(running.data_dir), cwd=tmp_path, env=running.settings)
        assert "certificate" not in done.stdout + done.stderr
    gateway_checks = [one for one in json.loads(done.stdout)["checks"] if one["check"] == "gateway"]
    assert [one["status"] != "failed" for one in gateway_checks] == [True]


def _answers(url: str, data_dir: Path) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", verify=local_trust(data_dir)).status_code == 200
    except httpx2.TransportError:
        return False
