"""Cuts hosts of a gateway off its network for 20 s while they serve, and brings them back:

    python benchmarks/reliability/hosts.py [--case database] [--sample]

Two API hosts, three worker hosts, a Postgres and an S3 storage run in Linux network namespaces (`host_network.py`),
each with the real commands and a data folder of its own; ElevenLabs is a double. Callers speak, stream, queue speech
and clones, and upload by presigned URLs; they go to the other API host when one doesn't answer, with the same
Idempotency-Key, and repeat calls that were answered. Afterwards every job must have ended once, no hold may be open,
the charges must be what the answers said, the ledger must be clean, and no file or voice may be left. Exits with 1 if
anything is lost or wrong, with 77 where hosts can't be made (root and iproute2 are needed). `--sample` cuts an API host
and a worker host off at the same time, for 9 s, and takes less than a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from starlette.requests import Request

from benchmarks import reports
from benchmarks.raw_client import Client
from benchmarks.reliability.host_cluster import TEXT, Cluster, Service, running_cluster
from benchmarks.reliability.host_load import Call, Load
from benchmarks.reliability.host_network import Host, is_inside, missing_for_hosts, run_inside
from benchmarks.reliability.leftovers import leftovers
from benchmarks.support import describe_machine
from voxport.billing.verify import verify
from voxport.db.session import Database

CANNOT_RUN = 77  # the exit code of a test that is left out, by the convention of automake
TAKE_OVER_SECONDS = 10.0
_SAMPLE_TAKE_OVER_SECONDS = 30.0
"""The sample runs beside other tests, where seconds say little."""
_CUT_SECONDS = 20.0
_SAMPLE_CUT_SECONDS = 9.0  # longer than a lease
_BEFORE_SECONDS, _AFTER_SECONDS = 5.0, 3.0
_TIMEOUT = 180.0
_CREDITS = 10_000.0
_CLONING, _SPEAKING = "/v1/voices/add", "/v1/text-to-speech"
_UNKNOWN_OUTCOME = "provider_timeout"
"""The error of a speech job whose paid call may have been made, and is not made again."""


@dataclass(frozen=True)
class Case:
    """What is cut off: hosts by name, and with `during` the worker host that is making a request of this path."""

    title: str
    hosts: tuple[str, ...] = ()
    during: str | None = None


CASES = {
    "api": Case("one of two API hosts", ("api1",)),
    "worker_cloning": Case("one of three worker hosts, in the middle of a clone at the provider", during=_CLONING),
    "worker_speaking": Case("one of three worker hosts, in the middle of a paid speech", during=_SPEAKING),
    "database": Case("the host of the database", ("database",)),
    "storage": Case("the host of the storage", ("storage",)),
}
_SAMPLE = Case("an API host, and a worker host in the middle of a clone", ("api1",), _CLONING)


@dataclass
class HostsOutcome:
    """`unpaid` counts the syntheses that the provider made and nobody was charged for; `exits` the processes that ended
    by themselves, to be started again."""

    case: Case
    answers: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    take_overs: list[float] = field(default_factory=list)
    max_answer_seconds: float = 0.0
    normal_seconds: float = 0.0
    replayed: int = 0
    unpaid: int = 0
    exits: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), action="append", help="this one only, without writing figures")
    parser.add_argument("--sample", action="store_true")
    options = parser.parse_args()
    if not is_inside():
        reason = missing_for_hosts()
        if reason is not None:
            print(f"left out: {reason}", flush=True)
            return CANNOT_RUN
        return run_inside(sys.argv)
    print(describe_machine(), flush=True)
    began = time.monotonic()
    cases = [_SAMPLE] if options.sample else [CASES[name] for name in options.case or CASES]
    outcomes = run(cases, is_sample=options.sample)
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    report = _report(outcomes)
    if not options.sample and options.case is None:
        print(reports.write("hosts", report))
    return 0 if report.passed else 1


def run(cases: list[Case], *, is_sample: bool = False) -> list[HostsOutcome]:
    """Run the cases one after another on the same hosts."""
    cut_seconds = _SAMPLE_CUT_SECONDS if is_sample else _CUT_SECONDS
    max_take_over = _SAMPLE_TAKE_OVER_SECONDS if is_sample else TAKE_OVER_SECONDS
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="voxport-hosts-") as name:
        Path(name).chmod(0o711)  # the database runs as another user
        with running_cluster(Path(name)) as cluster:
            for case in cases:
                outcome = _run_case(cluster, case, cut_seconds)
                outcome.problems += [
                    f"a take-over after {seconds:.1f} s" for seconds in outcome.take_overs if seconds > max_take_over
                ]
                outcomes.append(outcome)
                _show(outcome)
    return outcomes


def _run_case(cluster: Cluster, case: Case, cut_seconds: float) -> HostsOutcome:
    outcome = HostsOutcome(case)
    ledger = _Counts(cluster)
    services = [*cluster.apis, *cluster.workers]
    exits = sum(len(one.exits) for one in services)
    key = cluster.new_customer(_CREDITS)
    load = Load(cluster.urls, key, cluster.sample, TEXT)
    with load.running():
        time.sleep(_BEFORE_SECONDS)
        with _cut_off(cluster, case, load, outcome):
            time.sleep(cut_seconds)
        outcome.normal_seconds = _wait_until_normal(cluster, load, outcome)
        time.sleep(_AFTER_SECONDS)
    outcome.answers, outcome.replayed = load.answers, load.replayed
    outcome.max_answer_seconds = load.max_answer_seconds
    outcome.problems += load.problems
    with Client(cluster.urls[0], key) as client:
        _require_settled(cluster, ledger, client, load, outcome)
    outcome.exits = sum(len(one.exits) for one in services) - exits
    return outcome


@contextlib.contextmanager
def _cut_off(cluster: Cluster, case: Case, load: Load, outcome: HostsOutcome) -> Iterator[None]:
    """Cut the hosts of a case off during the block, and measure how long others take to have their work."""
    hosts = {one.host.name: one.host for one in [*cluster.apis, *cluster.workers]}
    hosts |= {"database": cluster.database, "storage": cluster.storage}
    cut = [hosts[name] for name in case.hosts]
    # Before the cut: what will be looked for after it.
    owners = [_owner_of_calls(cluster, one, load) for one in cluster.apis if one.host.name in case.hosts]
    if case.during is None:
        for host in cut:
            host.cut_off()
    else:
        cut.append(_cut_off_in_call(cluster, case.during, cut).host)
    cut_at = time.monotonic()
    watchers = [
        threading.Thread(target=_watch, args=(cluster, _OPEN_HOLDS, owner, cut_at, outcome)) for owner in owners
    ]
    executors = [one.executor() for one in cluster.workers if one.host in cut]
    watchers += [
        threading.Thread(target=_watch, args=(cluster, _RUNNING_JOBS, name, cut_at, outcome)) for name in executors
    ]
    for watcher in watchers:
        watcher.start()
    try:
        yield
    finally:
        for host in cut:
            host.reconnect()
        for watcher in watchers:
            watcher.join()


def _cut_off_in_call(cluster: Cluster, path: str, others: list[Host]) -> Service:
    """Cut `others` and a worker off at the moment when the provider gets its request. Returns the worker."""
    found: list[Service] = []
    is_cut = threading.Event()

    def watch(request: Request, when: str) -> None:
        workers = [one for one in cluster.workers if request.client and one.host.address == request.client.host]
        if is_cut.is_set() or when != "before" or not workers or not request.url.path.startswith(path):
            return
        for host in (workers[0].host, *others):
            host.cut_off()
        found.append(workers[0])
        is_cut.set()

    cluster.double.on_request = watch
    try:
        if not is_cut.wait(_TIMEOUT):
            raise TimeoutError(f"no worker made a request of {path}")
    finally:
        cluster.double.on_request = lambda _request, _when: None
    return found[0]


_OPEN_HOLDS = "SELECT count(*) FROM holds WHERE state = 'open' AND owner = %s"
_RUNNING_JOBS = "SELECT count(*) FROM dbos.workflow_status WHERE status = 'PENDING' AND executor_id = %s"


def _owner_of_calls(cluster: Cluster, api: Service, load: Load) -> str:
    """Return the name under which an API host holds the prices of its calls."""
    call = load.speak_once(cluster.urls[cluster.apis.index(api)])
    return str(cluster.query("SELECT owner FROM holds WHERE request_id = %s", call.request_id)[0][0])


def _watch(cluster: Cluster, query: str, owner: str, cut_at: float, outcome: HostsOutcome) -> None:
    """Record the seconds until nothing belongs to a process that was cut off."""
    while time.monotonic() - cut_at < _TIMEOUT:
        with contextlib.suppress(psycopg.Error):
            if cluster.query(query, owner)[0][0] == 0:
                outcome.take_overs.append(time.monotonic() - cut_at)
                return
        time.sleep(0.1)
    outcome.problems.append("the work of a host was not taken over")


def _wait_until_normal(cluster: Cluster, load: Load, outcome: HostsOutcome) -> float:
    """Wait until each API host serves speech and uploads. Returns the seconds."""
    began = time.monotonic()
    for url in cluster.urls:
        while not (load.speak_once(url).is_served and load.upload_once(url)):
            if time.monotonic() - began > _TIMEOUT:
                outcome.problems.append(f"not normal after {_TIMEOUT:g} s")
                return _TIMEOUT
            time.sleep(0.2)
    return time.monotonic() - began


class _Counts:
    """What has been charged and made since this was created."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._captures, self._spoken, self._voices = self._now()

    def since(self) -> tuple[int, int, int]:
        """Return the number of charges, of syntheses at the provider, and of voices there."""
        captures, spoken, voices = self._now()
        return captures - self._captures, spoken - self._spoken, voices - self._voices

    def _now(self) -> tuple[int, int, int]:
        captures = self._cluster.query("SELECT count(*) FROM ledger_transactions WHERE kind = 'capture'")[0][0]
        return captures, len(self._cluster.double.spoken), len(self._cluster.double.voices)


