"""The database server crashes and comes back while calls and jobs run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from tests.support.hosted_env import ELEVENLABS_KEY, TTS
from tests.support.postgres import running_postgres
from tests.support.server import environment, wait_until
from voxport.billing.models import Hold, LedgerTransaction
from voxport.billing.verify import verify
from voxport.db.session import Database
from voxport.testing.doubles import ElevenLabsDouble, serve_app
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize
from voxport.testing.running_gateway import LiveGateway, running_gateway

RACHEL = "21m00Tcm4TlvDq8ikWAM"
CALLERS = 3  # of each kind
RESTARTS = 2


class Callers:
    """Clients that call without a pause. Who is refused with a `Retry-After` sends the same call again, under the same
    Idempotency-Key, until it is served."""

    def __init__(self, live: LiveGateway) -> None:
        self._live = live
        self._stopping = threading.Event()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []
        self.spoken: list[dict[str, Any]] = []
        self.jobs: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(kind,)) for kind in self._kinds() * CALLERS]

    def _kinds(self) -> list[Any]:
        return [self._speak, self._queue, self._look]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "a call hangs"

    def served(self) -> int:
        """The smallest number of served calls of a kind."""
        return min(self.answers["speak", 200], self.answers["queue", 202], self.answers["look", 200])

    def refused(self) -> int:
        return min(self.answers["speak", 503] + self.answers["queue", 503], self.answers["look", 503])

    def _run(self, call: Any) -> None:
        with self._live.client(timeout=60) as http:
            while not self._stopping.is_set():
                call(http)

    def _speak(self, http: httpx2.Client) -> None:
        answer = self._repeat(http, "speak", {})
        if answer is not None:
            self.spoken.append(answer.json()["cost"])

    def _queue(self, http: httpx2.Client) -> None:
        answer = self._repeat(http, "queue", {"Prefer": "respond-async"})
        if answer is not None:
            self.jobs.append(answer.json()["job"]["id"])
        time.sleep(0.05)  # a queue that grows without end proves nothing more

    def _look(self, http: httpx2.Client) -> None:
        self._note("look", http.get("/v2/billing/balance"))

    def _repeat(self, http: httpx2.Client, kind: str, headers: dict[str, str]) -> httpx2.Response | None:
        body = {"text": "Hello.", "voice_id": RACHEL, "provider": "elevenlabs", "output_format": "wav"}
        key = {"Idempotency-Key": uuid4().hex}
        for _ in range(600):
            answer = http.post(TTS, json=body, headers={**headers, **key})
            if self._note(kind, answer):
                return answer
            time.sleep(0.1)
        self.wrong.append(f"{kind}: never served")
        return None

    def _note(self, kind: str, answer: httpx2.Response) -> bool:
        self.answers[kind, answer.status_code] += 1
        if answer.is_success:
            return True
        code = answer.json()["error"]["code"] if answer.content else ""
        is_in_flight = answer.status_code == 409 and code == "idempotency_in_flight"
        if (answer.status_code != 503 and not is_in_flight) or "Retry-After" not in answer.headers:
            self.wrong.append(f"{kind}: {answer.status_code} {answer.text[:300]}")
        return False


@pytest.mark.slow
def test_a_server_that_crashes_under_load_loses_nothing_and_charges_nothing_twice(tmp_path: Path) -> None:
    synthesize("Made once, so that no first call waits for it.", 0)
    double = ElevenLabsDouble()
    double.account.keys = {ELEVENLABS_KEY: ALL_SCOPES}
    double.account.character_limit = 10**9
    with running_postgres(is_synchronous=True) as server, serve_app(double.app) as provider_url:
        url = server.new_database()
        settings = {
            "VOXPORT_DATABASE_URL": url,
            "VOXPORT_ELEVENLABS_API_KEY": ELEVENLABS_KEY,
            "VOXPORT_ELEVENLABS_BASE_URL": provider_url,
            "VOXPORT_TIDY_SECONDS": "1",
            "VOXPORT_UNKNOWN_OUTCOME_MINUTES": "0.05",
        }
        with running_gateway(tmp_path, ready=False, **settings) as live:
            callers = Callers(live)
            callers.start()
            try:
                for _ in range(RESTARTS):
                    served, refused = callers.served(), callers.refused()
                    wait_until(lambda n=served: callers.served() >= n + 5, seconds=120, what="served calls")
                    server.stop()
                    wait_until(lambda n=refused: callers.refused() >= n + 5, seconds=60, what="refused calls")
                    server.start()
                served = callers.served()
                wait_until(lambda: callers.served() >= served + 5, seconds=120, what="calls after the restart")
            finally:
                callers.stop()
            assert callers.wrong == []
            with live.client() as http:
                wait_until(lambda: is_settled(http), seconds=120, what="the end of all jobs and holds")
                states = Counter(http.get(f"/v2/jobs/{job_id}").json()["status"] for job_id in callers.jobs)
            assert set(states) == {"completed"}, states
        assert live.process.returncode is not None
        with closing(Database(url)) as database:
            assert verify(database) == []
            with database.snapshot() as tx:
                charges = tx.scalar(
                    select(func.count()).select_from(LedgerTransaction).where(LedgerTransaction.kind == "capture")
                )
                open_holds = tx.scalar(select(func.count()).select_from(Hold).where(Hold.state == "open"))
        assert charges == len(callers.spoken) + len(callers.jobs)
        assert open_holds == 0


def is_settled(http: httpx2.Client) -> bool:
    jobs = [http.get("/v2/jobs", params={"status": status}).json()["data"] for status in ("queued", "processing")]
    return jobs == [[], []] and http.get("/v2/billing/balance").json()["data"]["held"] == 0


@pytest.mark.slow
def test_a_worker_that_starts_without_its_database_says_so_and_ends(tmp_path: Path) -> None:
    """Its thread that watches the parent must not abort the interpreter."""
    command = [sys.executable, "-m", "voxport", "worker", "--with-parent", "--data-dir", str(tmp_path / "data")]
    env = environment(VOXPORT_DATABASE_URL="postgresql://postgres@127.0.0.1:1/none")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as worker:
        assert worker.stderr is not None
        said = worker.stderr.read()
        assert worker.wait(60) == 1
    assert said.startswith("Error: The database can't be opened: ")
    assert "Fatal" not in said
