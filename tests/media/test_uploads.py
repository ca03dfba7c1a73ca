"""Uploads: a signed place for one file, of one type, and of a size that has an end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx2
import pytest

from tests.conftest import MakeClient
from tests.support.catalog import catalog_file
from tests.support.client import PUBLIC_URL, Client, error_of
from tests.support.server import serving, talk, wait_until
from voxport.media.signing import Grant

DATA = bytes(range(256)) * 40
MiB = 1 << 20


def with_parameters(url: str, **changes: str | None) -> str:
    """The URL with some of its parameters changed, added or (None) left out, in the same order."""
    parts = urlsplit(url)
    pairs = dict(parse_qsl(parts.query)) | changes
    return urlunsplit(parts._replace(query=urlencode({k: v for k, v in pairs.items() if v is not None})))


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def stored(client: Client) -> list[Path]:
    """Every file in storage, also what is half written."""
    return [path for path in (client.gateway.settings.data_dir / "files").rglob("*") if path.is_file()]


@pytest.fixture
def alone(make_client: MakeClient) -> Client:
    """The only customer of a gateway: what lies in its storage is the test's."""
    return make_client()


@pytest.fixture
def small(make_client: MakeClient, tmp_path: Path) -> Client:
    """A customer whose uploads have at most 100,000 bytes of audio and 200,000 of video."""
    return make_client(catalog_file=catalog_file(tmp_path, upload_audio_bytes=100_000, upload_video_bytes=200_000))


# A file goes in, and comes out the same.


def test_what_was_put_is_read_back(client: Client) -> None:
    place = client.place()
    answer = client.put(place["upload_url"], DATA)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "data": {"object_key": place["object_key"], "size_bytes": len(DATA)},
    }
    read = client.http.get(place["public_url"])
    assert read.status_code == 200
    assert read.content == DATA
    assert read.headers["Content-Type"] == "audio/wav"
    assert read.headers["Content-Length"] == str(len(DATA))


def test_a_file_sent_in_chunks_is_stored_whole(client: Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    place = client.place()
    assert client.put(place["upload_url"], chunks()).status_code == 200
    assert client.http.get(place["public_url"]).content == b"x" * 65_536 * 40


def test_a_file_is_sent_out_so_that_no_browser_runs_it(client: Client) -> None:
    read = client.http.get(client.upload()["public_url"])
    assert read.headers["Content-Disposition"].startswith("attachment")
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in read.headers["Content-Security-Policy"]


def test_before_the_put_there_is_nothing_to_read(client: Client) -> None:
    answer = client.http.get(client.place()["public_url"])
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "media_not_found"


def test_the_answer_has_no_surprises(client: Client) -> None:
    place = client.place()
    assert set(place) == {"upload_url", "object_key", "expires_in", "public_url"}
    assert place["expires_in"] == 86_400
    assert place["object_key"].startswith(f"uploads/{client.profile_id}/audio/")
    assert place["object_key"].endswith("/speaker.wav")
    for url in (place["upload_url"], place["public_url"]):
        assert urlsplit(url).path.endswith(place["object_key"])
        assert list(parse_qsl(urlsplit(url).query))[-1][0] == "signature"


def test_the_same_name_twice_gives_two_places(client: Client) -> None:
    assert len({client.place()["object_key"] for _ in range(20)}) == 20


def test_a_video_goes_to_a_place_of_its_own(client: Client) -> None:
    place = client.place(media_type="video", filename="clip.mp4", content_type="video/mp4")
    assert f"/{client.profile_id}/video/" in place["object_key"]
    assert client.put(place["upload_url"], DATA, "video/mp4").status_code == 200


# Types.


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("audio", "audio/mpeg"),
        ("audio", "audio/x-m4a"),
        ("audio", "audio/flac"),
        ("audio", "AUDIO/WAV"),
        ("audio", "audio/webm;codecs=opus"),
        ("audio", "audio/webm; codecs=opus"),
        ("audio", 'audio/ogg; codecs="opus, vorbis"'),
        ("audio", "audio/ogg ; codecs=opus ; rate=48000"),
        ("video", "video/quicktime"),
        ("video", 'video/mp4;codecs="avc1.42E01E, mp4a.40.2"'),
    ],
)
def test_a_readable_type_with_its_parameters_is_taken_as_it_was_announced(
    client: Client, media_type: str, content_type: str
) -> None:
    place = client.place(media_type=media_type, content_type=content_type)
    assert client.put(place["upload_url"], DATA, content_type).status_code == 200
    assert client.http.get(place["public_url"]).headers["Content-Type"].startswith(f"{media_type}/")


