"""The browser pages work offline and under a path prefix, and have no dead links."""

from __future__ import annotations

import re

import pytest

import voxport
from tests.conftest import MakeClient
from tests.support.client import PUBLIC_URL, GatewayClient

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
LINK = re.compile(r'(?:src|href)="([^"]+)"')


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.1, application/json", "nonsense", ""])
def test_the_addresses_are_json_for_who_is_no_browser(client: GatewayClient, accept: str) -> None:
    answer = client.http.get("/", headers={"Accept": accept})
    assert answer.json() == {
        "status": "success",
        "data": {
            "name": "Voxport",
            "version": voxport.__version__,
            "help": f"{PUBLIC_URL}/help/",
            "docs": f"{PUBLIC_URL}/docs",
            "openapi": f"{PUBLIC_URL}/openapi.json",
            "health": f"{PUBLIC_URL}/healthz",
            "ready": f"{PUBLIC_URL}/readyz",
        },
    }
    assert answer.headers["Vary"] == "Accept"


def test_a_monitor_may_ask_with_head(client: GatewayClient) -> None:
    for path in ("/", "/favicon.ico"):
        answer = client.http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_the_icon_is_a_picture(client: GatewayClient) -> None:
    answer = client.http.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_pages_work_under_a_path_and_hold_no_markup_of_a_setting(make_client: MakeClient) -> None:
    path = "/it's/%22%3E<b>"
    client = make_client(public_url=f"https://example.com{path}")
    base = "/it%27s/%22%3E%3Cb%3E"
    docs = client.http.get("/docs").text
    for link in LINK.findall(docs):
        assert link.startswith(f"{base}/")
        assert exists(client, link.removeprefix(base)), link
    assert f"url: '{base}/openapi.json'" in docs
    assert "<b>" not in docs
    document = client.http.get("/openapi.json").json()
    assert document["servers"] == [{"url": base}], "a call that the page tries goes the same way"


def test_the_host_header_is_nowhere_in_a_page(client: GatewayClient) -> None:
    for path in ("/", "/docs", "/studio"):
        answer = client.http.get(path, headers={**BROWSER, "Host": "evil.example", "X-Forwarded-Prefix": "/evil"})
        assert "evil" not in answer.text + answer.headers.get("Location", "")


def exists(client: GatewayClient, path: str) -> bool:
    """Whether a path answers GET. `/readyz` is probed with DELETE, because a GET starts the shared gateway's engine."""
    if path == "/readyz":
        return client.http.delete(path).status_code == 405
    return client.http.get(path).status_code == 200
