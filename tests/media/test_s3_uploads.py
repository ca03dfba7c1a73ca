"""Uploads and audio URLs on S3: clients talk to the storage itself, and the gateway finds what the storage let pass."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from botocore.exceptions import EndpointConnectionError
from sqlalchemy import update

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, error_of, open_client, settings_for
from tests.support.fake_provider import FakeProviderEnv, with_fake_provider
from tests.support.jobs import work
from tests.support.s3 import S3Server
from tests.support.s3_traffic import hooked, requests_to
from tests.support.uploads import DATA, with_parameters
from voxport.audit.service import CLI
from voxport.clock import now
from voxport.media.models import Media
from voxport.media.signing import Grant
from voxport.storage.config import open_storage
from voxport.storage.s3.storage import S3Storage

CLONE = "/v1/proxy/core-voice-clone"
TTS = "/v1/proxy/core-tts"


@pytest.fixture
def fake_env_on_s3(make_gateway: MakeGateway, s3: S3Server) -> FakeProviderEnv:
    return with_fake_provider(make_gateway, **s3.new_storage())


@pytest.fixture
def customer(fake_env_on_s3: FakeProviderEnv) -> GatewayClient:
    return open_client(fake_env_on_s3.gateway)


def parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def make_older(client: GatewayClient, key: str, **age: float) -> None:
    """Sets back the moment at which an upload's slot was made."""
    with client.gateway.database.transaction() as tx:
        tx.execute(update(Media).where(Media.key == key).values(created_at=now() - timedelta(**age)))


def clone(client: GatewayClient, url: str) -> httpx2.Response:
    return client.post(CLONE, {"audioUrl": url, "provider": "local"})


def test_an_upload_goes_past_the_gateway_and_is_read_from_there(on_s3: GatewayClient) -> None:
    slot = on_s3.upload_slot(size_bytes=len(DATA))
    assert slot["expires_in"] == 86_400
    put, get = parameters(slot["upload_url"]), parameters(slot["public_url"])
    assert put["X-Amz-SignedHeaders"] == "content-length;content-type;host"
    assert put["X-Amz-Expires"] == get["X-Amz-Expires"] == "86400"
    for url in (slot["upload_url"], slot["public_url"]):
        assert url.startswith(on_s3.gateway.settings.s3_endpoint_url or "-")
        assert url.rpartition("&")[2].startswith("X-Amz-Signature="), "the signature is the last parameter"
    assert on_s3.http.get(slot["public_url"]).status_code == 404
    assert on_s3.put(slot["upload_url"], DATA).status_code == 200
    answer = on_s3.http.get(slot["public_url"])
    assert (answer.content, answer.headers["content-type"]) == (DATA, "audio/wav")
    assert answer.headers["content-disposition"] == 'attachment; filename="speaker.wav"'


def test_the_storage_refuses_what_is_not_signed(on_s3: GatewayClient) -> None:
    slot = on_s3.upload_slot(size_bytes=100)
    url = slot["upload_url"]
    refused = [
        on_s3.put(url, bytes(101)),
        on_s3.put(url, bytes(99)),
        on_s3.put(url, bytes(100), "text/html"),
        on_s3.put(url, bytes(100), None),
        on_s3.put(url.split("?")[0], bytes(100)),
        on_s3.put(url.replace("speaker.wav", "other.wav"), bytes(100)),
        on_s3.put(with_parameters(url, **{"X-Amz-Expires": "604800"}), bytes(100)),
        on_s3.put(slot["public_url"], bytes(100)),
        on_s3.http.put(url, content=bytes(100), headers={"Content-Type": "audio/wav", "x-amz-meta-voxport": "forged"}),
    ]
    assert {answer.status_code for answer in refused} <= {400, 403}
    assert on_s3.gateway.storage.size(slot["object_key"]) is None
    assert on_s3.put(url, bytes(100)).status_code == 200