def test_blanks_and_case_of_a_type_may_differ_between_announcement_and_put(client: Client) -> None:
    place = client.place(content_type="audio/webm;codecs=opus")
    assert client.put(place["upload_url"], DATA, "Audio/WebM;  codecs=opus").status_code == 200


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("audio", "text/html"),
        ("audio", "application/octet-stream"),
        ("audio", "image/png"),
        ("audio", "audio/midi"),
        ("audio", "audio/"),
        ("audio", "/wav"),
        ("audio", "audio"),
        ("audio", "wav"),
        ("audio", "audio/wav, text/html"),
        ("audio", "audio/wav\r\nX-Evil: 1"),
        ("audio", "audio/wav;=x"),
        ("audio", "audio/*"),
        ("audio", "*/*"),
        ("audio", "audio/wav;x=" + "y" * 300),
        ("audio", "audio/" + "w" * 10_000),
        ("audio", "video/mp4"),
        ("video", "audio/wav"),
        ("video", "video/x-flv"),
    ],
)
def test_a_type_that_cannot_be_read_is_415(client: Client, media_type: str, content_type: str) -> None:
    answer = client.announce(media_type=media_type, content_type=content_type)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media"


@pytest.mark.parametrize("sent", ["audio/mpeg", "text/html", "video/wav", "audio/wav;codecs=1", "", None, "audio"])
def test_a_put_with_another_type_is_415_and_the_url_stays_good(client: Client, sent: str | None) -> None:
    place = client.place()
    answer = client.put(place["upload_url"], DATA, sent)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media"
    assert "audio/wav" in error_of(answer)["message"]
    assert client.http.get(place["public_url"]).status_code == 404
    assert client.put(place["upload_url"], DATA).status_code == 200


def test_the_parameters_of_a_type_are_part_of_it(client: Client) -> None:
    place = client.place(content_type="audio/webm;codecs=opus")
    assert client.put(place["upload_url"], DATA, "audio/webm").status_code == 415
    assert client.put(place["upload_url"], DATA, "audio/webm;codecs=vorbis").status_code == 415


# Sizes.


@pytest.mark.parametrize(("media_type", "limit"), [("audio", 200 * MiB), ("video", 1024 * MiB)])
def test_a_size_over_the_catalogues_is_413_when_it_is_announced(client: Client, media_type: str, limit: int) -> None:
    content_type = f"{media_type}/mp4"
    assert client.announce(media_type=media_type, content_type=content_type, size_bytes=limit).status_code == 200
    answer = client.announce(media_type=media_type, content_type=content_type, size_bytes=limit + 1)
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "media_too_large"
    assert error_of(answer)["details"] == {"max_bytes": limit}


def test_a_put_whose_length_is_too_large_is_413_and_the_url_stays_good(small: Client) -> None:
    place = small.place()
    answer = small.put(place["upload_url"], b"x" * 100_001)
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "media_too_large"
    assert stored(small) == []
    assert small.put(place["upload_url"], b"x" * 100_000).status_code == 200


