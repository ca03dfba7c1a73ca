"""Causes each fault that a machine may have, by real means, while a gateway serves calls:

    python benchmarks/reliability/faults.py [--case storage_full]

The gateway is the real command in its own processes with the real `local` engine; ElevenLabs is a double. During the
fault, clients speak, upload, clone and ask for their balance. Afterwards the gateway must recover by itself, every job
must end, every hold must be settled, the ledger must be clean, and no file or temporary folder may be left. Disks are
made full or read-only by mounts, which needs root: those cases are skipped without it. Exits with 1 if something was
lost, a client waited longer than the time-outs, or a client got an error that is not clear.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx2

from benchmarks import reports
from benchmarks.raw_client import CallFailed, Client
from benchmarks.reliability import backend
from benchmarks.reliability.fault_gateway import (
    CLONE_PRICE,
    UNAVAILABLE,
    FaultEnv,
    FaultOutcome,
    balance,
    calling,
    instant,
    open_fault_env,
    speak,
    upload,
)
from benchmarks.reliability.fault_injectors import (
    HangingFfmpeg,
    ShiftedClock,
    bind_mounted,
    can_mount,
    children_by_command,
    filled,
    read_only,
    suspended,
    tmpfs,
    write_locked,
)
from benchmarks.support import describe_machine
from voxport.testing.doubles import Fault
from voxport.testing.running_gateway import LiveGateway

_NORMAL_SECONDS = 180.0
_LOAD_CALLERS = 8
_LOAD_SECONDS = 6.0
_HOUR = 3_600.0
_LONG_TEXT = "Every morning I walk along the harbour before the town wakes up, and watch the boats go out. " * 8

FaultCase = Callable[[FaultEnv, FaultOutcome], None]


def storage_full(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The disk of the stored files is full."""
    with tmpfs(env.files, mebibytes=24):
        _survive_fault(env, outcome, lambda _: filled(env.files), seconds=15)


