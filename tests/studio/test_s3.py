"""The Studio where files are on S3: the browser sends and reads them past the gateway, by the CORS rule of the docs."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import MakeGateway
from tests.studio.studio_env import LenientSamples, OpenTab
from tests.studio.test_blind_test import ROUND
from tests.support.client import open_client
from tests.support.fake_provider import FakeProvider
from tests.support.s3 import S3Server
from tests.support.server import serving
from voxport.providers.base import SAMPLE_RATE

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[2] / "docs" / "storage.md"
_SENT = {"content-type", "range", "x-amz-content-sha256", "x-amz-date", "authorization"}
_ANSWERED = {"content-type", "content-range", "accept-ranges", "etag", "last-modified"}


@contextlib.contextmanager
def with_cors(endpoint: str) -> Iterator[str]:
    """Serves an S3 server's address with the CORS rule of docs/storage.md, as a bucket with that rule answers. rclone
    has no such rules. Yields its own address, which browsers use."""
    match = re.search(r"```json\n(\[\{.*?\}\])\n```", DOCS.read_text("utf-8"), re.DOTALL)
    assert match is not None
    (rule,) = json.loads(match[1])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            allowed = self.command in (*rule["AllowedMethods"], "OPTIONS")
            asked = self.headers.get("access-control-request-headers", "").lower().split(",")
            if self.command == "OPTIONS":
                allowed = set(filter(None, asked)) <= set(rule["AllowedHeaders"])
                status, content, headers = (200 if allowed else 403), b"", {}
            else:
                sent = {name: value for name, value in self.headers.items() if name.lower() in _SENT}
                sent["Host"] = self.headers["host"]  # it is signed
                answer = httpx2.request(self.command, endpoint + self.path, headers=sent, content=body)
                status, content = answer.status_code, answer.content
                headers = {name: value for name, value in answer.headers.items() if name.lower() in _ANSWERED}
            self.send_response(status)
            if allowed:
                headers["Access-Control-Allow-Origin"] = self.headers.get("origin", "*")
                headers["Access-Control-Allow-Methods"] = ", ".join(rule["AllowedMethods"])
                headers["Access-Control-Allow-Headers"] = ", ".join(rule["AllowedHeaders"])
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_OPTIONS = do_GET = do_PUT = answer  # noqa: N815  # names of http.server

        def log_message(self, format: str, *arguments: Any) -> None:
            """Keeps the output of the tests short."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_browser_uploads_plays_and_compares_past_the_gateway(
    make_gateway: MakeGateway, open_tab: OpenTab, s3: S3Server, sample: bytes
) -> None:
    provider = FakeProvider(samples=2 * SAMPLE_RATE, pieces=2)
    with with_cors(s3.endpoint) as storage:
        settings = {**s3.new_storage(), "s3_public_endpoint_url": storage}
        customer = open_client(make_gateway(providers=[provider], samples=LenientSamples, **settings))
        with serving(customer) as port:
            tab = open_tab(customer=customer, url=f"http://127.0.0.1:{port}")
            tab.known_hosts = (storage,)
            tab.clone(sample)
            assert any(url.startswith(storage) for url in tab.requested), "the upload went to the storage"
            tab.press(ROUND)
            tab.sees("Which sounds most like the person?")
            tab.go("Speak")
            tab.speak()
            tab.sees("0.02 tokens, 2 s")
            tab.wait_for_audio(f"audio.src.startsWith('{storage}') && audio.duration > 1.9 && !audio.error")
            tab.page.evaluate("document.querySelector('.take audio').currentTime = 1")
            tab.wait_for_audio("!audio.seeking && audio.currentTime >= 1")
            tab.page.goto("about:blank")
