"""Runs the gateway for `faults.py` as the real command with a double of ElevenLabs, makes the calls, and records their
answers and what is left afterwards."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.raw_client import Client
from benchmarks.reliability import backend
from benchmarks.reliability.leftovers import leftovers
from benchmarks.support import write_speaker_wav
from voxport.billing.verify import verify
from voxport.db.session import Database
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, placed_data, running_gateway

KEY = "a-key-for-a-benchmark"
TEXT = "The ferry leaves the island at seven in the morning."
VOICE = "21m00Tcm4TlvDq8ikWAM"
UNAVAILABLE = frozenset({503})
"""Statuses that a client may get while a disk or the database does not work."""

CLONE_PRICE = 5.0
_CALL_TIMEOUT = 90.0  # seconds: more than the gateway's longest time-out
_SETTLED_SECONDS = 240.0
_INTERNALS = ("Traceback", "sqlite", "/tmp", "/data", "/files", ".py", "Errno", "OperationalError")
_NOT_CONNECTED, _NOT_ANSWERED, _HALF_ANSWERED = "no connection", "closed before an answer", "half a body"


@dataclass
class FaultOutcome:
    """Result of one case. `answers` counts the clients' answers; `problems` has a sentence for each violation."""

    case: str
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    normal_seconds: float = 0.0
    max_call_seconds: float = 0.0
    paid: float = 0.0
    """Cost of the calls according to their answers, in tokens."""

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record(self, what: str, call: Callable[[], httpx2.Response], *, allowed: frozenset[int] = UNAVAILABLE) -> bool:
        """Make a call and record its answer. Returns whether it was served."""
        began = time.monotonic()
        try:
            answer = call()
        except httpx2.ConnectError:
            self._record_failure(_NOT_CONNECTED)
            return False
        except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError) as error:
            self._record_failure(_HALF_ANSWERED if "complete message body" in str(error) else _NOT_ANSWERED)
            return False
        except httpx2.TimeoutException:
            with self._lock:
                self.problems.append(f"{what}: no answer in {_CALL_TIMEOUT:g} s")
            return False
        with self._lock:
            self.max_call_seconds = max(self.max_call_seconds, time.monotonic() - began)
            self._record_answer(what, answer, allowed)
        return not answer.is_error

    def _record_failure(self, how: str) -> None:
        with self._lock:
            self.answers[how] += 1

    def _record_answer(self, what: str, answer: httpx2.Response, allowed: frozenset[int]) -> None:
        if not answer.is_error:
            self.answers[str(answer.status_code)] += 1
            self.paid += _cost(answer)
            return
        error = answer.json().get("error", {}) if "json" in answer.headers.get("content-type", "") else {}
        self.answers[f"{answer.status_code} {error.get('code')}"] += 1
        if answer.status_code not in allowed:
            self.problems.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        if not error.get("message", "").endswith(".") or any(word in answer.text for word in _INTERNALS):
            self.problems.append(f"{what}: no clear error: {answer.text[:200]}")

    @property
    def unanswered(self) -> int:
        """Number of calls without a complete answer: only the ledger knows whether they were charged."""
        return self.answers[_NOT_ANSWERED] + self.answers[_HALF_ANSWERED]


