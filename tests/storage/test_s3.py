"""Storage on S3 keeps the promises of `Storage`, against a server that checks signatures."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.client import settings_for
from tests.support.s3 import S3Server
from tests.support.s3_traffic import hooked, refusal, requests_to
from voxport.storage.base import KeyExists, Storage, StorageError, StorageUnavailable
from voxport.storage.config import S3Options, StorageConfig, open_storage
from voxport.storage.deletion_lock import BackupRunning
from voxport.storage.s3 import storage as s3_storage
from voxport.storage.s3.connection import connect
from voxport.storage.s3.storage import S3Storage
from voxport.storage.s3.writing import S3Upload, copy_object, part_ranges
from voxport.transient_errors import as_unavailable

MiB = 1 << 20
TEXT = bytes(range(256)) * 40


def opened(s3: S3Server, **changes: str) -> S3Storage:
    settings = settings_for(Path("unused"), **{**s3.new_storage(), **changes})
    storage = open_storage(settings.storage)
    assert isinstance(storage, S3Storage)
    return storage


@pytest.fixture
def storage(s3: S3Server) -> S3Storage:
    return opened(s3)


@pytest.fixture
def unreachable(s3: S3Server) -> Iterator[S3Storage]:
    """Storage whose server refuses connections."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield opened(s3, s3_endpoint_url=f"http://127.0.0.1:{closed.getsockname()[1]}", s3_timeout="1")


def test_a_file_is_read_as_it_was_written_in_each_way(storage: S3Storage) -> None:
    storage.put("a/put", TEXT)
    with storage.create("a/created") as upload:
        upload.write(TEXT[:100])
        upload.write(TEXT[100:])
        upload.commit()
    with storage.writable_path("a/path") as path:
        path.write_bytes(TEXT)
    for key in ("a/put", "a/created", "a/path"):
        assert storage.read(key) == TEXT
        with storage.open(key) as file:
            assert file.read(7) == TEXT[:7]
        with storage.local_copy(key) as copy:
            assert copy.read_bytes() == TEXT
        found = storage.stat(key)
        assert found is not None
        assert (found.size, found.is_from_client, storage.size(key)) == (len(TEXT), False, len(TEXT))
    assert list(storage.list()) == ["a/created", "a/path", "a/put"]
    assert {one.key: one.size for one in storage.scan("a")} == dict.fromkeys(
        ("a/put", "a/created", "a/path"), len(TEXT)
    )
    storage.put("a/put", b"another")
    assert storage.read("a/put") == b"another"


def test_what_was_not_committed_is_not_there_and_what_is_missing_is_not_found(storage: S3Storage) -> None:
    with storage.create("a/b") as upload:
        upload.write(bytes(6 * MiB))
    with pytest.raises(ZeroDivisionError), storage.writable_path("a/b") as path:
        path.write_bytes(TEXT)
        raise ZeroDivisionError
    assert storage.size("a/b") is None
    assert storage.stat("a/b") is None
    assert not list(storage._bucket.multiparts("")), "the unfinished upload was discarded"
    for read in (storage.read, storage.open, lambda key: storage.local_copy(key).__enter__()):
        with pytest.raises(FileNotFoundError):
            read("a/b")
    storage.delete("a/b")


@pytest.mark.parametrize("key", ["../a", "a//b", "/a", "a/", ".hidden/a", "a/b c", "a/b?x=1", "a\nb", "a/" * 16 + "b"])
def test_a_key_that_could_name_something_else_is_refused(storage: S3Storage, key: str) -> None:
    for use in (storage.read, storage.size, storage.create, storage.delete, lambda key: storage.put(key, b"")):
        with pytest.raises(ValueError, match="not a storage key"):
            use(key)


def test_a_large_file_is_written_in_parts_and_read_whole(storage: S3Storage) -> None:
    content = bytes(range(251)) * 150_000
    with requests_to(storage) as sent, storage.writable_path("a/large") as path:
        path.write_bytes(content)
    parts = [one.size for one in sent if one.operation == "UploadPart"]
    assert parts == [16 * MiB, 16 * MiB, len(content) - 32 * MiB]
    with storage.local_copy("a/large") as copy:
        assert copy.read_bytes() == content


