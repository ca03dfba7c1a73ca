"""Uploads as browsers, phones and people send them: unusual content types, non-Latin file names, empty bodies."""

from __future__ import annotations

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.uploads import DATA
from voxport.media.names import clean_filename, parse_content_type

pytestmark = pytest.mark.folder_only("types that the gateway itself compares at a PUT")

BROWSERS = [
    ("video", "video/webm;codecs=vp8,opus"),
    ("video", "video/webm;codecs=vp9,opus"),
    ("video", "video/x-matroska;codecs=avc1,opus"),
    ("video", "video/webm; codecs=vp8, opus"),
    ("video", 'video/webm; codecs="vp8, opus"'),
    ("video", "video/mp4;codecs=avc1.42E01E,mp4a.40.2"),
    ("video", "video/quicktime;"),
    ("audio", "audio/webm;codecs=opus;"),
    ("audio", "audio/webm; codecs=opus ; "),
    ("audio", "audio/ogg;codecs='opus'"),
    ("audio", "AUDIO/MP4; Codecs=mp4a.40.2"),
    ("audio", "audio/mp4;;codecs=mp4a.40.2"),
    ("audio", "audio/wav; codecs=1"),
    ("audio", "audio/mp4a-latm"),
    ("audio", "audio/x-hx-aac-adts"),
    ("audio", "audio/amr-wb"),
    ("audio", "audio/speex"),
    ("audio", "application/ogg"),
    ("video", "application/ogg"),
    ("audio", "application/octet-stream"),
    ("video", "application/octet-stream"),
]


@pytest.mark.parametrize(("media_type", "content_type"), BROWSERS)
def test_what_browsers_and_phones_announce_is_taken_and_read_again(
    client: GatewayClient, media_type: str, content_type: str
) -> None:
    slot = client.upload_slot(media_type=media_type, content_type=content_type)
    assert client.put(slot["upload_url"], DATA, content_type).status_code == 200
    answer = client.http.get(slot["public_url"])
    assert answer.content == DATA
    assert parse_content_type(answer.headers["Content-Type"]) == parse_content_type(content_type)


@pytest.mark.parametrize(
    ("announced", "sent"),
    [
        ("video/webm;codecs=vp8,opus", 'video/webm; codecs="vp8,opus"'),
        ("video/webm;codecs=vp8,opus;", "video/webm;codecs=vp8,opus"),
        ("audio/wav", "audio/wav;"),
        ("audio/webm;codecs=opus", "Audio/WebM; codecs=opus"),
    ],
)
def test_the_same_type_in_another_spelling_is_the_same(client: GatewayClient, announced: str, sent: str) -> None:
    slot = client.upload_slot(media_type=announced.partition("/")[0], content_type=announced)
    assert client.put(slot["upload_url"], DATA, sent).status_code == 200


@pytest.mark.parametrize("sent", ["video/webm;codecs=vp9,opus", "video/webm", "application/octet-stream", "text/html"])
def test_another_type_is_still_refused(client: GatewayClient, sent: str) -> None:
    slot = client.upload_slot(media_type="video", content_type="video/webm;codecs=vp8,opus")
    assert client.put(slot["upload_url"], DATA, sent).status_code == 415
    assert client.put(slot["upload_url"], DATA, "video/webm;codecs=vp8,opus").status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        *(
            "audio/wav;a",
            "audio/wav;=b",
            'audio/wav;a="b',
            "audio/wav;a=b\r\nX: y",
            "audio/wav;a=b\\",
            "audio/wav\n;a=b",
        ),
        *("application/pdf", "application/json", "text/html", "audio/html", "video/x-msvideo", "video/mp2t"),
        *("audio/x-ms-wma", "audio/basic", "audio", "/", "audio/", "*/*", "application/octet-stream, audio/wav"),
        "audio/wav;" + " " * 300,
        "audio/wav" + ";a=b" * 200,
    ],
)
def test_what_is_no_type_of_a_recording_is_refused_with_the_types_that_are(
    client: GatewayClient, content_type: str
) -> None:
    answer = client.request_upload(content_type=content_type)
    assert answer.status_code == 415
    assert "mp3, wav, ogg" in error_of(answer)["message"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_empty_put_is_refused_and_the_url_stays_good(client: GatewayClient, is_chunked: bool) -> None:
    slot = client.upload_slot()
    empty = client.put(slot["upload_url"], iter([b""]) if is_chunked else b"")
    assert (empty.status_code, error_of(empty)["code"]) == (422, "validation_failed")
    assert "empty" in error_of(empty)["message"]
    assert client.http.get(slot["public_url"]).status_code == 404
    assert client.put(slot["upload_url"], DATA).status_code == 200
    assert client.http.get(slot["public_url"]).content == DATA


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("我的声音.wav", "file.wav"),
        ("голос.mp3", "file.mp3"),
        ("صوت.m4a", "file.m4a"),
        ("आवाज़.ogg", "file.ogg"),
        ("目.の.声.flac", "file.flac"),
        ("我的 voice 1.wav", "voice_1.wav"),
        ("＿声．ｗａｖ", "file.wav"),
        ("🎤.webm", "file.webm"),
        ("声音.文件", "file"),
        ("声音.", "file"),
        ("voice.wav.", "voice.wav"),
        ("...wav", "file.wav"),
        ("__.__.wav", "file.wav"),
        ("my.long.name.with.dots.wav", "my.long.name.with.dots.wav"),
        ("声" * 5_000 + ".wav", "file.wav"),
        ("x" * 5_000 + ".wav", "x" * 96 + ".wav"),
        ("a.tar.gz", "a.tar.gz"),
    ],
)
def test_a_name_in_any_alphabet_keeps_its_ending(name: str, cleaned: str) -> None:
    assert clean_filename(name) == cleaned
