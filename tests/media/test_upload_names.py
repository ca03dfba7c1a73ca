"""File names of uploads, and the use of uploads as samples."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.client import PUBLIC_URL, GatewayClient, error_of
from tests.support.uploads import DATA, with_parameters

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
        ("声音.wav", "file.wav"),
        ("声音", "file"),
        ("😀", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        (".wav", "file.wav"),
        (".htaccess", "file.htaccess"),
        ("folder/", "file"),
        (" ", "file"),
        ("a?b#c%2f&d=e.wav", "a_b_c_2f_d_e.wav"),
        ("-rf.wav", "rf.wav"),
        ("noextension", "noextension"),
        ("e\u0301.wav", "e.wav"),
    ],
)
def test_a_file_name_is_cleaned_and_the_key_ends_with_it(client: GatewayClient, filename: str, cleaned: str) -> None:
    slot = client.upload_slot(filename=filename)
    assert slot["object_key"].rsplit("/", 1) == [slot["object_key"].rpartition("/")[0], cleaned]
    assert client.put(slot["upload_url"], DATA).status_code == 200
    assert client.http.get(slot["public_url"]).content == DATA


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
def test_a_file_name_of_ten_thousand_characters_is_cut_and_works(client: GatewayClient, filename: str) -> None:
    slot = client.upload_slot(filename=filename)
    assert len(slot["object_key"].rpartition("/")[2]) <= 100
    assert client.put(slot["upload_url"], DATA).status_code == 200
    assert client.http.get(slot["public_url"]).content == DATA


def test_a_long_name_keeps_its_extension(client: GatewayClient) -> None:
    assert client.upload_slot(filename="x" * 10_000 + ".wav")["object_key"].endswith("x.wav")


def test_an_empty_file_name_is_refused(client: GatewayClient) -> None:
    assert client.request_upload(filename="").status_code == 422


@pytest.mark.parametrize("media_type", ["image", "AUDIO", "", "audio "])
def test_an_unknown_media_type_is_refused(client: GatewayClient, media_type: str) -> None:
    assert client.request_upload(media_type=media_type).status_code == 422


# Uploads as samples.


CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"


def use(client: GatewayClient, path: str, url: str) -> httpx2.Response:
    return client.post(path, {"audioUrl": url, "provider": "local", **({"text": "Hi"} if path == INSTANT else {})})


@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_another_profiles_upload_is_404_as_if_it_were_not_there(client: GatewayClient, path: str) -> None:
    other = client.another_customer()
    there, not_there = other.upload()["public_url"], other.upload_slot()["public_url"]
    answers = [use(client, path, url) for url in (there, not_there)]
    for answer in answers:
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "media_not_found"
    assert error_of(answers[0])["message"] == error_of(answers[1])["message"]
    assert client.balance()["held"] == 0


@pytest.mark.parametrize("path", [CLONE, INSTANT])
def test_an_own_upload_that_was_never_put_is_404(client: GatewayClient, path: str) -> None:
    answer = use(client, path, client.upload_slot()["public_url"])
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "media_not_found"


def test_an_upload_url_is_not_a_sample(client: GatewayClient) -> None:
    slot = client.upload()
    answer = use(client, CLONE, with_parameters(slot["upload_url"]).replace(PUBLIC_URL, "http://127.0.0.1"))
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:8000", "http://gateway.internal", "https://other.example.org/prefix"]
)
def test_an_own_url_is_known_by_its_signature_under_any_host(client: GatewayClient, host: str) -> None:
    url = client.upload()["public_url"].replace(PUBLIC_URL, host)
    assert use(client, CLONE, url).status_code == 202


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/v1/blobs/{key}?operation=get&expires=9999999999&signature=" + "0" * 64,
        "http://127.0.0.1/v1/blobs/{key}",
    ],
)
def test_a_forged_own_url_is_a_strangers_url(client: GatewayClient, url: str) -> None:
    answer = use(client, CLONE, url.format(key=client.upload()["object_key"]))
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "audio_url_unusable"