def _require_settled(cluster: Cluster, counts: _Counts, client: Client, load: Load, outcome: HostsOutcome) -> None:
    """Wait until nothing is held or running, and record what is wrong then."""
    database = Database(cluster.database_url)
    try:
        until = time.monotonic() + _TIMEOUT
        while (left := _unsettled(cluster, database)) and time.monotonic() < until:
            time.sleep(0.5)
        outcome.problems += left
        outcome.problems += verify(database)
    finally:
        database.close()
    jobs = {call.job_id: client.call("GET", f"/v2/jobs/{call.job_id}") for call in load.calls if call.job_id}
    what = {call.job_id: call.what for call in load.calls if call.job_id}
    for job_id, job in jobs.items():
        end = f"{what[job_id]} {job['status']}"
        code = (job.get("error") or {}).get("code")
        outcome.jobs[f"{end} ({code})" if code else end] += 1
        if job["status"] != "completed" and (what[job_id] != "speech job" or code != _UNKNOWN_OUTCOME):
            outcome.problems.append(f"a {what[job_id]} {job['status']}: {job.get('error')}")
    done = [job_id for job_id, job in jobs.items() if job["status"] == "completed"]
    served = [call for call in load.calls if call.is_served and not call.job_id]
    paid = sum(_costs(client, served)) + sum(jobs[job_id]["token_cost"] for job_id in done)
    charged = _CREDITS - client.balance()["credits"]
    if abs(charged - paid) > 1e-6:
        outcome.problems.append(f"{charged:g} tokens were charged, and the answers said {paid:g}")
    captures, spoken, voices = counts.since()
    if captures != len(served) + len(done):
        outcome.problems.append(f"{captures} charges of {len(served) + len(done)} calls and jobs")
    clones = sum(what[job_id] == "clone" for job_id in done)
    if voices != clones:
        outcome.problems.append(f"{voices} voices at the provider of {clones} clones")
    outcome.unpaid = spoken - (captures - clones)
    if outcome.unpaid < 0:
        outcome.problems.append(f"{-outcome.unpaid} charges without a synthesis")


