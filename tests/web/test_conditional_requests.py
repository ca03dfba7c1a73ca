"""Files that a client already has are not sent again, and a range is sent only while the file is unchanged."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime
from typing import Any

import httpx2
import pytest

from tests.support.client import GatewayClient, error_of

pytestmark = pytest.mark.folder_only("conditions and ranges of the gateway's own URLs")

DATA = bytes(range(256)) * 8


@pytest.fixture
def url(client: GatewayClient) -> str:
    found: str = client.upload(DATA)["public_url"]
    return found


def ask(client: GatewayClient, method: str, url: str, **headers: str) -> httpx2.Response:
    return client.http.request(method, url, headers={name.replace("_", "-"): value for name, value in headers.items()})


def later(answer: httpx2.Response, seconds: float) -> str:
    moment = parsedate_to_datetime(answer.headers["Last-Modified"])
    return formatdate(moment.timestamp() + seconds, usegmt=True)


def conditions(first: httpx2.Response) -> dict[str, tuple[dict[str, str], int]]:
    """Request headers by case, each with the status expected."""
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    earlier, after = later(first, -100), later(first, 100)
    return {
        "its own tag": ({"If_None_Match": etag}, 304),
        "its own tag, weak": ({"If_None_Match": f"W/{etag}"}, 304),
        "its tag among others": ({"If_None_Match": f'"a", W/"b" ,{etag}'}, 304),
        "any": ({"If_None_Match": "*"}, 304),
        "any, with blanks": ({"If_None_Match": " * "}, 304),
        "another tag": ({"If_None_Match": '"a"'}, 200),
        "no tag at all": ({"If_None_Match": "a"}, 200),
        "a star among tags is none": ({"If_None_Match": '"a", *'}, 200),
        "its date": ({"If_Modified_Since": modified}, 304),
        "a later date": ({"If_Modified_Since": after}, 304),
        "an earlier date": ({"If_Modified_Since": earlier}, 200),
        "no date": ({"If_Modified_Since": "yesterday"}, 200),
        "the tag rules over the date": ({"If_None_Match": '"a"', "If_Modified_Since": modified}, 200),
        "and the other way round": ({"If_None_Match": etag, "If_Modified_Since": earlier}, 304),
        "match": ({"If_Match": etag}, 200),
        "match any": ({"If_Match": "*"}, 200),
        "match none": ({"If_Match": '"a"'}, 412),
        "match weak": ({"If_Match": f"W/{etag}"}, 412),
        "unmodified": ({"If_Unmodified_Since": modified}, 200),
        "modified": ({"If_Unmodified_Since": earlier}, 412),
        "match rules over unmodified": ({"If_Match": etag, "If_Unmodified_Since": earlier}, 200),
        "not modified before any range": ({"If_None_Match": etag, "Range": "bytes=0-1"}, 304),
    }


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions_lead_to_the_status_that_the_rules_name(client: GatewayClient, url: str, method: str) -> None:
    first = ask(client, method, url)
    for name, (headers, status) in conditions(first).items():
        answer = ask(client, method, url, **headers)
        assert answer.status_code == status, name
        assert answer.content == (DATA if status == 200 and method == "GET" else answer.content), name
        if status == 304:
            assert answer.content == b"", name
            for kept in ("ETag", "Last-Modified", "Cache-Control"):
                assert answer.headers[kept] == first.headers[kept], name
            assert "Content-Length" not in answer.headers, name
    if method == "GET":
        refused = ask(client, method, url, If_Match='"a"')
        assert error_of(refused)["code"] == "precondition_failed"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_part_is_sent_only_of_the_file_that_if_range_names(client: GatewayClient, url: str, method: str) -> None:
    first = ask(client, method, url)
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    cases: dict[str, Any] = {etag: 206, modified: 206, '"a"': 200, f"W/{etag}": 200, later(first, 9): 200, "?": 200}
    for value, status in cases.items():
        answer = ask(client, method, url, Range="bytes=2-5", If_Range=value)
        assert answer.status_code == status, value
        assert int(answer.headers["Content-Length"]) == (4 if status == 206 else len(DATA)), value
        if method == "GET":
            assert answer.content == (DATA[2:6] if status == 206 else DATA)


def test_a_range_outside_of_another_file_is_no_error(client: GatewayClient, url: str) -> None:
    assert ask(client, "GET", url, Range="bytes=99999-", If_Range='"of another one"').content == DATA
    assert ask(client, "GET", url, Range="bytes=99999-").status_code == 416


def test_a_condition_opens_no_file_without_a_good_signature(client: GatewayClient, url: str) -> None:
    assert ask(client, "GET", url[:-1] + ("0" if url[-1] != "0" else "1"), If_None_Match="*").status_code == 403
    empty = client.upload_slot()["public_url"]
    assert ask(client, "GET", empty, If_None_Match="*").status_code == 404