def test_a_stored_file_costs_one_request(storage: S3Storage) -> None:
    with requests_to(storage) as sent:
        with storage.writable_path("audio/tts/a/b.mp3") as path:
            path.write_bytes(TEXT)
        assert storage.presign_get("audio/tts/a/b.mp3", content_type="audio/mpeg", expires_in=60, tag="t") is not None
    assert [one.operation for one in sent] == ["PutObject"]


def test_unfinished_uploads_are_discarded_after_two_days(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = S3Upload(storage._bucket, "files/a/b")
    upload.write(bytes(6 * MiB))
    assert storage.sweep_abandoned() == 0
    monkeypatch.setattr(s3_storage, "_ABANDONED_AGE", -s3_storage._ABANDONED_AGE)
    assert storage.sweep_abandoned() == 0, "once an hour is enough"
    storage._swept_at -= 3600
    assert storage.sweep_abandoned() == 1
    assert not list(storage._bucket.multiparts(""))


def test_a_second_writer_of_a_new_file_is_told_where_the_service_can(storage: S3Storage) -> None:
    """rclone ignores the condition: the answer of a service that knows it is put in its place."""
    codes = ["PreconditionFailed", "NotImplemented"]

    def refuse(*, params: Any, **_: object) -> None:
        if "If-None-Match" in params["headers"]:
            raise refusal("PutObject", codes.pop(0))

    storage.put("a/b", b"first")
    with requests_to(storage) as sent, hooked(storage, "before-call.s3", refuse):
        with storage.create("a/b") as upload, pytest.raises(KeyExists):
            upload.commit()
        assert storage.read("a/b") == b"first"
        with storage.create("a/c") as upload:
            upload.write(b"second")
            upload.commit()
    assert storage.read("a/c") == b"second"
    assert [one.headers.get("If-None-Match") for one in sent if one.operation == "PutObject"] == ["*", "*", None]


def test_a_write_that_was_repeated_after_a_lost_answer_is_not_taken_for_anothers(storage: S3Storage) -> None:
    def lose_answer(*, model: Any, **_: object) -> None:
        if model.name == "PutObject":
            raise refusal(model.name, "PreconditionFailed")
        if model.name == "CompleteMultipartUpload":
            raise refusal(model.name, "NoSuchUpload")

    with hooked(storage, "after-call.s3", lose_answer):
        for size in (100, 6 * MiB):
            with storage.create(f"a/{size}") as upload:
                upload.write(bytes(size))
                upload.commit()
            assert storage.size(f"a/{size}") == size


def test_a_download_that_breaks_off_is_continued(storage: S3Storage) -> None:
    content = bytes(range(256)) * 20_000
    storage.put("a/b", content)
    answers = 0

    class Breaking:
        def __init__(self, body: Any) -> None:
            self.body, self.left = body, 1_500_000

        def read(self, size: int) -> Any:
            if self.left <= 0:
                raise ConnectionResetError
            self.left -= size
            return self.body.read(size)

        def close(self) -> None:
            self.body.close()

    def break_twice(*, parsed: Any, **_: object) -> None:
        nonlocal answers
        answers += 1
        if answers < 3:
            parsed["Body"] = Breaking(parsed["Body"])

    with requests_to(storage) as sent, hooked(storage, "after-call.s3.GetObject", break_twice):
        assert storage.read("a/b") == content
    offsets = [int(one.headers.get("Range", "bytes=0-")[6:-1]) for one in sent]
    assert offsets[0] == 0
    assert 0 < offsets[1] < offsets[2] < len(content)


def test_a_copy_inside_the_service_has_the_same_content(storage: S3Storage) -> None:
    storage.put("a/b", TEXT)
    copy_object(storage._bucket, "files/a/b", "files/a/c")
    assert storage.read("a/c") == TEXT
    with pytest.raises(FileNotFoundError):
        copy_object(storage._bucket, "files/a/none", "files/a/c")


def test_a_large_copy_is_made_of_parts_without_gap_or_overlap() -> None:
    for size in (5 * 10**9 + 1, 12 * 10**9, 5 * 2**40):
        ranges = part_ranges(size, 512 * MiB)
        assert len(ranges) <= 10_000
        assert ranges[0][0] == 0
        assert ranges[-1][1] == size - 1
        assert all(last + 1 == first for (_, last), (first, _) in pairwise(ranges))


def test_a_large_copy_that_is_not_whole_is_an_error(storage: S3Storage) -> None:
    """rclone answers UploadPartCopy, and copies nothing (its issue 7454)."""
    storage.put("a/b", bytes(6 * MiB))
    with pytest.raises(StorageUnavailable):
        copy_object(storage._bucket, "files/a/b", "files/a/c", max_copy_bytes=MiB, part_bytes=5 * MiB)
    assert storage.read("a/b") == bytes(6 * MiB)


def test_files_that_are_deleted_during_a_backup_are_there_until_its_end(s3: S3Server) -> None:
    config = s3.new_storage()
    backup, gateway = opened(s3, **config), opened(s3, **config)
    gateway.put("uploads/a/b", b"x")
    gateway.delete("uploads/none")  # it has looked just now
    with backup.hold_deletions():
        gateway.delete("uploads/a/b")
        assert gateway.size("uploads/a/b") is None
        gateway._swept_at -= 3600
        gateway.sweep_abandoned()
        assert list(backup.list()) == ["uploads/a/b"]
        with backup.open("uploads/a/b") as file:
            assert file.read() == b"x"
    assert list(backup.list()) == []
    assert not [one for one in backup._bucket.scan("") if not one.key.endswith("ready")]


def test_one_backup_runs_at_a_time_and_a_killed_one_blocks_none(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    config = s3.new_storage()
    first, second = opened(s3, **config), opened(s3, **config)
    monkeypatch.setattr("voxport.storage.s3.deletion_hold._TIMEOUT_SECONDS", 0.0)
    with first.hold_deletions(), pytest.raises(BackupRunning), second.hold_deletions():
        pass
    first._hold._mark("killed")
    assert second._hold._is_marked()
    monkeypatch.setattr("voxport.storage.s3.deletion_hold._VALID_SECONDS", -1.0)
    with second.hold_deletions():
        pass


def test_an_outage_is_an_error_of_the_disk_and_takes_bounded_time(unreachable: S3Storage) -> None:
    uses = (
        lambda: unreachable.put("a/b", b"x"),
        lambda: unreachable.read("a/b"),
        lambda: unreachable.size("a/b"),
        lambda: unreachable.delete("a/b"),
        lambda: list(unreachable.list()),
        unreachable.check,
    )
    failures: list[Exception] = []

    def run(use: object) -> None:
        try:
            use()  # type: ignore[operator]
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(use,)) for use in uses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(failures) == len(uses)
    for failure in failures:
        known = as_unavailable(failure)
        assert known is not None
        assert (known.status, known.code) == (503, "storage_unavailable")
        assert "127.0.0.1" not in str(failure)


def test_a_service_that_does_not_answer_is_asked_three_times(s3: S3Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.2)
        port = silent.getsockname()[1]
        storage = opened(s3, s3_endpoint_url=f"http://127.0.0.1:{port}", s3_timeout="0.1")
        with pytest.raises(StorageUnavailable, match="ReadTimeout"):
            storage.put("a/b", b"x")
        connections = []
        with pytest.raises(TimeoutError):
            while True:
                connections.append(silent.accept()[0])
    for one in connections:
        one.close()
    assert len(connections) == 3


@pytest.mark.parametrize(
    "change", [{"s3_secret_access_key": "another-secret-than-the-servers"}, {"storage_url": "s3://no-bucket"}]
)
def test_wrong_keys_and_a_missing_bucket_are_seen_by_the_check(s3: S3Server, change: dict[str, str]) -> None:
    with pytest.raises(StorageUnavailable, match=r"SignatureDoesNotMatch|NoSuchBucket"):
        opened(s3, **change).check()


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://ab",
        "s3:///a",
        "s3://bucket/a b",
        "s3://bucket/../a",
        "s3://b_/x?y=1",
        "gs://a/b",
        "file://host/a",
    ],
)
def test_a_url_that_names_no_storage_is_refused_with_its_forms(url: str) -> None:
    with pytest.raises(StorageError, match="s3://bucket/prefix"):
        open_storage(StorageConfig(url))


