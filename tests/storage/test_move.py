"""Files are moved between a folder and S3 while gateways use both: none is lost, and no deleted one is back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProviderEnv, with_fake_provider
from tests.support.jobs import work
from tests.support.s3 import S3Server
from tests.support.uploads import DATA
from voxport.cli.main import main
from voxport.storage.base import KeyExists, Storage, StorageError
from voxport.storage.config import StorageConfig, open_storage
from voxport.storage.fallback import PAIR_KEY, FallbackStorage, mark_target
from voxport.storage.local import LocalStorage
from voxport.storage.move import MoveReport, copy_files

TTS = "/v1/proxy/core-tts"
OWN_KEYS = {PAIR_KEY, "storage-move/batch"}


def nothing(done: int, total: int) -> None:
    pass


def contents(storage: Storage) -> dict[str, bytes]:
    return {key: storage.read(key) for key in storage.list() if key not in OWN_KEYS}


@pytest.fixture(params=["to-s3", "to-folder"])
def pair(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> tuple[Storage, Storage]:
    """The source and the target of a move."""
    on_s3 = open_storage(settings_for(tmp_path, **s3.new_storage()).storage)
    folder = LocalStorage(tmp_path / "folder")
    return (folder, on_s3) if request.param == "to-s3" else (on_s3, folder)


def fill(storage: Storage, count: int = 7) -> dict[str, bytes]:
    files = {f"audio/tts/{number}/a.mp3": bytes([number]) * (number * 1_000) for number in range(count)}
    files["samples/voice/sample.flac"] = bytes(range(256)) * 30_000
    for key, content in files.items():
        storage.put(key, content)
    return files


def copy(source: Storage, target: Storage, **options: Any) -> MoveReport:
    return copy_files(source, target, on_progress=nothing, **options)


def test_all_files_are_copied_and_a_second_run_copies_none(pair: tuple[Storage, Storage]) -> None:
    source, target = pair
    files = fill(source)
    report = copy(source, target)
    assert (report.copied, report.bytes, report.problems) == (len(files), sum(map(len, files.values())), [])
    assert contents(target) == contents(source) == files
    again = copy(source, target, compare_all=True)
    assert (again.copied, again.kept, again.problems) == (0, len(files), [])
    assert target.size("storage-move/batch") is None


def test_a_file_that_the_gateway_wrote_to_the_target_stays(pair: tuple[Storage, Storage]) -> None:
    source, target = pair
    fill(source)
    target.put("audio/tts/3/a.mp3", b"newer")
    assert copy(source, target).kept == 1
    assert target.read("audio/tts/3/a.mp3") == b"newer"
    assert copy(source, target, compare_all=True).problems == ["audio/tts/3/a.mp3 is another file in the target"]


class Interfering:
    """A storage during whose reads something happens."""

    def __init__(self, storage: Storage, on_open: Callable[[str], None]) -> None:
        self._storage = storage
        self._on_open = on_open

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def open(self, key: str) -> Any:
        file = self._storage.open(key)
        self._on_open(key)
        return file


def test_a_file_that_is_deleted_while_it_is_copied_is_not_back(pair: tuple[Storage, Storage]) -> None:
    source, target = pair
    files = fill(source)
    gateway = FallbackStorage(target, source)
    deleted = "audio/tts/3/a.mp3"

    def delete(key: str) -> None:
        if key == deleted:
            gateway.delete(key)

    report = copy(Interfering(source, delete), target)
    assert (report.gone, report.copied) == (1, len(files) - 1)
    del files[deleted]
    assert contents(target) == contents(gateway) == files


def test_a_file_that_is_deleted_during_a_backup_and_a_copy_is_not_back(tmp_path: Path) -> None:
    source, target = LocalStorage(tmp_path / "a"), LocalStorage(tmp_path / "b")
    files = fill(source)
    gateway = FallbackStorage(target, source)
    with gateway.hold_deletions():
        gateway.delete("audio/tts/3/a.mp3")
        assert set(gateway.list()) == set(files)
        with gateway.open("audio/tts/3/a.mp3") as file:
            assert file.read() == files["audio/tts/3/a.mp3"]
        copy(source, target)
    assert set(gateway.list()) == set(target.list()) - OWN_KEYS == set(files) - {"audio/tts/3/a.mp3"}


def test_a_killed_run_leaves_no_file_that_was_deleted_after_it(pair: tuple[Storage, Storage]) -> None:
    source, target = pair
    files = fill(source)
    deleted = "audio/tts/3/a.mp3"

    class Killed(BaseException):
        pass

    def kill(key: str) -> None:
        if key == deleted:
            # The source's file goes just before the copy is there, and the run dies before it looks.
            source.delete(key)
            raise Killed

    with pytest.raises(Killed):
        copy(Interfering(source, kill), target)
    target.put(deleted, files[deleted])
    report = copy(source, target)
    assert report.problems == []
    del files[deleted]
    assert contents(target) == files


def test_a_copy_that_differs_is_removed_and_made_again(pair: tuple[Storage, Storage]) -> None:
    source, target = pair
    files = fill(source)
    broken = "audio/tts/3/a.mp3"
    damage = [broken]

    def spoil(key: str) -> None:
        if key in damage:
            damage.remove(key)
            raise OSError("the copy differs from the source")

    class Spoiling(Interfering):
        def open(self, key: str) -> Any:
            self._on_open(key)
            return super().open(key)

    report = copy(source, Spoiling(target, spoil))
    assert len(report.problems) == 1
    assert broken in report.problems[0]
    assert json.loads(target.read("storage-move/batch"))
    assert copy(source, target).problems == []
    assert contents(target) == files


def test_a_wrong_copy_does_not_stay_in_the_target(
    pair: tuple[Storage, Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = pair
    fill(source, 1)
    digests = iter("abcdefgh")
    monkeypatch.setattr("voxport.storage.move._copy_stream", lambda file, write: (write(b"x"), next(digests)))
    report = copy(source, target)
    assert report.copied == 0
    assert len(report.problems) == 2
    assert contents(target) == {}


def test_the_two_are_one_storage_that_writes_to_the_first(pair: tuple[Storage, Storage]) -> None:
    source, target = pair
    both = FallbackStorage(target, source)
    source.put("a/old", b"old")
    source.put("a/changed", b"old")
    both.put("a/new", b"new")
    both.put("a/changed", b"new")
    with both.writable_path("a/path") as path:
        path.write_bytes(b"path")
    assert contents(both) == {"a/old": b"old", "a/new": b"new", "a/changed": b"new", "a/path": b"path"}
    assert set(contents(source)) == {"a/old", "a/changed"}
    for key, content in contents(both).items():
        with both.local_copy(key) as path:
            assert path.read_bytes() == content
        found = both.stat(key)
        assert found is not None
        assert found.size == both.size(key) == len(content)
    assert {one.key: one.size for one in both.scan("a")} == {key: len(one) for key, one in contents(both).items()}
    with pytest.raises(KeyExists):
        both.create("a/old")
    both.delete("a/changed")
    both.delete("a/old")
    assert both.size("a/changed") is None
    assert set(contents(both)) == {"a/new", "a/path"}
    for read in (both.read, both.open, lambda key: both.local_copy(key).__enter__()):
        with pytest.raises(FileNotFoundError):
            read("a/old")


def test_only_empty_storage_is_moved_to_and_none_is_moved_back_to_what_was_left_in_it(tmp_path: Path) -> None:
    one, other = (tmp_path / "one").as_uri(), (tmp_path / "other").as_uri()
    first = open_storage(StorageConfig(one))
    first.put("uploads/a/b", b"deleted later")
    both = open_storage(StorageConfig(other, one))
    both.put("uploads/c/d", b"new")
    open_storage(StorageConfig(other, f"{one}/"))  # a restart
    with pytest.raises(StorageError, match="not empty"):
        open_storage(StorageConfig(one, other))
    with pytest.raises(StorageError, match="give another"):
        open_storage(StorageConfig(one, f"{one}/"))
    first.delete("uploads/a/b")
    open_storage(StorageConfig(one, other))
    with pytest.raises(StorageError, match="not empty"):
        open_storage(StorageConfig(other, one))
    third = LocalStorage(tmp_path / "third")
    with pytest.raises(StorageError, match="not empty"):
        mark_target(both, other, third, (tmp_path / "third").as_uri())


@pytest.fixture
def moving(make_gateway: MakeGateway, s3: S3Server, tmp_path: Path) -> tuple[FakeProviderEnv, dict[str, Any]]:
    """A gateway with files in a folder, and the settings under which it is moved to S3."""
    folder = (tmp_path / "data" / "files").as_uri()
    env = with_fake_provider(make_gateway, data_dir=tmp_path / "data", storage_url=folder)
    return env, {**s3.new_storage(), "storage_fallback_url": folder}


def speak(client: GatewayClient) -> dict[str, Any]:
    answer = client.post(TTS, {"text": "Hello there.", "voice_id": "hum", "output_format": "wav"})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_a_gateway_serves_while_its_files_are_moved_to_s3_and_back(
    moving: tuple[FakeProviderEnv, dict[str, Any]], make_gateway: MakeGateway, tmp_path: Path
) -> None:
    env, options = moving
    client = open_client(env.gateway)
    slot, spoken, dropped = client.upload(DATA), speak(client), speak(client)
    late = client.upload_slot()
    clone = client.post("/v1/proxy/core-voice-clone", {"audioUrl": slot["public_url"], "provider": "local"})
    work(client, clone.json()["job"]["id"])

    def reopened(**settings: Any) -> GatewayClient:
        other = open_client(with_fake_provider(make_gateway, data_dir=tmp_path / "data", **settings).gateway)
        other.profile_id, other.key, other.principal = client.profile_id, client.key, client.principal
        return other

    def files(now: GatewayClient) -> dict[str, bytes]:
        rows = now.get("/v1/media").json()["data"]
        found = {row["key"]: now.get(f"/v1/media/{row['key']}").json()["data"]["url"] for row in rows}
        return {key: follow(now, url) for key, url in found.items()}

    def follow(now: GatewayClient, url: str) -> bytes:
        answer = now.http.get(url)
        while answer.status_code == 307:
            answer = now.http.get(answer.headers["location"])
        assert answer.status_code == 200, answer.text
        return answer.content

    during = reopened(**options)
    before = files(client)
    assert files(during) == before
    assert follow(during, slot["public_url"]) == DATA, "a URL from before"
    assert during.delete(f"/v1/media/{dropped['key']}").status_code == 200
    assert during.put(late["upload_url"], DATA).status_code == 200, "a slot from before"
    added = speak(during)
    assert {**files(during), dropped["key"]: b""}.keys() == {*before, late["object_key"], added["key"]}
    storage = cast(FallbackStorage, during.gateway.storage)  # behind what measures it
    expected = files(during)
    assert copy(storage._fallback, storage._primary).problems == []
    assert files(during) == expected

    after = reopened(**{**options, "storage_fallback_url": None})
    assert files(after) == expected
    for url in (slot["public_url"], spoken["url"]):
        assert follow(after, url) in expected.values()
    again = after.post("/v1/proxy/core-voice-clone", {"audioUrl": slot["public_url"], "provider": "local"})
    assert again.status_code == 202, again.text
    (voice,) = after.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]
    assert after.post(TTS, {"text": "Hello.", "voice_id": voice["voice_id"]}).status_code == 200
    expected = files(after)

    # And back, to a new folder. An upload slot of S3 is used after the switch.
    slot = after.upload_slot()
    folder = (tmp_path / "back").as_uri()
    during = reopened(**{**options, "storage_url": folder, "storage_fallback_url": options["storage_url"]})
    assert during.put(slot["upload_url"], DATA).status_code == 200
    expected[slot["object_key"]] = DATA
    assert files(during) == expected
    storage = cast(FallbackStorage, during.gateway.storage)  # behind what measures it
    assert copy(storage._fallback, storage._primary).problems == []
    after = reopened(storage_url=folder)
    assert files(after) == expected
    again = after.post("/v1/proxy/core-voice-clone", {"audioUrl": slot["public_url"], "provider": "local"})
    assert again.status_code == 202, "the gateway knows its URLs of S3 again"


def test_the_command_moves_and_says_what_to_do(
    moving: tuple[FakeProviderEnv, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, options = moving
    client = open_client(env.gateway)
    client.upload(DATA)
    monkeypatch.chdir(tmp_path)
    for name, value in options.items():
        monkeypatch.setenv(f"VOXPORT_{name.upper()}", value)
    source, target = options["storage_fallback_url"], options["storage_url"]
    runner = CliRunner()
    done = runner.invoke(main, ["admin", "storage", "move", source, target, "--data-dir", str(tmp_path / "data")])
    assert done.exit_code == 0, done.output
    assert f"1 files copied and compared ({len(DATA):,} bytes), 0 were in {target} already" in done.output
    done = runner.invoke(main, ["admin", "storage", "move", source, f"{target}/", "--compare"])
    assert "0 files copied and compared (0 bytes), 1 were" in done.output
    done = runner.invoke(main, ["admin", "storage", "move", target, source])
    assert done.exit_code == 1
    assert "--stopped" in done.output
    done = runner.invoke(main, ["admin", "storage", "move", target, source, "--stopped"])
    assert done.exit_code == 1
    assert "not empty" in done.output
    done = runner.invoke(main, ["admin", "storage", "move", target, (tmp_path / "new").as_uri(), "--stopped"])
    assert done.exit_code == 0, done.output
    assert contents(LocalStorage(tmp_path / "new")) == contents(LocalStorage(tmp_path / "data" / "files"))
    monkeypatch.setenv("VOXPORT_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    done = runner.invoke(main, ["admin", "storage", "move", source, target])
    assert (done.exit_code, "The storage does not answer" in done.output) == (1, True)


def test_a_command_that_is_killed_is_continued(s3: S3Server, tmp_path: Path) -> None:
    source = LocalStorage(tmp_path / "source")
    for number in range(400):
        source.put(f"audio/tts/{number}/a.mp3", f"{number}".encode() * 500)
    env = s3.new_storage_env()
    target = open_storage(
        settings_for(tmp_path, **{k.removeprefix("VOXPORT_").lower(): v for k, v in env.items()}).storage
    )
    command = [sys.executable, "-m", "voxport", "admin", "storage", "move", (tmp_path / "source").as_uri()]
    command += [env["VOXPORT_STORAGE_URL"], "--stopped"]
    with subprocess.Popen(command, env={**os.environ, **env}, cwd=tmp_path, stdout=subprocess.PIPE) as child:
        deadline = time.monotonic() + 60
        is_begun = False
        while not is_begun:
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.02)
            # It stands still while it is looked at, which may take longer than all of its work.
            child.send_signal(signal.SIGSTOP)
            is_begun = sum(1 for _ in target.scan("audio")) >= 40
            child.send_signal(signal.SIGKILL if is_begun else signal.SIGCONT)
    copied = sum(1 for _ in target.scan("audio"))
    assert copied < 400
    done = subprocess.run(command, env={**os.environ, **env}, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"{400 - copied} files copied" in done.stdout
    assert contents(target) == contents(source)


def test_the_help_teaches_the_steps() -> None:
    text = CliRunner().invoke(main, ["admin", "storage", "move", "--help"]).output
    for word in ("VOXPORT_STORAGE_URL=TARGET", "VOXPORT_STORAGE_FALLBACK_URL=SOURCE", "restart", "once more a day"):
        assert word in text