def _unsettled(cluster: Cluster, database: Database) -> list[str]:
    counts: dict[str, str] = {
        "holds are open": "SELECT count(*) FROM holds WHERE state = 'open'",
        "jobs have not ended": "SELECT count(*) FROM jobs WHERE status IN ('queued', 'processing')",
        "paid calls have no outcome": "SELECT count(*) FROM intents WHERE state IN ('open', 'unknown')",
        "jobs ended twice": "SELECT count(*) FROM (SELECT job_id FROM job_events WHERE status IN ('completed', "
        "'failed') GROUP BY job_id HAVING count(*) > 1) AS twice",
    }
    found = {what: cluster.query(query)[0][0] for what, query in counts.items()}
    return [*(f"{count} {what}" for what, count in found.items() if count), *leftovers(database, cluster.files)]


def _costs(client: Client, calls: list[Call]) -> list[float]:
    """Return the cost of each call in tokens, as it was told. Streams of the same text cost the same."""
    costs = [call.cost for call in calls]
    for number, call in enumerate(calls):
        if call.cost is None and call.request_id:
            costs[number] = client.call("GET", f"/v2/billing/requests/{call.request_id}")["data"]["tokens"]
    usual = max((cost for cost in costs if cost is not None), default=0.0)
    return [usual if cost is None else cost for cost in costs]


