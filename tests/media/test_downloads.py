"""Reading an upload with HEAD and with ranges."""

from __future__ import annotations

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.uploads import DATA

pytestmark = pytest.mark.folder_only("HEAD and ranges of the gateway's own URLs")


@pytest.fixture
def url(client: GatewayClient) -> str:
    slot = client.upload_slot()
    assert client.put(slot["upload_url"], DATA).status_code == 200
    return str(slot["public_url"])


def test_head_tells_all_but_the_body(client: GatewayClient, url: str) -> None:
    head, get = client.http.head(url), client.http.get(url)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Length", "Content-Type", "Accept-Ranges", "ETag"):
        assert head.headers[name] == get.headers[name]
    assert head.headers["Accept-Ranges"] == "bytes"


SIZE = len(DATA)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=10000-", 10_000, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-500", SIZE - 500, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        (f"bytes=5-{SIZE + 1000}", 5, SIZE - 1),
        ("bytes=5-999999999999999999", 5, SIZE - 1),
    ],
)
def test_a_range_gives_exactly_these_bytes(client: GatewayClient, url: str, wanted: str, first: int, last: int) -> None:
    answer = client.http.get(url, headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == DATA[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", "bytes=999999999999-"])
def test_a_range_outside_of_the_file_is_416_and_says_how_long_it_is(
    client: GatewayClient, url: str, wanted: str
) -> None:
    answer = client.http.get(url, headers={"Range": wanted})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert error_of(answer)["code"] == "range_not_satisfiable"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "lines=1-2",
        "bytes=1",
        "0-5",
        "bytes=--5",
        "bytes=1-2-3",
        "x" * 5000,
    ],
)
def test_a_range_that_is_none_gives_the_whole_file(client: GatewayClient, url: str, wanted: str) -> None:
    answer = client.http.get(url, headers={"Range": wanted})
    assert answer.status_code == 200
    assert answer.content == DATA


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=9999999999999999999999-", "bytes=0-1,3-4", "bytes=0-0," * 2000])
def test_a_range_that_servers_may_differ_about_is_no_500(client: GatewayClient, url: str, wanted: str) -> None:
    answer = client.http.get(url, headers={"Range": wanted})
    assert answer.status_code in (200, 206, 416)
    assert len(answer.content) <= SIZE


def test_an_empty_file_has_no_range_and_reads_as_nothing(client: GatewayClient) -> None:
    slot = client.upload_slot()
    client.gateway.storage.put(slot["object_key"], b"")  # older versions accepted empty uploads
    assert client.http.get(slot["public_url"]).content == b""
    answer = client.http.get(slot["public_url"], headers={"Range": "bytes=0-0"})
    assert answer.status_code == 416
