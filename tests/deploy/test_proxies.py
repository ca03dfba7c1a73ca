"""The proxy configurations, run by real proxies in front of a real socket: limits, streams, events, forged headers."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.client import PUBLIC_URL, GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.server import serving, wait_until
from voxport.gateway import open_gateway

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NAME = "voices.example.com"
ADMIN = "an operator's key of more than 32 letters"
TTS = "/v1/proxy/core-tts"
pytestmark = pytest.mark.slow


@dataclass
class Proxied:
    """A gateway behind a proxy. `http` calls it through the proxy, with the customer's key."""

    client: GatewayClient
    provider: FakeProvider
    http: httpx2.Client
    name: str
    certificate: tuple[Path, Path]


def _nginx(folder: Path, port: int, upstream: int, certificate: tuple[Path, Path]) -> list[str]:
    config = (DEPLOY / "nginx" / "voxport.conf").read_text("utf-8")
    config = _replaced(config, "listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl;")
    config = _replaced(config, "listen 80;", f"listen 127.0.0.1:{_free_port()};")
    config = _replaced(config, "server 127.0.0.1:8000;", f"server 127.0.0.1:{upstream};")
    config = _replaced(config, "server 127.0.0.1:8001;", f"server 127.0.0.1:{_free_port()} down;")
    config = _replaced(config, "/etc/nginx/tls/voice.example.com.crt", str(certificate[0]))
    config = _replaced(config, "/etc/nginx/tls/voice.example.com.key", str(certificate[1]))
    config = _replaced(config, "allow 127.0.0.1;", "")  # the test is a stranger
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{config}\n}}\n"
    )
    return [shutil.which("nginx") or "", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(main)]


def _caddy(folder: Path, port: int, upstream: int, certificate: tuple[Path, Path]) -> list[str]:
    config = (DEPLOY / "caddy" / "Caddyfile").read_text("utf-8")
    config = _replaced(config, "{\n\tservers {", "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {")
    site = "{$VOXPORT_SITE:voice.example.com} {"
    config = _replaced(config, site, f"{site}\n\ttls {certificate[0]} {certificate[1]}")
    target = folder / "Caddyfile"
    target.write_text(config)
    values = [f"VOXPORT_SITE=https://{NAME}:{port}", f"VOXPORT_UPSTREAMS=127.0.0.1:{upstream} 127.0.0.1:{upstream}"]
    values += ["VOXPORT_OPERATORS=10.0.0.0/8"]  # the test is a stranger
    return [
        "/usr/bin/env",
        *values,
        shutil.which("caddy") or "",
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        str(target),
    ]


PROXIES: dict[str, Callable[[Path, int, int, tuple[Path, Path]], list[str]]] = {"nginx": _nginx, "caddy": _caddy}


def _replaced(config: str, old: str, new: str) -> str:
    assert old in config, old
    return config.replace(old, new)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(name: str, folder: Path, upstream: int, certificate: tuple[Path, Path]) -> Iterator[httpx2.Client]:
    """Run a proxy in front of this port, and yield a client of it."""
    port = _free_port()
    folder.chmod(0o755)  # nginx works as another user
    command = PROXIES[name](folder, port, upstream, certificate)
    environment = {"PATH": "/usr/bin:/usr/sbin:/bin", "HOME": str(folder)}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=_trusting(), timeout=60) as http:
            http.headers["Host"] = NAME
            wait_until(lambda: _answers(http, process, folder), seconds=30, what="the proxy")
            yield http
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module", params=sorted(PROXIES))
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Path
) -> Iterator[Proxied]:
    if shutil.which(request.param) is None or shutil.which("openssl") is None:
        pytest.skip(f"{request.param} or openssl is not installed (Debian's packages)")
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(new_database, folder)
    provider = FakeProvider(pieces=4)

    def open_(**options: Any) -> Any:
        seams = {name: options.pop(name) for name in ("providers", "samples")}
        return open_gateway(settings_for(folder, **options), **seams)

    limits = {"trusted_proxies": ("127.0.0.1",), "rate_limit_strangers_per_minute": 1_000}
    gateway = with_fake_provider(open_, provider, admin_key=ADMIN, **limits).gateway
    client = open_client(gateway)
    certificate = folder / "tls.crt", folder / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=voices.example.com", "-addext", "subjectAltName=DNS:voices.example.com"]
    subprocess.run(
        [*command, "-out", str(certificate[0]), "-keyout", str(certificate[1])], check=True, capture_output=True
    )
    with serving(client) as upstream, _running(request.param, folder, upstream, certificate) as http:
        http.headers.update(client.headers)
        yield Proxied(client, provider, http, request.param, certificate)
    gateway.close()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _answers(http: httpx2.Client, process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "log.txt").read_text()
    with contextlib.suppress(httpx2.TransportError):
        return http.get("/healthz", extensions=_SNI).status_code in (200, 503)
    return False


