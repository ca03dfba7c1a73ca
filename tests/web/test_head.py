"""HEAD, on every path that has GET."""

from __future__ import annotations

import http.client

import pytest

from tests.support.client import GatewayClient
from tests.support.server import serving

TTS = "/v1/proxy/core-tts"
LATER = {"text": "Hello.", "voice_id": "hum", "provider": "local"}
# Headers that differ from response to response.
OF_ONE_ANSWER = {"x-gateway-request-id", "ratelimit", "date"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/healthz", 200),
        ("/docs", 200),
        ("/openapi.json", 200),
        ("/favicon.ico", 200),
        ("/v1/catalog", 200),
        ("/v1/media", 200),
        ("/v2/jobs", 200),
        ("/v2/jobs/none", 404),
        ("/v2/billing/balance", 200),
        ("/nowhere", 404),
        (TTS, 405),
    ],
)
def test_head_is_answered_as_get_without_a_body(client: GatewayClient, path: str, status: int) -> None:
    asked, got = client.request("HEAD", path), client.get(path)
    assert (asked.status_code, asked.content) == (status, b"")
    assert got.status_code == status
    assert set(asked.headers) == set(got.headers)
    assert {
        name for name, value in asked.headers.items() if got.headers[name] != value and name not in OF_ONE_ANSWER
    } <= {"content-length"}  # the body of an error contains the request id, so its length may vary


def test_head_without_a_key_is_refused_as_get_is(client: GatewayClient) -> None:
    answer = client.http.head("/v2/billing/balance")
    assert (answer.status_code, answer.content) == (401, b"")
    assert "WWW-Authenticate" in answer.headers


def test_a_connection_goes_on_after_head_also_of_a_body_without_an_end(customer: GatewayClient) -> None:
    job_id = customer.post(TTS, LATER, headers={"Prefer": "respond-async"}).json()["job"]["id"]
    with serving(customer) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        lengths = []
        # More than the event streams that a profile may have open.
        for path in [f"/v2/jobs/{job_id}/events"] * 21 + ["/docs", "/healthz"]:
            connection.request("HEAD", path, headers=customer.headers)
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.read() == b""
            lengths.append(answer.getheader("content-length"))
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert lengths[-1] == str(len(answer.read()))
        connection.close()


def test_a_wrong_method_is_told_of_head_beside_get(client: GatewayClient) -> None:
    assert client.request("POST", "/v2/jobs").headers["Allow"] == "GET, HEAD"


def test_the_log_and_the_metrics_call_it_head_of_its_route(client: GatewayClient) -> None:
    client.request("HEAD", "/v2/jobs/none")
    assert client.app.state.metrics.get_sample_value(
        "voxport_http_requests_total", {"method": "HEAD", "route": "/v2/jobs/{job_id}", "status": "404"}
    )
