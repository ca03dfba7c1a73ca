"""Uploads: a signed URL takes one file of one content type and of a limited size."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.server import send_raw, serving, wait_until
from tests.support.uploads import DATA, MiB, path_of, stored_files
from voxport.audit.service import CLI

pytestmark = pytest.mark.folder_only("PUTs that the gateway itself receives")

# Round trip.


def test_what_was_put_is_read_back(client: GatewayClient) -> None:
    slot = client.upload_slot()
    answer = client.put(slot["upload_url"], DATA)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "data": {"object_key": slot["object_key"], "size_bytes": len(DATA)},
    }
    read = client.http.get(slot["public_url"])
    assert read.status_code == 200
    assert read.content == DATA
    assert read.headers["Content-Type"] == "audio/wav"
    assert read.headers["Content-Length"] == str(len(DATA))


def test_a_file_sent_in_chunks_is_stored_whole(client: GatewayClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    slot = client.upload_slot()
    assert client.put(slot["upload_url"], chunks()).status_code == 200
    assert client.http.get(slot["public_url"]).content == b"x" * 65_536 * 40


def test_a_file_is_sent_out_so_that_no_browser_runs_it(client: GatewayClient) -> None:
    read = client.http.get(client.upload()["public_url"])
    assert read.headers["Content-Disposition"].startswith("attachment")
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in read.headers["Content-Security-Policy"]


def test_before_the_put_there_is_nothing_to_read(client: GatewayClient) -> None:
    answer = client.http.get(client.upload_slot()["public_url"])
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "media_not_found"


def test_the_answer_has_no_surprises(client: GatewayClient) -> None:
    slot = client.upload_slot()
    assert set(slot) == {"upload_url", "object_key", "expires_in", "public_url"}
    assert slot["expires_in"] == 86_400
    assert slot["object_key"].startswith(f"uploads/{client.profile_id}/audio/")
    assert slot["object_key"].endswith("/speaker.wav")
    for url in (slot["upload_url"], slot["public_url"]):
        assert urlsplit(url).path.endswith(slot["object_key"])
        assert list(parse_qsl(urlsplit(url).query))[-1][0] == "signature"


def test_the_same_name_twice_gives_two_places(client: GatewayClient) -> None:
    assert len({client.upload_slot()["object_key"] for _ in range(20)}) == 20


def test_a_video_goes_to_a_place_of_its_own(client: GatewayClient) -> None:
    slot = client.upload_slot(media_type="video", filename="clip.mp4", content_type="video/mp4")
    assert f"/{client.profile_id}/video/" in slot["object_key"]
    assert client.put(slot["upload_url"], DATA, "video/mp4").status_code == 200


# Content types.


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
    client: GatewayClient, media_type: str, content_type: str
) -> None:
    slot = client.upload_slot(media_type=media_type, content_type=content_type)
    assert client.put(slot["upload_url"], DATA, content_type).status_code == 200
    assert client.http.get(slot["public_url"]).headers["Content-Type"].startswith(f"{media_type}/")


def test_blanks_and_case_of_a_type_may_differ_between_announcement_and_put(client: GatewayClient) -> None:
    slot = client.upload_slot(content_type="audio/webm;codecs=opus")
    assert client.put(slot["upload_url"], DATA, "Audio/WebM;  codecs=opus").status_code == 200


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("audio", "text/html"),
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
def test_a_type_that_cannot_be_read_is_415(client: GatewayClient, media_type: str, content_type: str) -> None:
    answer = client.request_upload(media_type=media_type, content_type=content_type)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media"


@pytest.mark.parametrize("sent", ["audio/mpeg", "text/html", "video/wav", "audio/wav;codecs=1", "", None, "audio"])
def test_a_put_with_another_type_is_415_and_the_url_stays_good(client: GatewayClient, sent: str | None) -> None:
    slot = client.upload_slot()
    answer = client.put(slot["upload_url"], DATA, sent)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media"
    assert "audio/wav" in error_of(answer)["message"]
    assert client.http.get(slot["public_url"]).status_code == 404
    assert client.put(slot["upload_url"], DATA).status_code == 200


def test_the_parameters_of_a_type_are_part_of_it(client: GatewayClient) -> None:
    slot = client.upload_slot(content_type="audio/webm;codecs=opus")
    assert client.put(slot["upload_url"], DATA, "audio/webm").status_code == 415
    assert client.put(slot["upload_url"], DATA, "audio/webm;codecs=vorbis").status_code == 415


# Sizes.


@pytest.mark.parametrize(("media_type", "limit"), [("audio", 200 * MiB), ("video", 1024 * MiB)])
def test_a_size_over_the_catalogues_is_413_when_it_is_announced(
    client: GatewayClient, media_type: str, limit: int
) -> None:
    content_type = f"{media_type}/mp4"
    assert client.request_upload(media_type=media_type, content_type=content_type, size_bytes=limit).status_code == 200
    answer = client.request_upload(media_type=media_type, content_type=content_type, size_bytes=limit + 1)
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "media_too_large"
    assert error_of(answer)["details"] == {"max_bytes": limit}


def test_a_put_whose_length_is_too_large_is_413_and_the_url_stays_good(small: GatewayClient) -> None:
    slot = small.upload_slot()
    answer = small.put(slot["upload_url"], b"x" * 100_001)
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "media_too_large"
    assert stored_files(small) == []
    assert small.put(slot["upload_url"], b"x" * 100_000).status_code == 200


def test_a_put_that_becomes_too_large_in_chunks_is_413_and_nothing_stays(small: GatewayClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 10_000
            yield b"x" * 10_000

    slot = small.upload_slot()
    answer = small.put(slot["upload_url"], endless())
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "media_too_large"
    assert stored_files(small) == []
    assert small.put(slot["upload_url"], DATA).status_code == 200
    assert small.http.get(slot["public_url"]).content == DATA


def test_a_gigabyte_that_a_put_announces_is_refused_before_it_is_sent(client: GatewayClient) -> None:
    slot = client.upload_slot()
    head = f"PUT {path_of(slot['upload_url'])} HTTP/1.1\r\nHost: g\r\nContent-Type: audio/wav\r\n"
    with serving(client) as port:
        received = send_raw(port, (head + f"Content-Length: {1 << 30}\r\n\r\n").encode() + b"RIFF")
    assert received.startswith(b"HTTP/1.1 413"), received
    assert b"media_too_large" in received


def test_a_put_without_end_over_a_real_socket_is_refused_and_nothing_stays(small: GatewayClient) -> None:
    slot = small.upload_slot()
    head = f"PUT {path_of(slot['upload_url'])} HTTP/1.1\r\nHost: g\r\nContent-Type: audio/wav\r\n"
    chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    with serving(small) as port:
        received = send_raw(port, (head + "Transfer-Encoding: chunked\r\n\r\n").encode(), *[chunk] * 11)
        assert received.startswith(b"HTTP/1.1 413"), received
        wait_until(lambda: stored_files(small) == [], seconds=20, what="the end of the refused file")
        right = httpx2.put(
            f"http://127.0.0.1:{port}{path_of(slot['upload_url'])}",
            content=DATA,
            headers={"Content-Type": "audio/wav"},
        )
    assert right.status_code == 200


@pytest.mark.parametrize(("sent", "status"), [(9_999, 422), (10_001, 413), (10_000, 200), (0, 422)])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_an_upload_that_was_bound_to_a_size_takes_only_that_size(
    alone: GatewayClient, sent: int, status: int, in_chunks: bool
) -> None:
    slot = alone.upload_slot(size_bytes=10_000)
    data: Any = iter([b"x" * sent]) if in_chunks else b"x" * sent
    assert alone.put(slot["upload_url"], data).status_code == status
    assert len(stored_files(alone)) == (1 if status == 200 else 0)


def test_after_a_wrong_size_the_right_one_is_taken(client: GatewayClient) -> None:
    slot = client.upload_slot(size_bytes=10_000)
    assert client.put(slot["upload_url"], b"x" * 9_999).status_code == 422
    assert client.put(slot["upload_url"], b"x" * 10_001).status_code == 413
    assert client.put(slot["upload_url"], b"x" * 10_000).status_code == 200


# A second file at the same URL.


def test_a_second_put_after_a_good_one_is_409_and_the_first_file_stays(client: GatewayClient) -> None:
    slot = client.upload_slot()
    assert client.put(slot["upload_url"], DATA).status_code == 200
    answer = client.put(slot["upload_url"], b"another")
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "already_uploaded"
    assert client.http.get(slot["public_url"]).content == DATA


def test_of_many_puts_at_once_one_wins_and_its_file_is_whole(alone: GatewayClient) -> None:
    slot = alone.upload_slot()
    statuses: dict[int, int] = {}
    with serving(alone) as port:
        url = f"http://127.0.0.1:{port}{path_of(slot['upload_url'])}"
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
    assert alone.http.get(slot["public_url"]).content == bytes([winner]) * 300_000
    assert len(stored_files(alone)) == 1


def test_of_many_puts_to_one_url_two_at_most_are_written_to_the_disk(alone: GatewayClient) -> None:
    slot = alone.upload_slot()
    head = f"PUT {path_of(slot['upload_url'])} HTTP/1.1\r\nHost: g\r\nContent-Type: audio/wav\r\n"
    with serving(alone) as port, contextlib.ExitStack() as stack:
        answers = []
        for number in range(6):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            connection.sendall(f"{head}Content-Length: 3000000\r\n\r\n".encode())
            if number < 2:
                wait_until(lambda many=number + 1: len(stored_files(alone)) == many, seconds=10, what="the begun file")
            else:
                answer = b""
                while b"upload_in_flight" not in answer and (more := connection.recv(65_536)):
                    answer += more  # the head and the body may come one after the other
                answers.append(answer)
        assert all(answer.startswith(b"HTTP/1.1 409") and b"upload_in_flight" in answer for answer in answers)
        assert len(stored_files(alone)) == 2
    wait_until(lambda: stored_files(alone) == [], seconds=10, what="the end of the begun files")
    assert alone.put(slot["upload_url"], DATA).status_code == 200


def test_a_suspended_profile_uploads_nothing_and_goes_on_when_it_is_resumed(alone: GatewayClient) -> None:
    slot = alone.upload_slot()
    accounts, database = alone.gateway.accounts, alone.gateway.database
    with database.transaction() as tx:
        accounts.suspend(tx, alone.profile_id, actor=CLI)
    answer = alone.put(slot["upload_url"], DATA)
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "profile_suspended"
    with database.transaction() as tx:
        accounts.resume(tx, alone.profile_id, actor=CLI)
    assert alone.put(slot["upload_url"], DATA).status_code == 200


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_an_upload_that_breaks_off_leaves_nothing_and_may_be_tried_again(alone: GatewayClient, framing: str) -> None:
    slot = alone.upload_slot()
    head = f"PUT {path_of(slot['upload_url'])} HTTP/1.1\r\nHost: g\r\nContent-Type: audio/wav\r\n{framing}\r\n\r\n"
    with serving(alone) as port:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(head.encode() + (b"2710\r\n" if "chunked" in framing else b"") + b"x" * 10_000)
            wait_until(lambda: stored_files(alone) != [], seconds=10, what="the begun file")
        wait_until(lambda: stored_files(alone) == [], seconds=10, what="the end of the begun file")
        assert alone.http.get(slot["public_url"]).status_code == 404
        right = httpx2.put(
            f"http://127.0.0.1:{port}{path_of(slot['upload_url'])}",
            content=DATA,
            headers={"Content-Type": "audio/wav"},
        )
    assert right.status_code == 200
    assert alone.http.get(slot["public_url"]).content == DATA


# Removal.


def test_the_urls_of_an_upload_that_was_removed_are_404(client: GatewayClient) -> None:
    slot, unused = client.upload(), client.upload_slot()
    for one in (slot, unused):
        client.gateway.media.remove(one["object_key"])
    assert client.http.get(slot["public_url"]).status_code == 404
    answer = client.put(unused["upload_url"], DATA)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "media_not_found"