@pytest.mark.parametrize("url", ["s3://KEY:s3cret@bucket", "s3://KEY:a/s3cret@bucket", "file://ana:s3cret@host/a"])
def test_a_refused_url_is_shown_without_its_secrets(url: str) -> None:
    with pytest.raises(StorageError) as refused:
        open_storage(StorageConfig(url))
    assert "s3cret" not in str(refused.value)


def test_without_the_extra_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StorageError, match=r"install voxport\[s3\]"):
        open_storage(StorageConfig("s3://bucket/prefix", s3=S3Options(access_key_id="a", secret_access_key="b")))


def test_a_gateway_with_files_in_a_folder_does_not_load_the_library(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from voxport.gateway import open_gateway
from voxport.settings import Settings
open_gateway(Settings(_env_file=None, data_dir=Path({str(tmp_path / "data")!r}))).close()
print([name for name in sys.modules if name.startswith(("botocore", "voxport.storage.s3", "voxport.storage.fallback"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_addresses_of_both_styles_and_of_clients() -> None:
    keys = {"access_key_id": "key", "secret_access_key": "secret", "region": "eu-central-1"}

    def host(**options: object) -> str:
        config = StorageConfig("s3://bucket/a/b", s3=S3Options(**{**keys, **options}))  # type: ignore[arg-type]
        storage: Storage = open_storage(config)
        url = storage.presign_get("c/d.wav", content_type="audio/wav", expires_in=60, tag="t")
        assert url is not None
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    assert host() == "https://bucket.s3.eu-central-1.amazonaws.com/a/b/c/d.wav"
    assert host(addressing_style="path") == "https://s3.eu-central-1.amazonaws.com/bucket/a/b/c/d.wav"
    own = {"endpoint_url": "http://s3.internal:9000"}
    assert host(**own) == "http://s3.internal:9000/bucket/a/b/c/d.wav"
    assert host(**own, addressing_style="virtual") == "http://bucket.s3.internal:9000/a/b/c/d.wav"
    assert (
        host(**own, public_endpoint_url="https://media.example.com") == "https://media.example.com/bucket/a/b/c/d.wav"
    )


def test_keys_come_from_the_usual_chain_and_without_any_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    connect.cache_clear()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    url = open_storage(StorageConfig("s3://bucket")).presign_get(
        "a/b", content_type="audio/wav", expires_in=60, tag="t"
    )
    assert url is not None
    assert "from-the-environment%2F" in url
    assert "eu-west-3" in url
    connect.cache_clear()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(StorageError, match="VOXPORT_S3_ACCESS_KEY_ID"):
        open_storage(StorageConfig("s3://bucket"))


@pytest.mark.parametrize("given", ["s3_access_key_id", "s3_secret_access_key"])
def test_one_half_of_a_key_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(ValueError, match="need each other"):
        settings_for(tmp_path, storage_url="s3://bucket", **{given: "x"})


def test_a_presigned_url_does_only_what_it_was_signed_for(storage: S3Storage) -> None:
    storage.put("a/b.wav", TEXT)
    with httpx2.Client() as client:
        read = storage.presign_get("a/b.wav", content_type="audio/ogg", expires_in=60, tag="get.1.x") or ""
        answer = client.get(read)
        assert (answer.status_code, answer.content) == (200, TEXT)
        assert answer.headers["content-type"] == "audio/ogg"
        assert answer.headers["content-disposition"] == 'attachment; filename="b.wav"'
        for changed in (
            read.replace("/b.wav?", "/c.wav?"),
            read.replace("ogg", "wav"),
            read.replace("x-voxport=get.1.x", "x-voxport=get.2.x"),
            read.replace("Expires=60", "Expires=600"),
            read.split("?")[0],
        ):
            assert changed != read
            assert client.get(changed).status_code in (400, 403, 404)
            assert client.get(changed).content != TEXT
        assert client.put(read, content=b"x").status_code == 403
        assert client.delete(read).status_code == 403
    assert storage.read("a/b.wav") == TEXT