def _show(one: HostsOutcome) -> None:
    print(f"{one.case.title}: {_in_words(one.answers)}; jobs: {_in_words(one.jobs)}", flush=True)
    print(
        f"  taken over after {_longest(one)}, normal {one.normal_seconds:.1f} s after its return, the longest answer "
        f"{one.max_answer_seconds:.1f} s; {one.replayed} calls repeated, {one.unpaid} syntheses not charged, "
        f"{one.exits} processes started again",
        flush=True,
    )
    for problem in one.problems:
        print(f"  WRONG: {problem}", flush=True)


def _report(outcomes: list[HostsOutcome]) -> reports.Report:
    """Create the section for docs/reliability.md."""
    return reports.Report(
        title="Hosts cut off the network",
        command="python benchmarks/reliability/hosts.py",
        passed=not any(one.problems for one in outcomes),
        summary=[
            "Two API hosts, three worker hosts, a Postgres and an S3 storage, each in a network namespace of its own. "
            f"One is cut off for {_CUT_SECONDS:g} s under load and brought back. Callers go to the other API host with "
            "the same Idempotency-Key. What must hold: every job has ended once, no hold is open, the charges are what "
            "the answers said, the ledger is clean, and no file, row or voice is left over.",
            f"Lost or wrong: {sum(len(one.problems) for one in outcomes)}. The longest take-over: "
            f"{max((seconds for one in outcomes for seconds in one.take_overs), default=0.0):.1f} s.",
        ],
        columns=(
            *("Cut off", "What the callers were told", "How the jobs ended", "Taken over after"),
            *("Normal after its return, s", "Syntheses that nobody was charged for", "Lost"),
        ),
        rows=[
            (
                *(one.case.title, _in_words(one.answers), _in_words(one.jobs), _longest(one)),
                *(round(one.normal_seconds, 1), one.unpaid, "; ".join(one.problems) or "nothing"),
            )
            for one in outcomes
        ],
    )


def _longest(one: HostsOutcome) -> str:
    return f"{max(one.take_overs):.1f} s" if one.take_overs else "–"


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in sorted(counts.items())) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
