"""GET /v1/media, GET and DELETE /v1/media/{key}: a profile sees and deletes its own files only."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import text

from tests.conftest import MakeClient
from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from tests.support.server import send_raw, serving
from voxport.errors import NotFound, SampleUnusable
from voxport.jobs.runner import JobRunner
from voxport.samples.loader import SampleLoader

MEDIA = "/v1/media"
TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"


def speak(client: GatewayClient) -> str:
    answer = client.post(TTS, {"text": "Hello.", "voice_id": "hum"})
    assert answer.status_code == 200, answer.text
    key: str = answer.json()["data"]["key"]
    return key


def listed(client: GatewayClient, query: str = "") -> list[str]:
    answer = client.get(f"{MEDIA}?{query}")
    assert answer.status_code == 200, answer.text
    return [row["key"] for row in answer.json()["data"]]


def not_found(answer: Any) -> None:
    assert answer.status_code == 404, answer.text
    assert error_of(answer)["code"] == "media_not_found"


def test_uploads_and_speech_are_listed_newest_first_with_their_facts(customer: GatewayClient) -> None:
    upload = customer.upload(b"x" * 321)["object_key"]
    speech = speak(customer)
    body = customer.get(MEDIA).json()
    assert (body["status"], body["next_cursor"]) == ("success", None)
    first, second = body["data"]
    assert (first["key"], first["kind"], first["content_type"]) == (speech, "speech", "audio/mpeg")
    assert first.pop("created_at") >= second.pop("created_at")
    assert second == {"key": upload, "kind": "upload", "content_type": "audio/wav", "size_bytes": 321}
    assert listed(customer, "kind=upload") == [upload]
    assert listed(customer, "kind=speech") == [speech]


def test_pages_hold_every_file_once(client: GatewayClient) -> None:
    keys = [client.upload()["object_key"] for _ in range(5)][::-1]
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"{MEDIA}?limit=2{cursor}").json()
        seen += [row["key"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == keys


@pytest.mark.parametrize("query", ["kind=voice", "kind=", "limit=0", "limit=201", "cursor=!", "cursor=LTE"])
def test_a_query_that_makes_no_sense_is_refused(client: GatewayClient, query: str) -> None:
    assert client.get(f"{MEDIA}?{query}").status_code == 422


def test_a_file_has_a_fresh_url_that_works(client: GatewayClient) -> None:
    key = client.upload(b"the very bytes")["object_key"]
    data = client.get(f"{MEDIA}/{key}").json()["data"]
    assert data["expires_in"] == client.gateway.settings.media_url_expiry_seconds
    assert urlsplit(data["url"]).path.endswith(f"/{key}")
    assert client.http.get(data["url"]).content == b"the very bytes"
    assert (data["key"], data["kind"], data["size_bytes"]) == (key, "upload", 14)


@pytest.mark.folder_only("a signed URL that ends with its file")
def test_a_deleted_file_is_gone_everywhere_and_a_second_deletion_finds_nothing(client: GatewayClient) -> None:
    slot = client.upload()
    key = slot["object_key"]
    url = client.get(f"{MEDIA}/{key}").json()["data"]["url"]
    answer = client.delete(f"{MEDIA}/{key}")
    assert answer.status_code == 200
    assert answer.json() == {"status": "success", "data": {"key": key, "deleted": True}}
    not_found(client.delete(f"{MEDIA}/{key}"))
    not_found(client.get(f"{MEDIA}/{key}"))
    not_found(client.http.get(url))
    assert listed(client) == []
    assert not (client.gateway.settings.data_dir / "files" / key).exists()
    not_found(client.put(slot["upload_url"], b"again"))
    assert not (client.gateway.settings.data_dir / "files" / key).exists()


def test_of_many_that_delete_at_once_one_has_done_it(client: GatewayClient) -> None:
    key = client.upload()["object_key"]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(client.delete(f"{MEDIA}/{key}").status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [404] * 7


def test_a_file_of_another_profile_is_not_there(client: GatewayClient) -> None:
    key = client.upload()["object_key"]
    other = client.another_customer()
    not_found(other.get(f"{MEDIA}/{key}"))
    not_found(other.delete(f"{MEDIA}/{key}"))
    assert listed(other) == []
    assert client.get(f"{MEDIA}/{key}").status_code == 200


ODD = [
    "",
    "/",
    "nothing",
    "../../secret.key",
    "../voxport.db",
    "..",
    ".incoming",
    "%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd",
    "uploads//x",
    "uploads\\..\\x",
    "a" * 2000,
    "ä/😀",
    "a\nb",
    "' OR 1=1 --",
    "%",
    "audio/tts/%",
    "*",
]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("key", ODD, ids=range(len(ODD)))
def test_a_key_with_odd_characters_is_not_there(client: GatewayClient, method: str, key: str) -> None:
    client.upload()
    answer = client.request(method, f"{MEDIA}/{quote(key, safe='')}")
    assert answer.status_code == 404
    assert error_of(answer)["code"] in ("media_not_found", "not_found")  # keys that are no valid path match no route
    assert len(listed(client)) >= 1


@pytest.mark.parametrize("path", ["/../../secret.key", "/%2e%2e/%2e%2e/secret.key", "/..%2f..%2fsecret.key", "/%ff%fe"])
def test_a_path_that_no_client_library_would_send_deletes_nothing(make_client: MakeClient, path: str) -> None:
    client = make_client()
    with serving(client) as port:
        head = f"DELETE {MEDIA}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n"
        answer = send_raw(port, f"{head}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404"), answer
    assert (client.gateway.settings.data_dir / "secret.key").is_file()


def test_a_place_that_nothing_was_sent_to_is_no_file_yet(client: GatewayClient) -> None:
    slot = client.upload_slot()
    not_found(client.get(f"{MEDIA}/{slot['object_key']}"))
    not_found(client.delete(f"{MEDIA}/{slot['object_key']}"))
    assert listed(client) == []
    assert client.put(slot["upload_url"], b"now").status_code == 200
    assert listed(client) == [slot["object_key"]]


def test_speech_that_is_being_made_is_neither_seen_nor_deleted(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    seen: list[tuple[list[str], int]] = []

    def look(_: int) -> None:
        with fake_env.gateway.database.snapshot() as tx:
            (key,) = tx.scalars(text("SELECT key FROM media"))
        seen.append((listed(customer), customer.delete(f"{MEDIA}/{key}").status_code))

    fake_env.provider.on_piece = look
    key = speak(customer)
    assert seen == [([], 404)]
    assert customer.get(f"{MEDIA}/{key}").status_code == 200


def test_a_job_whose_sample_was_deleted_says_so_and_costs_nothing(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    slot = customer.upload()
    job_id = customer.post(CLONE, {"audioUrl": slot["public_url"], "provider": "local"}).json()["job"]["id"]
    assert customer.delete(f"{MEDIA}/{slot['object_key']}").status_code == 200
    runner = JobRunner(fake_env.gateway.jobs, fake_env.gateway.handlers)
    runner.begin(job_id)
    runner.run_step(job_id, "sample", {})
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["error"]["code"], job["token_cost"]) == ("failed", "media_not_found", 0)
    assert customer.balance()["held"] == 0


def test_a_sample_that_is_deleted_while_it_is_read_is_gone_and_not_called_broken(
    client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder then finds no file, which it would otherwise report as an unreadable file."""
    key = client.upload()["object_key"]
    samples: SampleLoader = client.gateway.cloning._samples
    decode = samples._decode

    def deleted_before(path: Path, **options: Any) -> Any:
        assert client.delete(f"{MEDIA}/{key}").status_code == 200
        return decode(path, **options)

    monkeypatch.setattr(samples, "_decode", deleted_before)
    with pytest.raises(NotFound, match="no longer there"):
        samples.load(key)
    monkeypatch.undo()
    still = client.upload(b"no audio at all")["object_key"]
    with pytest.raises(SampleUnusable):
        samples.load(still)


