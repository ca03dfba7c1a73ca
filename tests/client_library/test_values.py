"""What the client takes and gives: arguments, amounts, moments, errors, pages."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tests.client_library.scripted import SPOKEN, Script, ok, refused
from voxport_client import (
    AuthenticationError,
    InsufficientCreditsError,
    StatusError,
    UnexpectedResponseError,
    ValidationError,
    Voxport,
)

JOB: dict[str, Any] = {
    "id": "j", "service": "core-voice-clone", "status": "completed", "stage": "done", "progress": 1.0,
    "created_at": "2026-04-27T10:30:00Z", "started_at": None, "finished_at": None, "result_data": None,
    "units_consumed": 1.0, "token_cost": 5.0,
}  # fmt: skip


def test_amounts_are_exact_and_moments_have_a_zone() -> None:
    balance = {"balance": 93.000001, "credits": 98.1, "held": 5, "currency": "token"}
    script = Script([ok({"data": balance}), ok(JOB)])
    client = script.client()
    found = client.billing.balance()
    assert (found.balance, found.credits, found.held) == (Decimal("93.000001"), Decimal("98.1"), Decimal(5))
    assert client.jobs.get("j").created_at == datetime(2026, 4, 27, 10, 30, tzinfo=UTC)


def test_unknown_fields_and_values_of_a_newer_gateway_are_kept() -> None:
    script = Script([ok({**JOB, "status": "paused", "owner": {"share": 0.5}})])
    job = script.client().jobs.get("j")
    assert str(job.status) == "paused"
    assert job.extra == {"owner": {"share": 0.5}}


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": 7},
        {"progress": "1"},
        {"progress": True},
        {"created_at": "yesterday"},
        {"created_at": 7},
        {"result_data": []},
        {"error": "no object"},
    ],
)
def test_a_field_of_another_type_is_named(change: dict[str, Any]) -> None:
    script = Script([ok({**JOB, **change})])
    with pytest.raises(UnexpectedResponseError, match=next(iter(change))):
        script.client().jobs.get("j")


def test_every_status_has_a_class_and_an_error_tells_all() -> None:
    assert len({*StatusError.statuses.values()}) == len(StatusError.statuses) == 18
    for status, kind in StatusError.statuses.items():
        script = Script([refused(status, "some_code", {"needed": 5.5})])
        with pytest.raises(kind) as raised:
            script.client().billing.balance()
        error = raised.value
        assert (error.status, error.code, error.request_id) == (status, "some_code", "req_2")
        assert error.details == {"needed": 5.5}
        assert str(error) == "This is some_code. (request req_2)"


def test_a_validation_error_lists_the_mistakes() -> None:
    body = {"status": "error", "error": {"code": "validation_failed", "message": "No."}, "detail": [{"loc": ["body"]}]}
    script = Script([ok(body, 422)])
    with pytest.raises(ValidationError) as raised:
        script.client().billing.balance()
    assert raised.value.detail == [{"loc": ["body"]}]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"error": 7}', b'{"error": {"code": 7, "details": []}}', b"\xff"]
)
def test_an_error_without_the_usual_body_is_an_error_of_its_status(body: bytes) -> None:
    script = Script([httpx2.Response(402, content=body)])
    with pytest.raises(InsufficientCreditsError, match=r"gateway.test answered 402"):
        script.client().billing.balance()


def test_the_key_of_the_client_is_shown_nowhere() -> None:
    script = Script([refused(401, "unauthenticated")])
    client = script.client()
    with pytest.raises(AuthenticationError) as raised:
        client.billing.balance()
    assert script.requests[0].headers["Authorization"] == "Bearer vxp_secret"
    assert "vxp_secret" not in f"{client!r}{client._transport.options!r}{raised.value!r}{raised.value}"


@pytest.mark.parametrize("key", ["", "vxp_\n", "vxp_a b", "vxp_…", "vxp_\r\nX: y"])
def test_a_key_that_can_not_be_one_is_refused_at_once(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOXPORT_API_KEY", raising=False)
    with pytest.raises(ValueError, match="key") as raised:
        Voxport(api_key=key)
    assert not key or key not in str(raised.value)


@pytest.mark.parametrize("url", ["gateway.test", "ftp://gateway.test", "http://gateway.test?x=1", "file:///etc"])
def test_an_address_that_can_not_be_one_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Voxport(api_key="k", base_url=url)


def test_what_is_not_given_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXPORT_API_KEY", "vxp_env")
    monkeypatch.setenv("VOXPORT_URL", "http://a.test/")
    assert Voxport().base_url == "http://a.test"
    monkeypatch.setenv("VOXPORT_BASE_URL", "http://b.test/voices/")
    script = Script([ok({"data": {"balance": 1, "credits": 1, "held": 0}})])
    script.client(base_url=None, api_key=None).billing.balance()
    assert str(script.requests[0].url) == "http://b.test/voices/v2/billing/balance"
    assert script.requests[0].headers["Authorization"] == "Bearer vxp_env"


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": float("nan")}, {"timeout": -1}, {"max_retries": -1}])
def test_a_timeout_or_a_number_of_retries_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Voxport(api_key="k", **options)
    with pytest.raises(ValueError, match=next(iter(options))):
        Voxport(api_key="k").with_options(**options)


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b"])
def test_an_id_that_would_change_the_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="voice_id"):
        Script([]).client().voices.delete(name)


@pytest.mark.parametrize("name", ["a b", "ä?x=1#y", "a/b", "%2e%2e"])
def test_an_id_is_escaped(name: str) -> None:
    script = Script([refused(404, "voice_not_found")])
    with pytest.raises(StatusError):
        script.client().voices.get(name)
    path = script.requests[0].url.raw_path.decode()
    assert path.count("/") == 3
    assert httpx2.URL(f"http://x{path}").path == f"/v1/voices/{name}"


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "a\nb"])
def test_an_idempotency_key_that_the_gateway_refuses_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="idempotency_key"):
        Script([]).client().speak("Hello.", "v", idempotency_key=key)


@pytest.mark.parametrize("amount", [0.1, True, None])
def test_an_amount_that_is_not_exact_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError, match="not exact"):
        Script([]).client().admin.add_credits("prof_1", amount, reference="r")


def test_only_what_was_given_is_sent() -> None:
    script = Script([ok(SPOKEN)])
    script.client().speak("Héllo", "v", voice_settings={"speed": 1.2}, cache=False)
    assert script.requests[0].content == (
        b'{"text": "H\\u00e9llo", "voice_id": "v", "voice_settings": {"speed": 1.2}, "cache": false}'
    )


def test_a_list_goes_through_all_pages_and_ends() -> None:
    pages = [ok({"data": [{**JOB, "id": str(n)}], "next_cursor": None if n == 2 else f"c{n}"}) for n in range(3)]
    script = Script(pages)
    assert [job.id for job in script.client().jobs.list(status="completed", limit=1)] == ["0", "1", "2"]
    assert [request.url.params.get("cursor") for request in script.requests] == [None, "c0", "c1"]
    assert {request.url.params["status"] for request in script.requests} == {"completed"}


def test_a_list_whose_cursor_does_not_move_ends() -> None:
    script = Script([ok({"data": [JOB], "next_cursor": "c"})] * 5)
    assert len([*script.client().jobs.list()]) == 2


@pytest.mark.parametrize(
    "body", [{}, {"data": {}}, {"data": [7], "next_cursor": None}, {"data": [], "next_cursor": 7}, []]
)
def test_a_page_that_is_none_is_an_error(body: Any) -> None:
    with pytest.raises(UnexpectedResponseError):
        [*Script([ok(body)]).client().jobs.list()]


def test_closing_leaves_a_given_http_client_open() -> None:
    http = httpx2.Client()
    with Voxport(api_key="k", http_client=http):
        pass
    assert not http.is_closed
    http.close()
    own = Voxport(api_key="k")
    own.with_options(timeout=1).close()
    assert not own._transport.http.is_closed
    own.close()
    assert own._transport.http.is_closed


@pytest.mark.parametrize(
    ("url", "is_direct"),
    [
        ("http://localhost:8000", True),
        ("http://a.localhost", True),
        ("http://127.3.2.1:8000", True),
        ("http://127.1", True),
        ("https://[::1]:8000", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("http://0.0.0.0:8000", True),
        ("https://voices.example.com", False),
        ("http://192.168.0.7:8000", False),
        ("http://localhost.example.com", False),
    ],
)
def test_a_gateway_on_this_machine_is_called_without_a_proxy(
    url: str, is_direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "")
    with Voxport(api_key="vxp_x", base_url=url) as client:
        http = client._transport.http
        assert (http._transport_for_url(httpx2.URL(url)) is http._transport) == is_direct
        assert http._transport_for_url(httpx2.URL("https://storage.example.com")) is not http._transport
