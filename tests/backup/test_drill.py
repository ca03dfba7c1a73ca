"""The restore drill: a backup taken under load becomes a gateway in which nothing is missing."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import select

from tests.conftest import MakeGateway
from tests.support.client import PUBLIC_URL, open_client
from tests.support.server import environment, run_cli, wait_until
from voxport.clock import now
from voxport.gateway import Gateway
from voxport.media.models import Media

pytestmark = pytest.mark.slow

TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def gateway_at(data_dir: Path, folder: Path, key: str) -> Iterator[httpx2.Client]:
    """Runs a gateway with the fake provider in its own process, killed at the end; yields a client with `key`."""
    port = folder / "port.txt"
    port.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.support.fake_provider_server", str(data_dir), str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment()) as process:
        try:
            wait_until(port.exists, seconds=60, what="the gateway's start")
            headers = {"Authorization": f"Bearer {key}"}
            with httpx2.Client(base_url=f"http://127.0.0.1:{port.read_text()}", headers=headers, timeout=60) as client:
                wait_until(lambda: answers(client), seconds=60, what="the first answer")
                yield client
        finally:
            process.kill()


def answers(client: httpx2.Client) -> bool:
    with contextlib.suppress(httpx2.ConnectError):
        return client.get("/healthz").status_code == 200
    return False


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def media_keys(gateway: Gateway) -> list[str]:
    with gateway.database.snapshot() as tx:
        return list(tx.scalars(select(Media.key).where(Media.uploaded_at.is_not(None))))


class BackgroundLoad:
    """Threads that upload, clone, synthesize, delete and run speech jobs until they are stopped."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._stopping = threading.Event()
        self.rounds = 0
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]

    def __enter__(self) -> BackgroundLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        for number in itertools.count():
            if self._stopping.is_set():
                return
            try:
                self._round(number)
                self.rounds += 1
            except Exception as error:
                self.failures.append(repr(error))

    def _round(self, number: int) -> None:
        slot = self._ok(
            self._http.post(
                "/v1/proxy/upload-media", json={"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav"}
            )
        )["data"]
        url = slot["upload_url"]
        own = path_of(url) if url.startswith(PUBLIC_URL) else None
        send = httpx2.put if own is None else self._http.put  # the storage takes no key
        put = send(own or url, content=b"RIFF" * 5000, headers={"Content-Type": "audio/wav"})
        assert put.is_success, put.text
        self._ok(self._http.post(CLONE, json={"audioUrl": slot["public_url"], "provider": "local"}))
        body = {"text": "Hello there.", "voice_id": "hum", "output_format": "wav"}
        self._ok(self._http.post(TTS, json=body))
        self._ok(self._http.post(TTS, json=body, headers={"Prefer": "respond-async"}))
        voices = self._voices()
        if number % 2 and voices:
            # Another thread may have deleted it already.
            self._http.delete(f"/v1/voices/{voices[-1]}")

    def _voices(self) -> list[str]:
        listed = self._ok(self._http.get("/v1/proxy/core-tts-voices?cloned=true"))
        return [voice["voice_id"] for voice in listed["data"]["voices"]]

    @staticmethod
    def _ok(answer: httpx2.Response) -> Any:
        assert answer.is_success, answer.text
        return answer.json()


def test_a_backup_under_load_becomes_a_gateway_in_which_nothing_is_missing(
    tmp_path: Path, make_gateway: MakeGateway
) -> None:
    first = make_gateway(data_dir=tmp_path / "first")
    key = open_client(first, "100000").key
    with gateway_at(tmp_path / "first", tmp_path, key) as http:
        with BackgroundLoad(http) as load:
            wait_until(lambda: load.rounds >= 6 or load.failures, seconds=120, what="some load")
            assert load.failures == []
            before = load.rounds
            result = run_cli(
                "admin", "backup", str(tmp_path / "backup"), "--data-dir", str(tmp_path / "first"), cwd=tmp_path
            )
            assert result.returncode == 0, result.stderr
            assert load.rounds > before, "nobody was served while the backup was taken"
        assert load.failures == []

    verified = run_cli("admin", "backup", str(tmp_path / "backup"), "--verify", cwd=tmp_path)
    assert verified.stdout == "backup whole\n", verified.stdout + verified.stderr
    restored = tmp_path / "restored"
    result = run_cli("admin", "restore", str(tmp_path / "backup"), "--data-dir", str(restored), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for room, word in (("ledger", "ledger clean"), ("audit", "audit log whole")):
        proved = run_cli("admin", room, "verify", "--data-dir", str(restored), cwd=tmp_path)
        assert proved.stdout.startswith(word), proved.stdout + proved.stderr

    again = make_gateway(data_dir=restored)
    open_jobs = again.jobs.open_before(now())
    assert open_jobs, "no job was open when the backup was taken: the drill proves too little"
    with gateway_at(restored, tmp_path, key) as http:
        wait_until(lambda: again.jobs.open_before(now()) == [], seconds=300, what="the end of all jobs")
        ended = [again.jobs.find(job.id) for job in open_jobs]
        assert {job.status for job in ended if job is not None} == {"completed"}, ended
        voices = http.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]
        assert voices
        for voice in voices:
            said = http.post(TTS, json={"text": "Hi.", "voice_id": voice["voice_id"], "output_format": "wav"})
            assert said.status_code == 200, said.text
    rows = again.media.totals(open_jobs[0].profile_id)
    assert rows["upload"][0] >= 6
    for key_of_file in media_keys(again):
        assert again.storage.size(key_of_file), key_of_file
    assert again.billing.open_holds(open_jobs[0].profile_id) == 0
    proved = run_cli("admin", "ledger", "verify", "--data-dir", str(restored), cwd=tmp_path)
    assert proved.stdout == "ledger clean\n"