def test_a_put_that_becomes_too_large_in_chunks_is_413_and_nothing_stays(small: Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 10_000
            yield b"x" * 10_000

    place = small.place()
    answer = small.put(place["upload_url"], endless())
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "media_too_large"
    assert stored(small) == []
    assert small.put(place["upload_url"], DATA).status_code == 200
    assert small.http.get(place["public_url"]).content == DATA


def test_a_gigabyte_that_a_put_announces_is_refused_before_it_is_sent(client: Client) -> None:
    place = client.place()
    head = f"PUT {path_of(place['upload_url'])} HTTP/1.1\r\nHost: g\r\nContent-Type: audio/wav\r\n"
    with serving(client) as port:
        received = talk(port, (head + f"Content-Length: {1 << 30}\r\n\r\n").encode() + b"RIFF")
    assert received.startswith(b"HTTP/1.1 413"), received
    assert b"media_too_large" in received


def test_a_put_without_end_over_a_real_socket_is_refused_and_nothing_stays(small: Client) -> None:
    place = small.place()
    head = f"PUT {path_of(place['upload_url'])} HTTP/1.1\r\nHost: g\r\nContent-Type: audio/wav\r\n"
    chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    with serving(small) as port:
        received = talk(port, (head + "Transfer-Encoding: chunked\r\n\r\n").encode(), *[chunk] * 11)
        assert received.startswith(b"HTTP/1.1 413"), received
        wait_until(lambda: stored(small) == [], seconds=5, what="the end of the refused file")
        right = httpx2.put(
            f"http://127.0.0.1:{port}{path_of(place['upload_url'])}",
            content=DATA,
            headers={"Content-Type": "audio/wav"},
        )
    assert right.status_code == 200


@pytest.mark.parametrize(("sent", "status"), [(9_999, 422), (10_001, 413), (10_000, 200), (0, 422)])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_an_upload_that_was_bound_to_a_size_takes_only_that_size(
    alone: Client, sent: int, status: int, in_chunks: bool
) -> None:
    place = alone.place(size_bytes=10_000)
    data: Any = iter([b"x" * sent]) if in_chunks else b"x" * sent
    assert alone.put(place["upload_url"], data).status_code == status
    assert len(stored(alone)) == (1 if status == 200 else 0)


def test_after_a_wrong_size_the_right_one_is_taken(client: Client) -> None:
    place = client.place(size_bytes=10_000)
    assert client.put(place["upload_url"], b"x" * 9_999).status_code == 422
    assert client.put(place["upload_url"], b"x" * 10_001).status_code == 413
    assert client.put(place["upload_url"], b"x" * 10_000).status_code == 200


# Signatures.


def refused_url(client: Client, method: str, url: str) -> None:
    headers = {"Content-Type": "audio/wav"} if method == "PUT" else {}
    answer = client.http.request(method, url, content=DATA if method == "PUT" else None, headers=headers)
    assert answer.status_code == 403, (url, answer.text)
    assert error_of(answer)["code"] == "bad_signature"


CHANGES: list[dict[str, str | None]] = [
    {"operation": "get"},
    {"operation": "delete"},
    {"operation": None},
    {"content_type": "text/html"},
    {"content_type": None},
    {"max_bytes": "999999999999"},
    {"max_bytes": None},
    {"max_bytes": "-1"},
    {"max_bytes": "lots"},
    {"size_bytes": "20000"},
    {"size_bytes": None},
    {"expires": "9999999999"},
    {"expires": "99999999999999999999999"},
    {"expires": "-1"},
    {"expires": "1e12"},
    {"expires": "\u0661\u0662"},
    {"expires": None},
    {"signature": "0" * 64},
    {"signature": ""},
    {"signature": "\u00e9" * 64},
    {"signature": None},
    {"extra": "1"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "=".join(f"{k}={v}" for k, v in change.items())[:40])
def test_a_put_url_with_a_changed_parameter_is_403_and_the_right_one_stays_good(
    alone: Client, change: dict[str, str | None]
) -> None:
    place = alone.place(size_bytes=len(DATA))
    refused_url(alone, "PUT", with_parameters(place["upload_url"], **change))
    assert stored(alone) == []
    assert alone.put(place["upload_url"], DATA).status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"operation": "put"}, {"expires": "9999999999"}, {"signature": "f" * 64}, {"signature": None}, {"max_bytes": "5"}],
    ids=str,
)
def test_a_read_url_with_a_changed_parameter_is_403(client: Client, change: dict[str, str | None]) -> None:
    url = client.upload()["public_url"]
    for method in ("GET", "HEAD"):
        answer = client.http.request(method, with_parameters(url, **change))
        assert answer.status_code == 403
    assert client.http.get(url).status_code == 200


@pytest.mark.parametrize("position", [0, 13, 31, 63])
def test_one_letter_of_a_signature_decides(client: Client, position: int) -> None:
    url = client.upload()["public_url"]
    signature = url.rpartition("=")[2]
    forged = signature[:position] + ("0" if signature[position] != "0" else "1") + signature[position + 1 :]
    refused_url(client, "GET", url.replace(signature, forged))


def test_a_signature_is_for_one_key(client: Client) -> None:
    first, second = client.upload(), client.upload()
    refused_url(client, "GET", first["public_url"].replace(first["object_key"], second["object_key"]))


