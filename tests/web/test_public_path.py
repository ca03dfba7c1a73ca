"""With a public URL that has a path, the gateway's own URLs carry that path, whether or not the proxy strips it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import with_fake_provider
from tests.support.uploads import DATA

PUBLIC = "https://api.example.com/voice"
TTS = "/v1/proxy/core-tts"
SPEECH = {"text": "Hello.", "voice_id": "hum"}


@pytest.fixture(scope="module", params=["", "/voice"], ids=["a proxy that takes it away", "a proxy that keeps it"])
def kept(request: pytest.FixtureRequest) -> str:
    """The path prefix that the proxy leaves on requests to the gateway."""
    return str(request.param)


@pytest.fixture
def behind(make_gateway: MakeGateway) -> GatewayClient:
    return open_client(with_fake_provider(make_gateway, public_url=PUBLIC).gateway)


def reach(client: GatewayClient, method: str, path: str, kept: str, **options: object) -> httpx2.Response:
    """Sends a request to a public path, as the gateway receives it from the proxy."""
    assert path.startswith("/voice/"), path
    inner = kept + path.removeprefix("/voice")
    return client.http.request(method, inner, headers=client.headers, **options)


def test_the_location_of_a_job_leads_to_it(behind: GatewayClient, kept: str) -> None:
    headers = {**behind.headers, "Prefer": "respond-async", "Idempotency-Key": "k"}
    first, replay = (behind.http.post(kept + TTS, json=SPEECH, headers=headers) for _ in range(2))
    assert first.status_code == replay.status_code == 202, first.text
    location = first.headers["Location"]
    assert location == replay.headers["Location"] == f"/voice/v2/jobs/{first.json()['job']['id']}"
    assert reach(behind, "GET", location, kept).json()["status"] == "queued"


@pytest.mark.folder_only("URLs that the gateway signs")
def test_signed_urls_lead_to_their_files_both_ways(behind: GatewayClient, kept: str) -> None:
    slot = behind.post(kept + "/v1/proxy/upload-media", {**_UPLOAD}).json()["data"]
    for url in (slot["upload_url"], slot["public_url"]):
        assert url.startswith(PUBLIC + "/v1/blobs/")
    path = "{0.path}?{0.query}".format
    put = behind.http.put(kept + path(urlsplit(slot["upload_url"])).removeprefix("/voice"), content=DATA, headers=_WAV)
    assert put.status_code == 200
    got = reach(behind, "GET", path(urlsplit(slot["public_url"])), kept)
    assert got.content == DATA
    clone = {"audioUrl": slot["public_url"], "provider": "local"}
    assert behind.post(kept + "/v1/proxy/core-voice-clone", clone).status_code == 202
    spoken = behind.post(kept + TTS, SPEECH).json()["data"]["url"]
    assert spoken.startswith(PUBLIC)
    assert reach(behind, "GET", path(urlsplit(spoken)), kept).status_code == 200


_UPLOAD = {"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav"}
_WAV = {"Content-Type": "audio/wav"}


def test_the_page_of_the_docs_finds_its_scripts_and_the_document(behind: GatewayClient, kept: str) -> None:
    page = reach(behind, "GET", "/voice/docs", kept)
    assert page.status_code == 200
    paths = set(re.findall(r"""["'](/[\w./-]+)["']""", page.text)) - {"/docs/oauth2-redirect"}
    assert any("swagger-ui-bundle" in path for path in paths)
    for path in paths:
        if path != "/":
            assert path.startswith("/voice/"), path
            assert reach(behind, "GET", path, kept).status_code == 200, path
    document = reach(behind, "GET", "/voice/openapi.json", kept).json()
    assert document["servers"] == [{"url": "/voice"}]
    assert "/v1/proxy/core-tts" in document["paths"]


def test_limits_by_path_hold_with_the_prefix_too(behind: GatewayClient, kept: str) -> None:
    assert behind.http.get(kept + "/healthz").status_code == 200
    assert behind.http.put(kept + "/v1/blobs/a/b?operation=put", content=b"x" * 2_000_000).status_code == 403
    assert behind.post_raw(kept + TTS, b"x" * 2_000_000).status_code == 413
    assert behind.http.get(kept + "/nothing").status_code == 404
    assert behind.get("/voicemail").status_code == 404
    assert behind.get("/voice").status_code == 404


def test_an_address_without_a_path_names_no_servers(client: GatewayClient) -> None:
    assert "servers" not in client.http.get("/openapi.json").json()
    assert client.get("/voice/v2/billing/balance").status_code == 404


LIKE_OWN = ["https://api.example.com/v1", "https://api.example.com/v1/voice/"]


@pytest.mark.parametrize("public_url", LIKE_OWN)
def test_a_path_that_begins_like_the_gateways_own_is_left_to_the_proxy(
    make_gateway: MakeGateway, public_url: str
) -> None:
    client = open_client(with_fake_provider(make_gateway, public_url=public_url).gateway)
    answer = client.post(TTS, SPEECH, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith(urlsplit(public_url).path.rstrip("/") + "/v2/jobs/")


@pytest.mark.folder_only("URLs that the gateway signs")
@pytest.mark.parametrize("public_url", LIKE_OWN)
def test_signed_urls_have_a_path_that_begins_like_the_gateways_own(make_gateway: MakeGateway, public_url: str) -> None:
    client = open_client(with_fake_provider(make_gateway, public_url=public_url).gateway)
    assert client.post(TTS, SPEECH).json()["data"]["url"].startswith(public_url.rstrip("/") + "/v1/blobs/")