def test_a_voice_is_not_lost_with_the_upload_that_it_was_made_from(
    fake_env: FakeProviderEnv, customer: GatewayClient
) -> None:
    slot = customer.upload()
    job_id = customer.post(CLONE, {"audioUrl": slot["public_url"], "provider": "local"}).json()["job"]["id"]
    runner = JobRunner(fake_env.gateway.jobs, fake_env.gateway.handlers)
    runner.begin(job_id)
    results: dict[str, dict[str, Any]] = {}
    for name in ("sample", "clone", "register"):
        results[name] = runner.run_step(job_id, name, results) or {}
    voice_id = customer.get(f"/v2/jobs/{job_id}").json()["result_data"]["voice_id"]
    customer.delete(f"{MEDIA}/{slot['object_key']}")
    assert customer.post(TTS, {"text": "Hello.", "voice_id": voice_id}).status_code == 200
    assert fake_env.gateway.storage.size(f"samples/{voice_id}/sample.flac") is not None


def test_where_storage_refuses_the_file_stays_and_can_be_deleted_later(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    key = client.upload()["object_key"]

    def refuses(key: str) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(client.gateway.storage, "delete", refuses)
        answer = client.delete(f"{MEDIA}/{key}")
        assert error_of(answer)["code"] == "storage_unavailable"
        assert "Read-only" not in answer.text
    assert listed(client) == [key]
    assert client.delete(f"{MEDIA}/{key}").status_code == 200


def test_the_files_of_a_profile_are_listed_alike_on_both_databases(both: GatewayClient) -> None:
    keys = [both.upload()["object_key"] for _ in range(3)]
    assert listed(both) == keys[::-1]
    assert both.delete(f"{MEDIA}/{keys[1]}").status_code == 200
    not_found(both.delete(f"{MEDIA}/{keys[1]}"))
    assert listed(both, "kind=upload&limit=1") == [keys[2]]
    path = urlsplit(both.get(f"{MEDIA}/{keys[0]}").json()["data"]["url"]).path
    assert path.endswith(f"/{keys[0]}")