_SNI = {"sni_hostname": NAME}


def send(proxied: Proxied, method: str, path: str, **options: Any) -> httpx2.Response:
    return proxied.http.request(method, path, extensions=_SNI, **options)


@pytest.mark.folder_only("an upload through the proxy to the gateway")
def test_an_upload_arrives_whole_and_can_be_read_again(proxied: Proxied) -> None:
    slot = proxied.client.upload_slot()
    content = bytes(range(256)) * 12_000  # 3 MB, more than a JSON body may have
    path = slot["upload_url"].removeprefix(PUBLIC_URL)
    answer = send(proxied, "PUT", path, content=content, headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 200, answer.text
    read = send(proxied, "GET", slot["public_url"].removeprefix(PUBLIC_URL), headers={"Range": "bytes=0-9"})
    assert (read.status_code, read.content) == (206, content[:10])


def test_the_first_bytes_of_a_stream_arrive_before_its_end(proxied: Proxied) -> None:
    heard = threading.Event()

    def on_piece(number: int) -> None:
        if number == 3:
            assert heard.wait(60), "nothing was heard before the last piece was made"

    proxied.provider.on_piece = on_piece
    body = {"text": "Hello.", "voice_id": "hum", "stream": True, "output_format": "wav"}
    received = 0
    try:
        with proxied.http.stream("POST", TTS, json=body, extensions=_SNI) as answer:
            assert answer.status_code == 200
            for part in answer.iter_raw():
                received += len(part)
                heard.set()
    finally:
        heard.set()
        proxied.provider.on_piece = lambda _: None
    assert received > 44_000


def test_an_event_arrives_when_it_happens(proxied: Proxied) -> None:
    accepted = proxied.client.post(TTS, {"text": "Hi.", "voice_id": "hum"}, headers={"Prefer": "respond-async"})
    job_id = accepted.json()["job"]["id"]
    states = []
    with proxied.http.stream("GET", f"/v2/jobs/{job_id}/events", extensions=_SNI) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                continue
            states.append(json.loads(line.removeprefix("data: "))["status"])
            if states == ["queued"]:
                proxied.client.post(f"/v2/jobs/{job_id}/cancel")
    assert states == ["queued", "cancelled"]


def test_a_body_that_is_too_large_is_refused_in_the_shape_of_all_errors(proxied: Proxied) -> None:
    body = json.dumps({"text": "a" * (1024 * 1024), "voice_id": "hum"}).encode()
    for content in (body, iter([body[:1000], body[1000:]])):
        answer = send(proxied, "POST", TTS, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.json()["error"]["code"] == "body_too_large"


def test_headers_that_are_too_large_are_refused(proxied: Proxied) -> None:
    assert send(proxied, "GET", "/v1/media", headers={"X-Large": "a" * 45_000}).status_code in (400, 431)
    assert send(proxied, "GET", "/v1/media", params={"cursor": "a" * 20_000}).status_code in (414, 431)


def test_the_operators_side_is_hidden_from_strangers(proxied: Proxied) -> None:
    for path in ("/metrics", "/v2/admin/profiles", "/v2/admin"):
        answer = send(proxied, "GET", path, headers={"Authorization": f"Bearer {ADMIN}"})
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
        assert "x-gateway-request-id" not in answer.headers, "it reached the gateway"


def test_a_client_cant_choose_the_address_that_the_gateway_sees(proxied: Proxied) -> None:
    seen: list[str] = []
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Forwarded-Proto": "http"}
    app = proxied.client.app

    async def recording(scope: Any, receive: Any, send_: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen.append(f"{scope['client'][0]} {scope['scheme']} {headers.get('forwarded')}")
        await stack(scope, receive, send_)

    stack: Any = app.middleware_stack
    app.middleware_stack = recording
    try:
        assert send(proxied, "GET", "/v1/media", headers=forged).status_code == 200
    finally:
        app.middleware_stack = stack
    assert seen == ["127.0.0.1 https None"]


def test_many_calls_use_few_connections_and_none_breaks(proxied: Proxied) -> None:
    for _ in range(50):
        assert send(proxied, "GET", "/v1/media").status_code == 200


def test_a_gateway_that_is_gone_is_a_503_in_the_shape_of_all_errors(tmp_path: Path, proxied: Proxied) -> None:
    with _running(proxied.name, tmp_path, _free_port(), proxied.certificate) as http:
        answer = http.get("/v1/media", extensions=_SNI)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "temporarily_unavailable"
    assert answer.headers["Retry-After"] == "5"