def storage_read_only(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The disk of the stored files became read-only."""
    with bind_mounted(env.files):
        _survive_fault(env, outcome, lambda _: read_only(env.files), seconds=15)


def database_full(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The disk of the database and its log is full."""
    with tmpfs(env.data, mebibytes=48):
        _survive_fault(env, outcome, lambda _: filled(env.data), seconds=15)


def database_locked(env: FaultEnv, outcome: FaultOutcome) -> None:
    """Another process holds the database's lock for 35 s, longer than a caller waits for it (30 s)."""
    _survive_fault(env, outcome, lambda _: write_locked(env.data / "voxport.db"), seconds=35)


def database_gone(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The database is gone for 20 s: it ended as by a crash, and is started again."""
    _survive_fault(env, outcome, lambda _: backend.database_gone(), seconds=20)


def storage_gone(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The storage is gone for 20 s: it takes connections, and answers none."""
    _survive_fault(env, outcome, lambda _: backend.storage_gone(), seconds=20)


def worker_stopped(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The worker gets no time for 20 s (SIGSTOP)."""
    _survive_fault(env, outcome, lambda live: suspended(_worker(live)), seconds=20, allowed=frozenset())


def server_stopped(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The HTTP server gets no time for 10 s (SIGSTOP). Postgres ends the transactions that it had open."""
    allowed = frozenset({503}) if backend.is_on_servers() else frozenset[int]()
    _survive_fault(env, outcome, lambda live: suspended(live.process.pid), seconds=10, allowed=allowed)


def ffmpeg_hangs(env: FaultEnv, outcome: FaultOutcome) -> None:
    """ffmpeg stops as soon as it is started, for 75 s: whoever needs it waits a minute at most."""
    program = HangingFfmpeg(env.folder)
    settings = {"VOXPORT_FFMPEG": str(program.program)}
    _survive_fault(env, outcome, lambda _: program.hanging(), seconds=75, settings=settings)


def clock_back(env: FaultEnv, outcome: FaultOutcome) -> None:
    """The clock is set back an hour, between an upload and its use, a call and its repetition, and a lost answer and
    its hold's end; and later forward again."""
    clock = ShiftedClock(env.folder)
    with env.gateway(**clock.settings) as (_, client):
        outcome.record("speech", lambda: speak(client, idempotency_key="before"), allowed=frozenset())
        before = client.upload(env.sample)
        env.double.faults.add(Fault(path="/v1/text-to-speech", drop_response=True))
        outcome.record("a lost answer", lambda: speak(client), allowed=frozenset({504}))
        with clock.set_back(_HOUR):
            again = speak(client, idempotency_key="before")
            if again.headers.get("Idempotent-Replayed") != "true":
                outcome.problems.append("a call of before the step was made again")
            began = time.monotonic()
            outcome.record("speech", lambda: speak(client), allowed=frozenset())
            outcome.record("an upload of before", lambda: instant(client, before), allowed=frozenset())
            outcome.record("an upload of now", lambda: instant(client, client.upload(env.sample)), allowed=frozenset())
            job_id = client.clone(before, provider="elevenlabs")
            _require_completed(client, job_id, outcome)
            outcome.normal_seconds = time.monotonic() - began
            env.require_settled(client, outcome)
        outcome.record("speech", lambda: speak(client), allowed=frozenset())
        _require_completed(client, client.clone(before, provider="elevenlabs"), outcome)
        env.require_settled(client, outcome)


def engine_killed(env: FaultEnv, outcome: FaultOutcome) -> None:
    """kill -9 of the engine in the middle of a speech, and once more while it is idle."""
    with env.gateway() as (live, client), ThreadPoolExecutor(1) as threads:
        _wait_until_ready(live)
        stock = client.call("GET", "/v1/proxy/core-tts-voices?provider=local")["data"]["voices"][0]["voice_id"]
        spoken = {"provider": "local", "voice_id": stock}
        call = threads.submit(outcome.record, "speech", lambda: speak(client, text=_LONG_TEXT, **spoken))
        time.sleep(2.0)
        _kill(_engine())
        if not call.result():
            outcome.problems.append("the engine's death was not made good")
        _wait_until_ready(live)
        _kill(_engine())
        began = time.monotonic()
        outcome.record("speech", lambda: speak(client, **spoken), allowed=frozenset())
        outcome.normal_seconds = time.monotonic() - began
        env.require_settled(client, outcome)


def server_killed(env: FaultEnv, outcome: FaultOutcome) -> None:
    """kill -9 of the HTTP server under load (of all of them, where there are several), and a new one."""
    _survive_end(env, outcome, lambda live: _kill(live.process.pid))


def terminated(env: FaultEnv, outcome: FaultOutcome) -> None:
    """SIGTERM under load: what runs is finished, what has not begun is refused, and a job is handed back."""
    _survive_end(env, outcome, lambda live: os.kill(live.process.pid, signal.SIGTERM))
    _require_all_answered(outcome)


def worker_killed(env: FaultEnv, outcome: FaultOutcome) -> None:
    """kill -9 of the worker in the middle of a clone."""
    with env.gateway() as (live, client):
        job_id = client.clone(client.upload(env.sample), provider="elevenlabs")
        client.wait_until_started(job_id)
        _kill(_worker(live))
        began = time.monotonic()
        _require_completed(client, job_id, outcome)
        outcome.normal_seconds = time.monotonic() - began
        env.require_settled(client, outcome)


CASES: dict[str, FaultCase] = {
    case.__name__: case
    for case in (
        *(storage_full, storage_read_only, database_full, database_locked, database_gone, storage_gone),
        *(engine_killed, ffmpeg_hangs, clock_back, worker_stopped, server_stopped),
        *(terminated, server_killed, worker_killed),
    )
}
_MOUNTS = ("storage_full", "storage_read_only", "database_full")
_ON_FILES = (*_MOUNTS, "database_locked")
_ON_SERVERS = ("database_gone", "storage_gone")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), action="append", help="this one only, without writing figures")
    backend.add_options(parser)
    options = parser.parse_args()
    print(describe_machine())
    with backend.placed(options.backend):
        outcomes = [
            run(name, http_processes=options.http_processes) for name in options.case or all_cases() if can_run(name)
        ]
        if options.case is None:
            found = report(outcomes, backend.in_words(options))
            print(reports.write(backend.report_name("faults", options), found))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def all_cases() -> list[str]:
    """Return the cases that concern the database and the storage in use."""
    others = _ON_FILES if backend.is_on_servers() else _ON_SERVERS
    return [name for name in CASES if name not in others]


def can_run(name: str) -> bool:
    return name not in _MOUNTS or can_mount()


def run(name: str, *, max_seconds: float = math.inf, http_processes: int = 1) -> FaultOutcome:
    """Run one case in a new folder. `max_seconds` limits how long a fault that the processes survive lasts, and how
    long the load before a fault that ends them lasts."""
    outcome = FaultOutcome(name)
    with open_fault_env(name, http_processes) as env:
        env.max_seconds = max_seconds
        CASES[name](env, outcome)
    print(f"{name}: {_answers_in_words(outcome)}; normal after {outcome.normal_seconds:.1f} s", flush=True)
    for problem in outcome.problems:
        print(f"  WRONG: {problem}", flush=True)
    return outcome


def report(outcomes: list[FaultOutcome], options: str = "") -> reports.Report:
    """Create the section for docs/reliability.md."""
    left_out = [name for name in all_cases() if not can_run(name)]
    return reports.Report(
        title="Faults of the machine" + (" on Postgres and S3" if options else ""),
        command=f"python benchmarks/reliability/faults.py{options}",
        passed=not left_out and not any(outcome.problems for outcome in outcomes),
        summary=[
            f"{len(outcomes)} faults{f' (left out, without root: {len(left_out)})' if left_out else ''}, each while a "
            "gateway serves. What must hold after it: every job has ended as it should, no hold is open, the charges "
            "are what the answers said, the ledger is clean, and no file, row or temporary folder is left over.",
            f"Lost or wrong: {sum(len(outcome.problems) for outcome in outcomes)}. The longest that a caller waited "
            f"for an answer: {max(outcome.max_call_seconds for outcome in outcomes):.0f} s.",
        ],
        columns=("Fault", "What the callers were told", "Normal again after, s", "Lost"),
        rows=[
            (
                (CASES[outcome.case].__doc__ or "").split("\n\n")[0].replace("\n    ", " "),
                _answers_in_words(outcome),
                round(outcome.normal_seconds, 1),
                "; ".join(outcome.problems) or "nothing",
            )
            for outcome in outcomes
        ],
    )


def _survive_fault(
    env: FaultEnv,
    outcome: FaultOutcome,
    fault: Callable[[LiveGateway], AbstractContextManager[None]],
    *,
    seconds: float,
    allowed: frozenset[int] = UNAVAILABLE,
    settings: dict[str, str] | None = None,
) -> None:
    """Run a job and clients' calls during a fault that the gateway's processes survive."""
    with env.gateway(**(settings or {})) as (live, client):
        outcome.record("before it", lambda: speak(client), allowed=frozenset())
        audio_url = client.upload(env.sample)
        jobs = [client.clone(audio_url, provider="elevenlabs")]
        client.wait_until_started(jobs[0])
        calls = {
            "speech": lambda: speak(client),
            "upload": lambda: upload(client, env.sample),
            "balance": lambda: balance(client),
            "instant": lambda: instant(client, audio_url),
        }
        # The fault ends before the calls do: some of them wait for it to end.
        with ThreadPoolExecutor(1) as threads, calling(outcome, calls, allowed), fault(live):
            late = threads.submit(_clone_if_accepted, client, audio_url)
            time.sleep(min(seconds, env.max_seconds))
        jobs += late.result()
        _require_all_answered(outcome)
        began = time.monotonic()
        _wait_until_normal(env, client, outcome)
        for job_id in jobs:
            _require_completed(client, job_id, outcome)
        outcome.normal_seconds = time.monotonic() - began
        env.require_settled(client, outcome)


def _clone_if_accepted(client: Client, audio_url: str) -> list[str]:
    """Request a clone during the fault. Returns a list of the job's id, empty if the request was refused."""
    with contextlib.suppress(CallFailed):
        return [client.clone(audio_url, provider="elevenlabs")]
    return []


def _require_all_answered(outcome: FaultOutcome) -> None:
    if outcome.unanswered:
        outcome.problems.append(f"{outcome.unanswered} calls that were let in got no whole answer")


def _survive_end(env: FaultEnv, outcome: FaultOutcome, end: Callable[[LiveGateway], None]) -> None:
    """End the HTTP server under load with `end`, and start it again."""
    env.double.account.latency = 1.0
    with env.gateway() as (_, client):
        audio_url = client.upload(env.sample)
        job_id = client.clone(audio_url, provider="elevenlabs")
        client.wait_until_started(job_id)
        calls = {f"speech {number}": lambda: speak(client) for number in range(_LOAD_CALLERS - 2)}
        calls |= {f"instant {number}": lambda: instant(client, audio_url) for number in range(2)}
        with calling(outcome, calls, frozenset({503})):
            time.sleep(min(_LOAD_SECONDS, env.max_seconds))
            for one in env.lives:
                end(one)
            for one in env.lives:
                one.process.wait(120)
    env.double.account.latency = 0.0
    began = time.monotonic()
    with env.gateway() as (_, client):
        _wait_until_normal(env, client, outcome)
        _require_completed(client, job_id, outcome)
        outcome.normal_seconds = time.monotonic() - began
        # Only the ledger knows whether a call without an answer was served and charged.
        lost = round(100.0 - client.balance()["credits"] - outcome.paid, 6)
        if lost and not 0 < lost <= outcome.unanswered * 2.0:
            outcome.problems.append(f"{lost:g} tokens were charged for {outcome.unanswered} calls without an answer")
        env.require_settled(client, outcome, paid=outcome.paid + lost)


def _wait_until_normal(env: FaultEnv, client: Client, outcome: FaultOutcome) -> None:
    """Wait until speech and upload work again."""
    until = time.monotonic() + _NORMAL_SECONDS
    quiet = FaultOutcome(outcome.case)
    while time.monotonic() < until:
        served = quiet.record("speech", lambda: speak(client))
        outcome.paid += quiet.paid
        quiet.paid = 0.0
        if served and quiet.record("upload", lambda: upload(client, env.sample)):
            return
        time.sleep(0.2)
    outcome.problems.append(f"not normal after {_NORMAL_SECONDS:g} s: {_answers_in_words(quiet)}")


def _require_completed(client: Client, job_id: str, outcome: FaultOutcome) -> None:
    """Wait for a clone job, and record a problem unless it completes. Adds its price to what was paid."""
    until = time.monotonic() + _NORMAL_SECONDS
    while (job := client.call("GET", f"/v2/jobs/{job_id}"))["status"] in ("queued", "processing"):
        if time.monotonic() > until:
            outcome.problems.append(f"a job is {job['status']} ({job['stage']}) after {_NORMAL_SECONDS:g} s")
            return
        time.sleep(0.2)
    if job["status"] == "completed":
        outcome.paid += CLONE_PRICE
        outcome.answers["a clone completed"] += 1
    else:
        outcome.problems.append(f"a job {job['status']}: {job.get('error')}")


def _wait_until_ready(live: LiveGateway) -> None:
    until = time.monotonic() + _NORMAL_SECONDS
    while httpx2.get(live.url + "/readyz", timeout=30).status_code != 200:
        if time.monotonic() > until:
            raise RuntimeError("the gateway did not become ready")
        time.sleep(0.1)


def _worker(live: LiveGateway) -> int:
    return children_by_command(live.process.pid, "voxport worker")[0]


def _engine() -> int:
    """Return the pid of the engine that all processes of the gateway share, whichever of them started it."""
    return children_by_command(os.getpid(), "voxport.engine.process.server")[0]


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _answers_in_words(outcome: FaultOutcome) -> str:
    return ", ".join(f"{count} × {answer}" for answer, count in sorted(outcome.answers.items())) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
