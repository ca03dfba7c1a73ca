"""Security headers of every response, and CORS."""

from __future__ import annotations

import re

import httpx2
import pytest
from pydantic import ValidationError

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of, settings_for
from tests.support.server import serving

ORIGIN = "https://app.example.com"
BALANCE = "/v2/billing/balance"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", BALANCE),
        ("GET", "/nowhere"),
        ("GET", "/healthz"),
        ("POST", "/v1/proxy/core-tts"),
        ("OPTIONS", "/v2/jobs"),
    ],
)
def test_every_json_answer_is_for_nobody_else(client: GatewayClient, method: str, path: str) -> None:
    headers = client.request(method, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_hsts_is_sent_only_where_the_gateway_is_reached_by_https(
    client: GatewayClient, make_client: MakeClient
) -> None:
    assert client.get(BALANCE).headers["Strict-Transport-Security"] == "max-age=31536000"
    plain = make_client(public_url="http://voices.example.com")
    assert "Strict-Transport-Security" not in plain.get(BALANCE).headers


@pytest.mark.folder_only("URLs that the gateway signs")
def test_a_file_may_be_played_in_another_page_but_not_be_run(client: GatewayClient) -> None:
    answer = client.http.get(client.upload()["public_url"])
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_of_the_docs_gets_its_scripts_from_here(client: GatewayClient) -> None:
    page = client.http.get("/docs")
    assert "script-src 'self' 'unsafe-inline'" in page.headers["Content-Security-Policy"]
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert files
    for file in files:
        assert client.http.get(file).status_code == 200, file
    assert "http" not in re.sub(r"https?://127[^\"]*", "", "".join(files))


def test_no_answer_tells_what_serves_it(client: GatewayClient) -> None:
    with serving(client) as port:
        for path in ("/healthz", "/nowhere", "/docs"):
            assert "server" not in httpx2.get(f"http://127.0.0.1:{port}{path}").headers


def test_without_a_setting_no_page_may_call(client: GatewayClient) -> None:
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = client.http.options("/v1/proxy/core-tts", headers=preflight)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    answer = client.get(BALANCE, headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.fixture
def open_to_pages(make_client: MakeClient) -> GatewayClient:
    return make_client(cors_origins=(ORIGIN,))


def test_a_page_of_the_named_origin_asks_first_and_without_a_key(open_to_pages: GatewayClient) -> None:
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,prefer",
    }
    answer = open_to_pages.http.options("/v1/proxy/core-tts", headers=preflight)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    answer = open_to_pages.get(BALANCE, headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "X-Gateway-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"]
)
def test_a_page_of_another_origin_is_refused_in_the_one_shape(open_to_pages: GatewayClient, origin: str) -> None:
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = open_to_pages.http.options("/v1/proxy/core-tts", headers=preflight)
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "forbidden"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in open_to_pages.get(BALANCE, headers={"Origin": origin}).headers


def test_a_refusal_from_below_the_framework_is_readable_for_the_page(open_to_pages: GatewayClient) -> None:
    answer = open_to_pages.post_raw("/v1/proxy/core-tts", b"x" * 2_000_000)
    assert answer.status_code == 413
    answer = open_to_pages.request(
        "POST", "/v1/proxy/core-tts", content=b"[" * 100, headers={"Origin": ORIGIN, "Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("value", ["*", "app.example.com", "https://app.example.com/", "https://*.example.com", "null"])
def test_only_exact_origins_can_be_set(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    with pytest.raises(ValidationError):
        settings_for(tmp_path_factory.mktemp("data"), cors_origins=value)


@pytest.mark.parametrize("value", ["*", "proxy.internal", "10.0.0.1/8", "10.0.0.0/33"])
def test_only_addresses_and_networks_are_trusted(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    with pytest.raises(ValidationError):
        settings_for(tmp_path_factory.mktemp("data"), trusted_proxies=value)