def test_a_read_url_cannot_write_and_a_write_url_cannot_read(client: Client) -> None:
    place = client.place()
    refused_url(client, "PUT", place["public_url"])
    assert client.put(place["upload_url"], DATA).status_code == 200
    refused_url(client, "GET", place["upload_url"])
    answer = client.http.head(place["upload_url"])
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?signature=",
        "?signature=abc",
        "?&signature=&signature=",
        "?operation=get&expires=1&signature=%ff",
        "?" + "a=1&" * 1000 + "signature=0",
        "?operation=get&operation=get&expires=9999999999&signature=00",
        "?%00=%00",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_a_malformed_query_is_403(client: Client, method: str, query: str) -> None:
    key = client.upload()["object_key"]
    answer = client.http.request(method, f"/v1/blobs/{key}{query}")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "key", ["../../secret.key", "..%2f..%2fsecret.key", "%2e%2e/voxport.db", "a//b", "%00", "", "é"]
)
def test_a_key_that_leads_out_of_storage_is_403(client: Client, key: str) -> None:
    answer = client.http.get(f"/v1/blobs/{key}?operation=get&expires=9999999999&signature=00")
    assert answer.status_code in (403, 404)
    assert "vxp" not in answer.text


def test_even_a_true_signature_does_not_lead_out_of_storage(client: Client) -> None:
    """Storage itself refuses such a key, whoever signed it."""
    for key in ("../secret.key", "..", "a/../../secret.key", ".incoming/x", "/etc/passwd", "a\x00b"):
        url = client.gateway.signer.url(Grant("get", key, int(time.time()) + 60))
        answer = client.http.get(url)
        assert answer.status_code in (403, 404), key


def test_urls_end_with_their_time(make_client: MakeClient) -> None:
    client = make_client(upload_expiry_seconds=1)
    place = client.place()
    assert place["expires_in"] == 1
    client.gateway.media.record_upload(place["object_key"], 1)
    wait_until(
        lambda: time.time() > int(dict(parse_qsl(urlsplit(place["upload_url"]).query))["expires"]),
        seconds=5,
        what="the end",
    )
    answer = client.put(place["upload_url"], DATA)
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "bad_signature"
    assert "expired" in error_of(answer)["message"]
    answer = client.http.get(place["public_url"])
    assert answer.status_code == 403
    assert "expired" in error_of(answer)["message"]
    assert stored(client) == []


def test_an_own_url_that_has_expired_is_told_so_as_audio_url(client: Client) -> None:
    key = client.upload()["object_key"]
    expired = client.gateway.signer.url(Grant("get", key, int(time.time()) - 1))
    answer = client.post("/v1/proxy/core-voice-clone", {"audioUrl": expired, "provider": "local"})
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "bad_signature"
    assert client.balance()["held"] == 0


def test_another_gateways_signature_is_worth_nothing(make_client: MakeClient) -> None:
    here, there = make_client(), make_client()
    refused_url(here, "GET", there.upload()["public_url"])


# A second file at the same place.


def test_a_second_put_after_a_good_one_is_409_and_the_first_file_stays(client: Client) -> None:
    place = client.place()
    assert client.put(place["upload_url"], DATA).status_code == 200
    answer = client.put(place["upload_url"], b"another")
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "already_uploaded"
    assert client.http.get(place["public_url"]).content == DATA


def test_of_many_puts_at_once_one_wins_and_its_file_is_whole(alone: Client) -> None:
    place = alone.place()
    statuses: dict[int, int] = {}
    with serving(alone) as port:
        url = f"http://127.0.0.1:{port}{path_of(place['upload_url'])}"
        gate = threading.Barrier(8)

        def put(number: int) -> None:
            gate.wait()
            data = bytes([number]) * 300_000
            statuses[number] = httpx2.put(url, content=data, headers={"Content-Type": "audio/wav"}).status_code

        threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses.values()) == [200] + [409] * 7
    winner = next(number for number, status in statuses.items() if status == 200)
    assert alone.http.get(place["public_url"]).content == bytes([winner]) * 300_000
    assert len(stored(alone)) == 1


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_an_upload_that_breaks_off_leaves_nothing_and_may_be_tried_again(alone: Client, framing: str) -> None:
    place = alone.place()
    head = f"PUT {path_of(place['upload_url'])} HTTP/1.1\r\nHost: g\r\nContent-Type: audio/wav\r\n{framing}\r\n\r\n"
    with serving(alone) as port:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(head.encode() + (b"2710\r\n" if "chunked" in framing else b"") + b"x" * 10_000)
            wait_until(lambda: stored(alone) != [], seconds=10, what="the begun file")
        wait_until(lambda: stored(alone) == [], seconds=10, what="the end of the begun file")
        assert alone.http.get(place["public_url"]).status_code == 404
        right = httpx2.put(
            f"http://127.0.0.1:{port}{path_of(place['upload_url'])}",
            content=DATA,
            headers={"Content-Type": "audio/wav"},
        )
    assert right.status_code == 200
    assert alone.http.get(place["public_url"]).content == DATA