def test_a_url_that_has_expired_is_refused(make_gateway: MakeGateway, s3: S3Server) -> None:
    client = open_client(make_gateway(upload_expiry_seconds=1, **s3.new_storage()))
    slot = client.upload_slot()
    deadline = time.time() + 30
    while client.put(slot["upload_url"], DATA).status_code == 200:
        assert time.time() < deadline
        time.sleep(0.2)
    client.gateway.storage.put(slot["object_key"], DATA)
    assert client.http.get(slot["public_url"]).status_code in (400, 403)
    assert error_of(clone(client, slot["public_url"]))["code"] == "bad_signature"


@pytest.mark.parametrize("content_type", ["video/webm;codecs=vp8,opus", "Audio/WebM; codecs=opus", "audio/webm;"])
def test_the_type_is_signed_as_the_client_writes_it(on_s3: GatewayClient, content_type: str) -> None:
    kind = "video" if content_type.startswith("video") else "audio"
    slot = on_s3.upload_slot(media_type=kind, filename="a.webm", content_type=content_type)
    assert on_s3.put(slot["upload_url"], DATA, content_type).status_code == 200
    (row,) = on_s3.get("/v1/media").json()["data"]
    assert row["size_bytes"] == len(DATA)


def test_an_upload_is_a_sample_without_a_request_to_its_url(
    customer: GatewayClient, fake_env_on_s3: FakeProviderEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxport.samples.loader.fetch", None)
    monkeypatch.setattr("voxport.samples.loader.precheck_url", None)
    answer = clone(customer, customer.upload(DATA)["public_url"])
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job"]["id"]
    work(customer, job_id)
    assert customer.get(f"/v2/jobs/{job_id}").json()["status"] == "completed"


def test_only_the_owner_uses_an_upload_and_only_once_it_is_there(customer: GatewayClient) -> None:
    slot = customer.upload_slot()
    assert error_of(clone(customer, slot["public_url"]))["code"] == "media_not_found"
    customer.put(slot["upload_url"], DATA)
    other = customer.another_customer()
    for url in (slot["public_url"], slot["upload_url"]):
        assert error_of(clone(other, url))["code"] == "media_not_found"
    refused = error_of(clone(customer, slot["upload_url"]))
    assert (refused["code"], "public_url" in refused["message"]) == ("audio_url_unusable", True)
    assert clone(customer, slot["public_url"]).status_code == 202


@pytest.mark.parametrize(
    "forge",
    [
        lambda url: url.replace("x-voxport=get.", "x-voxport=put."),
        lambda url: with_parameters(url, **{"x-voxport": None}),
        lambda url: url.replace("x-voxport=get.1", "x-voxport=get.9"),
        lambda url: url + "&x-voxport=" + parameters(url)["x-voxport"],
        lambda url: url.replace("/speaker.wav", "/a/speaker.wav"),
    ],
)
def test_a_forged_url_is_no_own_url(customer: GatewayClient, forge: object) -> None:
    """It is fetched as any other: the server's address is private, and so it is refused."""
    url = forge(customer.upload(DATA)["public_url"])  # type: ignore[operator]
    assert error_of(clone(customer, url))["code"] == "audio_url_unusable"


def test_uploads_are_listed_and_read_once_they_are_there(on_s3: GatewayClient) -> None:
    slots = [on_s3.upload_slot(filename=f"{number}.wav") for number in range(3)]
    assert on_s3.get("/v1/media").json()["data"] == []
    on_s3.put(slots[0]["upload_url"], DATA)
    on_s3.put(slots[2]["upload_url"], DATA)
    assert [row["key"] for row in on_s3.get("/v1/media").json()["data"]] == [
        slots[2]["object_key"],
        slots[0]["object_key"],
    ]
    on_s3.put(slots[1]["upload_url"], DATA)
    found = on_s3.get(f"/v1/media/{slots[1]['object_key']}").json()["data"]
    assert (found["size_bytes"], found["content_type"]) == (len(DATA), "audio/wav")
    assert on_s3.http.get(found["url"]).content == DATA
    assert on_s3.delete(f"/v1/media/{slots[1]['object_key']}").status_code == 200
    assert on_s3.gateway.storage.size(slots[1]["object_key"]) is None
    assert on_s3.get(f"/v1/media/{slots[1]['object_key']}").status_code == 404


def test_a_list_without_expected_uploads_asks_the_storage_nothing(on_s3: GatewayClient) -> None:
    on_s3.upload(DATA)
    assert len(on_s3.get("/v1/media").json()["data"]) == 1
    with requests_to(on_s3.gateway.storage) as sent:
        assert len(on_s3.get("/v1/media").json()["data"]) == 1
    assert sent == []


@pytest.mark.parametrize(("size", "code"), [(2_001, "media_too_large"), (0, "validation_failed")])
def test_a_file_that_breaks_its_limits_is_refused_at_its_use_and_the_url_is_still_good(
    make_gateway: MakeGateway, s3: S3Server, tmp_path: Path, size: int, code: str
) -> None:
    catalog = Path("src/voxport/catalog.yaml").read_text("utf-8")
    small = tmp_path / "catalog.yaml"
    small.write_text(re.sub(r"upload_audio_bytes: .*", "upload_audio_bytes: 2000", catalog), "utf-8")
    env = with_fake_provider(make_gateway, catalog_file=small, **s3.new_storage())
    client = open_client(env.gateway)
    slot = client.upload_slot()
    client.put(slot["upload_url"], bytes(size))
    assert client.get("/v1/media").json()["data"] == []
    assert error_of(clone(client, slot["public_url"]))["code"] == code
    assert client.gateway.storage.size(slot["object_key"]) is None
    client.put(slot["upload_url"], bytes(2_000))
    assert clone(client, slot["public_url"]).status_code == 202


def test_a_file_of_another_type_is_refused_at_its_use(customer: GatewayClient) -> None:
    """A server that does not check the type that is signed, as some doubles do."""
    slot = customer.upload(DATA)

    def change_type(*, parsed: Any, **_: object) -> None:
        parsed["ContentType"] = "text/html"

    with hooked(customer.gateway.storage, "after-call.s3.HeadObject", change_type):
        assert error_of(clone(customer, slot["public_url"]))["code"] == "unsupported_media"
    assert customer.gateway.storage.size(slot["object_key"]) is None


def test_a_second_put_after_the_first_use_is_refused_at_the_next_use(customer: GatewayClient) -> None:
    slot = customer.upload(DATA)
    assert clone(customer, slot["public_url"]).status_code == 202
    customer.put(slot["upload_url"], DATA + b"more")
    assert error_of(clone(customer, slot["public_url"]))["code"] == "already_uploaded"
    make_older(customer, slot["object_key"], seconds=86_400 + 5)
    assert customer.gateway.media.sweep_uploads() == 1
    assert error_of(clone(customer, slot["public_url"]))["code"] == "media_not_found"
    assert customer.gateway.storage.size(slot["object_key"]) is None


def test_a_file_that_the_gateway_wrote_itself_is_no_second_put(customer: GatewayClient) -> None:
    """A restore and a move write the file later than it was uploaded."""
    slot = customer.upload(DATA)
    assert clone(customer, slot["public_url"]).status_code == 202
    make_older(customer, slot["object_key"], hours=1)
    with customer.gateway.database.transaction() as tx:
        tx.execute(update(Media).values(uploaded_at=now() - timedelta(hours=1)))
    customer.gateway.storage.put(slot["object_key"], DATA)
    assert clone(customer, slot["public_url"]).status_code == 202


def test_a_file_that_breaks_its_limits_and_is_not_used_does_not_stay(make_gateway: MakeGateway, s3: S3Server) -> None:
    client = open_client(make_gateway(max_stored_bytes=1_000, **s3.new_storage()))
    slot = client.upload(bytes(2_000))
    key, media = slot["object_key"], client.gateway.media
    make_older(client, key, seconds=65)
    assert media.sweep_uploads() == 0
    assert client.gateway.storage.size(key) == 2_000
    make_older(client, key, seconds=16 * 60 + 5)
    assert media.sweep_uploads() == 1
    assert client.gateway.storage.size(key) is None


def test_the_quota_counts_what_came_past_the_gateway(make_gateway: MakeGateway, s3: S3Server) -> None:
    env = with_fake_provider(make_gateway, max_stored_bytes=3_000, **s3.new_storage())
    client = open_client(env.gateway)
    assert error_of(client.request_upload(size_bytes=3_001))["code"] == "storage_full"
    first, second = client.upload_slot(), client.upload_slot()
    client.put(first["upload_url"], bytes(2_000))
    client.put(second["upload_url"], bytes(2_000))
    assert clone(client, first["public_url"]).status_code == 202
    assert error_of(clone(client, second["public_url"]))["code"] == "storage_full"
    assert client.gateway.storage.size(second["object_key"]) is None
    assert clone(client, first["public_url"]).status_code == 202, "its bytes count once"


def test_the_worker_finds_uploads_at_ages_that_double(customer: GatewayClient) -> None:
    slot = customer.upload(DATA)
    key, media = slot["object_key"], customer.gateway.media
    media.sweep_uploads()
    with requests_to(customer.gateway.storage) as looks:
        for seconds in (30, 200, 700):  # between two looks
            make_older(customer, key, seconds=seconds)
            assert media.sweep_uploads() == 0
        assert looks == []
        make_older(customer, key, seconds=4 * 60 + 5)
        assert media.sweep_uploads() == 1
        assert media.totals(customer.profile_id)["upload"] == (1, len(DATA))
        assert [one.operation for one in looks] == ["HeadObject"]
        make_older(customer, key, seconds=8 * 60 + 5)
        assert (media.sweep_uploads(), len(looks)) == (0, 1), "it is known"
        make_older(customer, key, seconds=86_400 + 5)
        assert (media.sweep_uploads(), len(looks)) == (0, 2), "it could be sent again until now"


def test_a_file_that_was_sent_after_its_upload_was_deleted_is_swept_and_no_other(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, deleted = customer.upload(DATA), customer.upload(DATA)
    storage = customer.gateway.storage
    assert customer.delete(f"/v1/media/{deleted['object_key']}").status_code == 200
    customer.put(deleted["upload_url"], DATA)
    storage.put("uploads/prof_of_another_gateway/audio/a/b.wav", DATA)
    assert customer.gateway.media.sweep_uploads() == 0, "it is new"
    monkeypatch.setattr("voxport.media.direct_uploads._ORPHAN_AGE", timedelta(seconds=-60))
    monkeypatch.setattr("voxport.media.direct_uploads._ORPHAN_SWEEP_SECONDS", 0.0)
    assert customer.gateway.media.sweep_uploads() == 1
    assert sorted(storage.list("uploads")) == sorted(
        [kept["object_key"], "uploads/prof_of_another_gateway/audio/a/b.wav"]
    )


def test_speech_is_read_from_the_storage_in_each_of_its_formats(customer: GatewayClient) -> None:
    for name, content_type in (("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("pcm", "audio/L16;rate=24000;channels=1")):
        spoken = customer.post(TTS, {"text": "Hello there.", "voice_id": "hum", "output_format": name})
        assert spoken.status_code == 200, spoken.text
        data = spoken.json()["data"]
        shown = customer.get(f"/v1/media/{data['key']}").json()["data"]
        for url in (data["url"], shown["url"]):
            answer = customer.http.get(url)
            assert answer.headers["content-type"] == content_type
            assert len(answer.content) == shown["size_bytes"]
    job = customer.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Prefer": "respond-async"}).json()["job"]
    work(customer, job["id"])
    done = customer.get(f"/v2/jobs/{job['id']}").json()
    assert customer.http.get(done["result_data"]["url"]).status_code == 200


def test_a_stored_call_costs_one_request_to_the_storage(customer: GatewayClient) -> None:
    with requests_to(customer.gateway.storage) as sent:
        spoken = customer.post(TTS, {"text": "Hello there.", "voice_id": "hum", "output_format": "wav"})
    assert spoken.status_code == 200
    assert [one.operation for one in sent] == ["PutObject"]


def test_a_repeated_call_is_answered_from_the_storage(customer: GatewayClient) -> None:
    body = {"text": "Hello there.", "voice_id": "hum", "output_format": "wav", "stream": True}
    first, again = (customer.post(TTS, body, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"


def test_an_outage_is_503_and_costs_nothing(make_gateway: MakeGateway, s3: S3Server) -> None:
    env = with_fake_provider(make_gateway, **s3.new_storage())
    client = open_client(env.gateway)
    slot = client.upload(DATA)
    before = client.balance()

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url=s3.endpoint)

    with hooked(client.gateway.storage, "before-call.s3", fail):
        for answer in (
            client.post(TTS, {"text": "Hello there.", "voice_id": "hum"}),
            clone(client, slot["public_url"]),
            client.get(f"/v1/media/{slot['object_key']}"),
        ):
            assert answer.status_code == 503
            assert error_of(answer)["code"] == "storage_unavailable"
        assert client.balance() == before
        assert client.http.get("/readyz").json()["checks"]["storage"] == "failing"
    assert clone(client, slot["public_url"]).status_code == 202


def test_an_erased_profile_leaves_nothing_in_the_storage(customer: GatewayClient) -> None:
    other = customer.another_customer()
    for one in (customer, other):
        work(one, clone(one, one.upload(DATA)["public_url"]).json()["job"]["id"])
        one.post(TTS, {"text": "Hello.", "voice_id": "hum"}, headers={"Idempotency-Key": "once"})
    before = set(customer.gateway.storage.list())
    assert customer.gateway.erasure.erase(customer.profile_id, actor=CLI).left == []
    after = set(customer.gateway.storage.list())
    assert len(after) == len(before) / 2
    assert not any(customer.profile_id in key for key in after)
    assert customer.gateway.voices.storage_usage(other.profile_id)[0] == 1


def test_urls_from_before_the_move_to_s3_lead_there(s3: S3Server, make_gateway: MakeGateway) -> None:
    gateway = make_gateway(**s3.new_storage())
    client = open_client(gateway)
    slot = client.upload(DATA)
    client.get("/v1/media")
    old = gateway.signer.url(Grant("get", slot["object_key"], int(time.time()) + 60))
    answer = client.http.get(old)
    assert answer.status_code == 307
    assert client.http.get(answer.headers["location"]).content == DATA
    head = client.http.head(old)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(DATA)))
    fresh = client.upload_slot()["object_key"]
    assert client.http.get(gateway.signer.url(Grant("get", fresh, int(time.time()) + 60))).status_code == 404
    expires = int(time.time()) + 60
    put = gateway.signer.url(Grant("put", fresh, expires, content_type="audio/wav", max_bytes=10**6))
    assert client.put(put, DATA).status_code == 200
    assert error_of(client.put(put, DATA))["code"] == "already_uploaded"
    assert gateway.storage.read(fresh) == DATA


def test_presigning_takes_less_than_a_millisecond_of_processor_time(s3: S3Server) -> None:
    settings = settings_for(Path("unused"), **s3.new_storage())
    storage = open_storage(settings.storage)
    assert isinstance(storage, S3Storage)
    fastest = 1.0
    for _ in range(20):
        begin = time.thread_time()
        storage.presign_get("audio/tts/a/b.mp3", content_type="audio/mpeg", expires_in=60, tag="t")
        fastest = min(fastest, time.thread_time() - begin)
    assert fastest < 0.001
