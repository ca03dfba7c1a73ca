"""Kills all processes of the gateway with kill -9 at each step of a clone and an instant clone at each hosted provider:

    python benchmarks/reliability/crash.py [--provider elevenlabs] [--service clone]

The gateway is the real command; the providers are doubles. A step is a request to the provider. The kill comes when the
request arrives, when its work is done but not answered, and just after the answer; for a clone also while the job is
queued and while its sample is checked. Then the gateway is started again, and the remains are counted: voices at the
provider (1 after a clone, 0 after an instant clone), charges, open holds, and what `voxport admin ledger verify`
finds. Exits with 1 if any count is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from starlette.requests import Request

from benchmarks.raw_client import CallFailed, Client
from benchmarks.support import describe_machine, write_speaker_wav
from voxport.testing.doubles import ElevenLabsAccount, ElevenLabsDouble, MiniMaxAccount, MiniMaxDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, running_gateway

KEY = "a-key-for-a-benchmark"
TEXT = "The ferry leaves the island at seven in the morning."
_SECONDS = 120.0  # limit until everything is settled again
_AFTER_ANSWER = 0.02  # seconds
_STEPS = {
    ("elevenlabs", "clone"): ("GET /v2/voices", "POST /v1/voices/add"),
    ("elevenlabs", "instant"): (
        "GET /v2/voices",
        "POST /v1/voices/add",
        "POST /v1/text-to-speech",
        "DELETE /v1/voices",
    ),
    ("minimax", "clone"): ("POST /v1/files/upload", "POST /v1/voice_clone", "POST /v1/t2a_v2"),
    ("minimax", "instant"): (
        "POST /v1/files/upload",
        "POST /v1/voice_clone",
        "POST /v1/t2a_v2",
        "POST /v1/delete_voice",
    ),
}
_PRICES = {"clone": 5.0, "instant": 2.0}
_CHARGED_AFTER = ("/v1/text-to-speech", "/v1/t2a_v2", "/v1/voices", "/v1/delete_voice")
"""Paths of requests after whose answer the charge may happen before the kill arrives."""

Double = ElevenLabsDouble | MiniMaxDouble


@dataclass(frozen=True)
class CrashCase:
    """`step` is the start of a request line, or a stage of the job; `when` is before, after, answered, or empty."""

    provider: str
    service: str
    step: str
    when: str

    def __str__(self) -> str:
        return f"{self.provider} {self.service}: {self.when} {self.step}".replace(":  ", ": ")


@dataclass(frozen=True)
class CrashOutcome:
    """`charges` are in tokens; `answered` says whether the client got its instant clone before the kill."""

    voices: int
    charges: float
    held: float
    ledger: str
    answered: bool
    calls: int

    def is_right(self, case: CrashCase) -> bool:
        voices = 1 if case.service == "clone" else 0
        # The kill may come between the charge and the last byte of the answer.
        late = case.service == "instant" and case.step.split()[1] in _CHARGED_AFTER
        allowed = {_PRICES[case.service]} if case.service == "clone" or self.answered else {0.0}
        if late and case.when == "answered":
            allowed = {0.0, _PRICES["instant"]}
        return self.voices == voices and self.charges in allowed and self.held == 0 and self.ledger == "ledger clean"


def cases(providers: list[str], services: list[str]) -> list[CrashCase]:
    found = []
    for (provider, service), steps in _STEPS.items():
        if provider in providers and service in services:
            stages = ("waiting", "checking") if service == "clone" else ()
            found += [CrashCase(provider, service, stage, "") for stage in stages]
            found += [
                CrashCase(provider, service, step, when) for step in steps for when in ("before", "after", "answered")
            ]
    return found


class CrashEnv:
    """A data folder and the doubles, kept through restarts of the gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        synthesize(TEXT, 0)  # cached before the first call
        self.doubles: dict[str, Double] = {
            "elevenlabs": ElevenLabsDouble(ElevenLabsAccount(keys={KEY: ALL_SCOPES}, character_limit=10**9)),
            "minimax": MiniMaxDouble(MiniMaxAccount(keys={KEY})),
        }
        self.sample = folder / "speaker.wav"
        write_speaker_wav(self.sample)
        self.settings: dict[str, str] = {}
        self.key = ""
        self._running: tuple[LiveGateway, Client] | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        with serve_app(self.doubles["elevenlabs"].app) as eleven, serve_app(self.doubles["minimax"].app) as mini:
            self.settings = {
                "VOXPORT_ELEVENLABS_API_KEY": KEY,
                "VOXPORT_ELEVENLABS_BASE_URL": eleven,
                "VOXPORT_MINIMAX_API_KEY": KEY,
                "VOXPORT_MINIMAX_BASE_URL": mini,
                "VOXPORT_UNKNOWN_OUTCOME_MINUTES": "0.01",
                "VOXPORT_TIDY_SECONDS": "0.5",
            }
            with contextlib.ExitStack() as self._stack:
                yield

    @contextlib.contextmanager
    def _start(self) -> Iterator[tuple[LiveGateway, Client]]:
        with running_gateway(self.folder, ready=True, **self.settings) as live:
            self.key = live.key or self.key
            with Client(live.url, self.key) as client:
                yield live, client

    def _restart(self) -> tuple[LiveGateway, Client]:
        """Start a gateway on the existing data. It runs until the next restart, or until `open` ends."""
        self._stack.close()
        self._running = self._stack.enter_context(self._start())
        return self._running

    def run(self, case: CrashCase) -> CrashOutcome:
        """Make the call, kill the gateway during it, and count the remains once everything is settled."""
        double = self.doubles[case.provider]
        for voice_id in list(double.voices):
            del double.voices[voice_id]
        live, client = self._running or self._restart()
        self._top_up(live, client)
        before = client.balance()["credits"]
        audio_url = client.upload(self.sample)
        request_count = len(double.requests)
        is_dead = threading.Event()
        pids = [live.process.pid, *_children(live.process.pid)]

        def kill() -> None:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            live.process.wait()
            is_dead.set()

        double.on_request = _kill_at(case, kill)
        job_id, answered = self._call(case, client, audio_url, kill)
        if not is_dead.wait(_SECONDS):
            raise RuntimeError(f"{case}: the step did not come")
        double.on_request = lambda _request, _when: None
        live, client = self._restart()
        if job_id is not None:
            client.wait_for_job(job_id)
        self._wait_until_settled(client, double, has_voice=case.service == "clone")
        funds = client.balance()
        return CrashOutcome(
            voices=len(double.voices),
            charges=round(before - funds["credits"], 6),
            held=funds["held"],
            ledger=self._voxport(live, "ledger", "verify").strip(),
            answered=answered,
            calls=len(double.requests) - request_count,
        )

    def _call(
        self, case: CrashCase, client: Client, audio_url: str, kill: Callable[[], None]
    ) -> tuple[str | None, bool]:
        if case.service == "instant":
            with contextlib.suppress(httpx2.HTTPError, CallFailed, ValueError):
                body = {"audioUrl": audio_url, "text": TEXT, "provider": case.provider}
                answer = client.http.post("/v1/proxy/core-instant-clone-tts", json=body)
                return None, answer.status_code == 200
            return None, False
        job_id = client.clone(audio_url, provider=case.provider)
        if not case.when:
            until = time.monotonic() + _SECONDS
            while case.step != "waiting" and client.call("GET", f"/v2/jobs/{job_id}")["stage"] != case.step:
                if time.monotonic() > until:
                    raise RuntimeError(f"{case}: the stage did not come")
                time.sleep(0.005)
            kill()
        return job_id, False

    def _wait_until_settled(self, client: Client, double: Double, *, has_voice: bool) -> None:
        """Wait until the worker's rounds have nothing left to do."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            if client.balance()["held"] == 0 and len(double.voices) == int(has_voice):
                return
            time.sleep(0.05)

    def _top_up(self, live: LiveGateway, client: Client) -> None:
        if client.balance()["credits"] < max(_PRICES.values()):
            profile = self._voxport(live, "profiles", "list").splitlines()[1].split()[0]
            self._voxport(live, "credits", "add", profile, "100")

    def _voxport(self, live: LiveGateway, *arguments: str) -> str:
        command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(live.data_dir)]
        environment = {**os.environ, **live.settings}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", choices=["elevenlabs", "minimax"])
    parser.add_argument("--service", choices=["clone", "instant"])
    arguments = parser.parse_args()
    print(describe_machine())
    providers = [arguments.provider] if arguments.provider else ["elevenlabs", "minimax"]
    services = [arguments.service] if arguments.service else ["clone", "instant"]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="voxport-crash-") as name:
        crash_env = CrashEnv(Path(name))
        with crash_env.open():
            for case in cases(providers, services):
                outcome = crash_env.run(case)
                right = outcome.is_right(case)
                wrong += not right
                print(
                    f"{'ok   ' if right else 'WRONG'} {case!s:58} voices {outcome.voices}, charged "
                    f"{outcome.charges:g}, held {outcome.held:g}, {outcome.ledger}, calls {outcome.calls}"
                    f"{', answered' if outcome.answered else ''}",
                    flush=True,
                )
    print(f"{wrong} wrong")
    return 1 if wrong else 0


def _kill_at(case: CrashCase, kill: Callable[[], None]) -> Callable[[Request, str], None]:
    """Return a watcher that kills at the first request of the case's step."""
    is_done = threading.Event()

    def watch(request: Request, when: str) -> None:
        method, _, path = case.step.partition(" ")
        # A list of voices that doesn't search is the request for the stock voices, which the gateway makes at start.
        fits = request.method == method and request.url.path.startswith(path) and "search" in _query(request)
        wanted = "after" if case.when == "answered" else case.when
        if is_done.is_set() or not fits or when != wanted:
            return
        is_done.set()
        if case.when == "answered":
            threading.Timer(_AFTER_ANSWER, kill).start()
        else:
            kill()

    return watch


def _query(request: Request) -> set[str]:
    """Return the parameter names of a voice list's query; for any other request `{"search"}`."""
    return set(request.query_params) if request.url.path == "/v2/voices" else {"search"}


def _children(pid: int) -> list[int]:
    """Return the pids of all descendants of the process."""
    tasks = Path(f"/proc/{pid}/task")
    own = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    return [*own, *(grandchild for child in own for grandchild in _children(child))]


if __name__ == "__main__":
    sys.exit(main())