class FaultEnv:
    """A gateway's data folder, kept through restarts of the gateway, and the provider's double. With several
    `http_processes` the client goes from one to the next, and `lives` are all that run."""

    def __init__(self, folder: Path, provider_url: str, double: ElevenLabsDouble, http_processes: int) -> None:
        self.folder = folder
        self.double = double
        self.lives: list[LiveGateway] = []
        self._http_processes = http_processes
        self.files = backend.stored_files(folder / "data", folder / "files")
        self.data = folder / "data"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.sample = folder / "speaker.wav"
        self.settings = {
            "VOXPORT_ELEVENLABS_API_KEY": KEY,
            "VOXPORT_ELEVENLABS_BASE_URL": provider_url,
            "VOXPORT_UNKNOWN_OUTCOME_MINUTES": "0.01",
            "VOXPORT_TIDY_SECONDS": "1",
            "VOXPORT_STORAGE_URL": self.files.as_uri(),
            "VOXPORT_SECRET_KEY": "a-secret-of-all-processes-of-a-benchmark",
            "TMPDIR": str(self.temporary),
            **placed_data(folder / "data"),
        }
        self.key = ""
        self.max_seconds = math.inf

    @contextlib.contextmanager
    def gateway(self, **settings: str) -> Iterator[tuple[LiveGateway, Client]]:
        if not self.sample.exists():
            write_speaker_wav(self.sample)
        with contextlib.ExitStack() as stack:
            values = {**self.settings, **settings}
            live = stack.enter_context(running_gateway(self.folder, ready=True, **values))
            self.lives = [live]
            for number in range(2, self._http_processes + 1):
                folder = self.folder / f"http-{number}"
                self.lives.append(stack.enter_context(running_gateway(folder, "--no-worker", ready=True, **values)))
            self.key = live.key or self.key
            client = stack.enter_context(Client(live.url, self.key))
            client.http.timeout = httpx2.Timeout(_CALL_TIMEOUT)
            ports = itertools.cycle(httpx2.URL(one.url).port for one in self.lives)

            def go_to_next(request: httpx2.Request) -> None:
                request.url = request.url.copy_with(port=next(ports))

            client.http.event_hooks = {"request": [go_to_next]}
            yield live, client

    def require_settled(self, client: Client, outcome: FaultOutcome, *, paid: float | None = None) -> None:
        """Wait until nothing is held or running, and record what is wrong then. `paid` is the expected charge in
        tokens, for calls whose answers don't tell it."""
        until = time.monotonic() + _SETTLED_SECONDS
        while (left := self._unsettled(client)) and time.monotonic() < until:
            time.sleep(0.5)
        outcome.problems += left
        funds = client.balance()
        charged = round(100.0 - funds["credits"], 6)
        expected = round(outcome.paid if paid is None else paid, 6)
        if abs(charged - expected) > 1e-6:
            outcome.problems.append(f"{charged:g} tokens were charged, and the answers said {expected:g}")
        database = Database(self.settings.get("VOXPORT_DATABASE_URL", f"sqlite:///{self.data / 'voxport.db'}"))
        outcome.problems += [*verify(database), *leftovers(database, self.files)]
        database.close()

    def _unsettled(self, client: Client) -> list[str]:
        """Return what is still running or held."""
        try:
            held = client.balance()["held"]
            jobs = client.call("GET", "/v2/jobs?limit=200")["data"]
        except (httpx2.HTTPError, KeyError):
            return ["the gateway does not answer"]
        writes = len(list((self.files / ".incoming").glob("*")))
        found = {
            f"{held:g} tokens are held": held > 0,
            "a job has not ended": any(job["status"] in ("queued", "processing") for job in jobs),
            f"{writes} writes to storage were left": writes > 0,
            "temporary files were left": any(self.temporary.glob("voxport-*")),
        }
        return [sentence for sentence, holds in found.items() if holds]


@contextlib.contextmanager
def open_fault_env(name: str, http_processes: int = 1) -> Iterator[FaultEnv]:
    """Open a new folder and a provider's double, for one case."""
    synthesize(TEXT, 0)  # cached before the time is measured
    account = ElevenLabsAccount(keys={KEY: ALL_SCOPES}, character_limit=10**9, concurrency=50)
    double = ElevenLabsDouble(account)
    with tempfile.TemporaryDirectory(prefix=f"voxport-fault-{name}-") as folder, serve_app(double.app) as url:
        yield FaultEnv(Path(folder), url, double, http_processes)


def speak(client: Client, **fields: Any) -> httpx2.Response:
    headers = {"Idempotency-Key": fields.pop("idempotency_key")} if "idempotency_key" in fields else {}
    body = {"text": TEXT, "voice_id": VOICE, "provider": "elevenlabs", "output_format": "mp3", **fields}
    return client.http.post("/v1/proxy/core-tts", json=body, headers=headers)


def upload(client: Client, sample: Path) -> httpx2.Response:
    """Announce and PUT a recording. Returns the response of the first request that failed, or of the second."""
    body = {"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav"}
    slot = client.http.post("/v1/proxy/upload-media", json=body)
    if slot.is_error:
        return slot
    url = slot.json()["data"]["upload_url"]
    content, headers = sample.read_bytes(), {"Content-Type": "audio/wav"}
    return httpx2.put(url, content=content, headers=headers, timeout=_CALL_TIMEOUT)


def balance(client: Client) -> httpx2.Response:
    return client.http.get("/v2/billing/balance")


def instant(client: Client, audio_url: str) -> httpx2.Response:
    body = {"audioUrl": audio_url, "text": TEXT, "provider": "elevenlabs"}
    return client.http.post("/v1/proxy/core-instant-clone-tts", json=body)


class calling:  # noqa: N801  # a context manager, used as a function
    """Makes calls of each kind in one thread per kind until the block ends, then waits for the last answers."""

    def __init__(
        self, outcome: FaultOutcome, calls: dict[str, Callable[[], httpx2.Response]], allowed: frozenset[int]
    ) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(outcome, what, call, allowed)) for what, call in calls.items()
        ]

    def _call(
        self, outcome: FaultOutcome, what: str, call: Callable[[], httpx2.Response], allowed: frozenset[int]
    ) -> None:
        while not self._stop.is_set():
            outcome.record(what, call, allowed=allowed)
            self._stop.wait(0.5)

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def voxport(env: FaultEnv, *arguments: str) -> str:
    command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(env.data)]
    environment = {**os.environ, **env.settings}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout


def _cost(answer: httpx2.Response) -> float:
    """Return the cost in tokens that a served call reports. A clone is charged when its job is done."""
    header = answer.headers.get("X-Gateway-Token-Cost")
    if header is not None:
        return float(header)
    if answer.request.url.path == "/v1/proxy/core-tts":
        return float(answer.json()["cost"]["tokens"])
    return 0.0
