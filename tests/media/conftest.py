"""Servers on loopback that misbehave on demand, ffmpeg, and the folder of real recordings."""

from __future__ import annotations

import csv
import io
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import MakeClient
from tests.support.catalog import catalog_file
from tests.support.client import Client
from voxport.audio.codec.decode import decode
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.errors import AudioUrlUnusable, SampleUnusable
from voxport.fetch.client import Fetched, FetchPolicy, fetch
from voxport.samples.check import SampleReport, check

Answer = Callable[[socket.socket, bytes], None]

Serve = Callable[..., "Server"]


class Server:
    """A TCP server on a free port of 127.0.0.1 that hands each connection and its request to `answer`."""

    def __init__(self, answer: Answer, ssl_context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._ssl = ssl_context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def dialer(self, address: str, port: int, timeout_seconds: float) -> socket.socket:
        """Connects here, whatever number is dialled: the stand-in for the internet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout_seconds)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        try:
            if self._ssl is not None:
                connection = self._ssl.wrap_socket(connection, server_side=True)
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    received = connection.recv(65_536)
                    if not received:
                        return
                    request += received
                self.requests.append(request)
                self._answer(connection, request)
        except OSError:
            return  # the client hung up, as it should


PUBLIC = "93.184.216.34"  # any public number: the dialer of the tests leads to loopback


def policy_for(
    server: Server,
    *,
    resolver: Callable[[str, int], list[str]] = lambda host, port: [PUBLIC],
    max_bytes: int = 1_000_000,
    timeout_seconds: float = 5.0,
    private_hosts: frozenset[str] = frozenset(),
    ssl_context: ssl.SSLContext | None = None,
) -> FetchPolicy:
    return FetchPolicy(
        max_bytes=max_bytes,
        timeout_seconds=timeout_seconds,
        private_hosts=private_hosts,
        resolver=resolver,
        dialer=server.dialer,
        ssl_context=ssl_context,
    )


def reply(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> Answer:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return lambda connection, request: connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def redirect(location: str) -> Answer:
    return reply(b"", f"Location: {location}", status="302 Found")


def get(url: str, policy: FetchPolicy) -> tuple[Fetched, bytes]:
    into = io.BytesIO()
    return fetch(url, into, policy), into.getvalue()


def refused(url: str, policy: FetchPolicy) -> None:
    """The fetch fails with the one text that tells nothing."""
    with pytest.raises(AudioUrlUnusable) as caught:
        get(url, policy)
    assert caught.value.message == AudioUrlUnusable.TEXT
    assert caught.value.details == {}


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    servers: list[Server] = []

    def start(answer: Answer, ssl_context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(answer, ssl_context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    return find_ffmpeg()


@dataclass(frozen=True)
class Recording:
    """A row of the recordings' MANIFEST.tsv."""

    path: str
    kind: str
    seconds: float
    expect: str


def speech_folder() -> Path | None:
    """The folder of real recordings, or None where it is absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "speech"
    folder = Path(os.environ.get("VOXPORT_SPEECH_DIR") or beside)
    return folder if (folder / "MANIFEST.tsv").is_file() else None


def manifest() -> list[Recording]:
    folder = speech_folder()
    if folder is None:
        return []
    with (folder / "MANIFEST.tsv").open(newline="") as table:
        rows = csv.DictReader(table, delimiter="\t")
        return [Recording(row["path"], row["kind"], float(row["seconds"]), row["expect"]) for row in rows]


@pytest.fixture(scope="session")
def speech() -> Path:
    folder = speech_folder()
    if folder is None:
        pytest.skip("the folder of real recordings is absent (set VOXPORT_SPEECH_DIR)")
    return folder


@pytest.fixture(scope="session")
def reported(speech: Path, ffmpeg: Path) -> Callable[[Recording], SampleReport]:
    """Decodes and checks a recording, once, also for a second speaker. Raises SampleUnusable, each time."""
    embed = SpeakerEncoder(threads=1).embed_each
    found: dict[str, SampleReport | SampleUnusable] = {}

    def report(row: Recording) -> SampleReport:
        if row.path not in found:
            try:
                found[row.path] = check(decode(speech / row.path, ffmpeg=ffmpeg), embed=embed)
            except SampleUnusable as unusable:
                found[row.path] = unusable
        outcome = found[row.path]
        if isinstance(outcome, SampleUnusable):
            raise outcome
        return outcome

    return report


@pytest.fixture
def alone(make_client: MakeClient) -> Client:
    """The only customer of a gateway: what lies in its storage is the test's."""
    return make_client()


@pytest.fixture
def small(make_client: MakeClient, tmp_path: Path) -> Client:
    """A customer whose uploads have at most 100,000 bytes of audio and 200,000 of video."""
    return make_client(catalog_file=catalog_file(tmp_path, upload_audio_bytes=100_000, upload_video_bytes=200_000))