# HEAD and Range.


@pytest.fixture
def url(client: Client) -> str:
    place = client.place()
    assert client.put(place["upload_url"], DATA).status_code == 200
    return str(place["public_url"])


def test_head_tells_all_but_the_body(client: Client, url: str) -> None:
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
def test_a_range_gives_exactly_these_bytes(client: Client, url: str, wanted: str, first: int, last: int) -> None:
    answer = client.http.get(url, headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == DATA[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", "bytes=999999999999-"])
def test_a_range_outside_of_the_file_is_416_and_says_how_long_it_is(client: Client, url: str, wanted: str) -> None:
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
def test_a_range_that_is_none_gives_the_whole_file(client: Client, url: str, wanted: str) -> None:
    answer = client.http.get(url, headers={"Range": wanted})
    assert answer.status_code == 200
    assert answer.content == DATA


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=9999999999999999999999-", "bytes=0-1,3-4", "bytes=0-0," * 2000])
def test_a_range_that_servers_may_differ_about_is_no_500(client: Client, url: str, wanted: str) -> None:
    answer = client.http.get(url, headers={"Range": wanted})
    assert answer.status_code in (200, 206, 416)
    assert len(answer.content) <= SIZE


def test_an_empty_file_has_no_range_and_reads_as_nothing(client: Client) -> None:
    place = client.upload(b"")
    assert client.http.get(place["public_url"]).content == b""
    answer = client.http.get(place["public_url"], headers={"Range": "bytes=0-0"})
    assert answer.status_code == 416


# URLs.


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Forwarded-Proto": "gopher", "X-Forwarded-Prefix": "/evil.example"},
        {"X-Original-URL": "/evil.example", "X-Host": "evil.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_urls_are_built_from_the_public_url_and_no_header(client: Client, headers: dict[str, str]) -> None:
    answer = client.request(
        "POST",
        "/v1/proxy/upload-media",
        json={"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"},
        headers=headers,
    )
    assert answer.status_code == 200
    assert "evil" not in answer.text
    for name in ("upload_url", "public_url"):
        assert answer.json()["data"][name].startswith(f"{PUBLIC_URL}/v1/blobs/uploads/")


def test_a_public_url_may_have_a_path_and_a_slash_at_its_end(make_client: MakeClient) -> None:
    client = make_client(public_url="https://example.com/voices/")
    assert client.place()["upload_url"].startswith("https://example.com/voices/v1/blobs/uploads/")


# Names.


@pytest.mark.parametrize(
    ("filename", "cleaned"),
    [
        ("speaker.wav", "speaker.wav"),
        ("My Voice (1).wav", "My_Voice_1_.wav"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\me\\voice.wav", "voice.wav"),
        ("a\x00b.wav", "a_b.wav"),
        ("\x00", "file"),
        ("line\nbreak\r.wav", "line_break_.wav"),
        ("Müller.wav", "Muller.wav"),
        ("声音.wav", "wav"),
        ("声音", "file"),
        ("😀", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        (".wav", "wav"),
        (".htaccess", "htaccess"),
        ("folder/", "file"),
        (" ", "file"),
        ("a?b#c%2f&d=e.wav", "a_b_c_2f_d_e.wav"),
        ("-rf.wav", "rf.wav"),
        ("noextension", "noextension"),
        ("e\u0301.wav", "e.wav"),
    ],
)
def test_a_file_name_is_cleaned_and_the_key_ends_with_it(client: Client, filename: str, cleaned: str) -> None:
    place = client.place(filename=filename)
    assert place["object_key"].rsplit("/", 1) == [place["object_key"].rpartition("/")[0], cleaned]
    assert client.put(place["upload_url"], DATA).status_code == 200
    assert client.http.get(place["public_url"]).content == DATA


@pytest.mark.parametrize(
    "filename",
    [
        "x" * 10_000,
        "x" * 10_000 + ".wav",
        "x." * 5_000,
        "." * 10_000 + "wav",
        "/" * 10_000,
        "é" * 10_000,
        "a." + "b" * 10_000,
    ],
    ids=["long", "long with type", "dots between", "dots before", "slashes", "accents", "long type"],
)
def test_a_file_name_of_ten_thousand_characters_is_cut_and_works(client: Client, filename: str) -> None:
    place = client.place(filename=filename)
    assert len(place["object_key"].rpartition("/")[2]) <= 100
    assert client.put(place["upload_url"], DATA).status_code == 200
    assert client.http.get(place["public_url"]).content == DATA


def test_a_long_name_keeps_its_extension(client: Client) -> None:
    assert client.place(filename="x" * 10_000 + ".wav")["object_key"].endswith("x.wav")


def test_an_empty_file_name_is_refused(client: Client) -> None:
    assert client.announce(filename="").status_code == 422


@pytest.mark.parametrize("media_type", ["image", "AUDIO", "", "audio "])
def test_an_unknown_media_type_is_refused(client: Client, media_type: str) -> None:
    assert client.announce(media_type=media_type).status_code == 422


# As a sample.


CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"


def use(client: Client, path: str, url: str) -> httpx2.Response:
    return client.post(path, {"audioUrl": url, "provider": "local", **({"text": "Hi"} if path == INSTANT else {})})


@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_another_profiles_upload_is_404_as_if_it_were_not_there(client: Client, path: str) -> None:
    other = client.another()
    there, not_there = other.upload()["public_url"], other.place()["public_url"]
    answers = [use(client, path, url) for url in (there, not_there)]
    for answer in answers:
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "media_not_found"
    assert error_of(answers[0])["message"] == error_of(answers[1])["message"]
    assert client.balance()["held"] == 0


@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_an_own_upload_that_was_never_put_is_404(client: Client, path: str) -> None:
    answer = use(client, path, client.place()["public_url"])
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "media_not_found"


def test_an_upload_url_is_not_a_sample(client: Client) -> None:
    place = client.upload()
    answer = use(client, CLONE, with_parameters(place["upload_url"]).replace(PUBLIC_URL, "http://127.0.0.1"))
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:8000", "http://gateway.internal", "https://other.example.org/prefix"]
)
def test_an_own_url_is_known_by_its_signature_under_any_host(client: Client, host: str) -> None:
    url = client.upload()["public_url"].replace(PUBLIC_URL, host)
    assert use(client, CLONE, url).status_code == 202


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/v1/blobs/{key}?operation=get&expires=9999999999&signature=" + "0" * 64,
        "http://127.0.0.1/v1/blobs/{key}",
    ],
)
def test_a_forged_own_url_is_a_strangers_url(client: Client, url: str) -> None:
    answer = use(client, CLONE, url.format(key=client.upload()["object_key"]))
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "audio_url_unusable"


# Sweeping.


def test_an_upload_is_swept_after_its_days(make_client: MakeClient) -> None:
    client = make_client(upload_keep_days=1.2 / 86_400, upload_expiry_seconds=1)
    client.upload()
    client.place()
    swept = 0

    def both_are_gone() -> bool:
        nonlocal swept
        swept += client.gateway.media.sweep()
        return swept == 2

    wait_until(both_are_gone, seconds=10, what="the sweep")
    assert stored(client) == []


def test_the_urls_of_an_upload_that_was_removed_are_404(client: Client) -> None:
    place, unused = client.upload(), client.place()
    for one in (place, unused):
        client.gateway.media.drop(one["object_key"])
    assert client.http.get(place["public_url"]).status_code == 404
    answer = client.put(unused["upload_url"], DATA)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "media_not_found"


def test_a_young_upload_is_not_swept(alone: Client) -> None:
    place = alone.upload()
    assert alone.gateway.media.sweep() == 0
    assert alone.http.get(place["public_url"]).status_code == 200
