"""Tests the whole API against its own OpenAPI document: python benchmarks/reliability/schema.py [--examples 50]

schemathesis generates valid and invalid requests from the document, alone and in sequences, and checks every response
against the document: first as a customer, then as the operator. The gateway is a real one on a socket, with a worker;
only its provider returns a hum instead of speech, and no host name resolves.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reports import Report, write
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from tests.support.server import serving, wait_until
from voxport.fetch.client import FetchPolicy
from voxport.gateway import open_gateway
from voxport.jobs.dbos_worker import DbosWorker
from voxport.jobs.runner import JobRunner

SEED = 5
# Fields with rules that the document can't express: a request that fits the document may still be refused. The check
# positive_data_acceptance is off for operations that take one of these fields.
BEYOND_SHAPE = {
    "audioUrl": "whether anything is there, and is a recording",
    "text": "whether the language can be spoken with these letters",
    "pronunciations": "whether there is such a dictionary",
    "rules": "whether the symbols can be spoken, and that a lexicon is PLS",
    "mix": "whether there is such a voice, at the local provider",
    "cast": "whether each character of the script has a voice",
    "content_type": "whether the decoder reads it",
    "cursor": "whether a list of the gateway gave it",
    "webhook_url": "whether it may be called",
    "url": "whether it may be called",
    "provider": "whether it is configured, and can do it",
    "from": "whether it is a day of the calendar",
    "amount": "how many places a number has, and whether a profile may have so much",
    "ledger_id": "that a call is named by one of two ids",
}
# An erased profile stays readable, without its data: the ledger needs it (docs/decisions/0034).
_STAYS_WHEN_DELETED = r"^/v2/admin/profiles/\{profile_id\}(/keys)?$"
# A provider without a key must answer 503; every other 5xx is a failure.
EXPECTED = ["2xx", "3xx", "4xx", "503"]
_RECEIVER = "https://hooks.example.com/in"
_ADMIN_KEY = "an-operators-key-of-more-than-32-letters"
_ADMIN_PATHS = "^(/v2/admin/|/metrics$)"
# The fields that take ids and URLs of `_known`. A customer gets no key ids: it would soon revoke its own key.
_FIELDS = {
    "body.audioUrl": "audio",
    "body.text": "text",
    "body.voice_id": "voice",
    "body.content_type": "type",
    "body.webhook_url": "receiver",
    "path.voice_id": "voice",
    "path.job_id": "job",
    "path.key": "file",
    "path.delivery_id": "delivery",
}
_ADMIN_FIELDS = {"path.profile_id": "profile", "path.key_id": "key", "body.request_id": "charge"}
# Uploads are bytes of any media type.
_HOOKS = """import schemathesis
types = ["audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "video/mp4", "audio/*", "video/*"]
schemathesis.serializer.alias(types, "application/octet-stream")
"""


@dataclass(frozen=True)
class SchemaOutcome:
    """`failures` has a line for each failure."""

    operations: int
    cases: int
    failures: list[str]
    log: str


def run(
    examples: int, folder: Path, *, spoil: Callable[[GatewayClient], None] = lambda _: None, path: str | None = None
) -> SchemaOutcome:
    """Send up to `examples` requests of each kind to each operation. `spoil` may change the gateway beforehand. With
    `path`, test only this path, and only as a customer."""
    with gateway(folder) as (client, port):
        spoil(client)
        document = client.http.get("/openapi.json").json()
        (folder / "hooks.py").write_text(_HOOKS, "utf-8")
        known = _known(client)
        customers = ["--include-path", path] if path else ["--exclude-path-regex", _ADMIN_PATHS]
        customer = _tried(folder, port, client.key, _config(document, known, _FIELDS), customers, examples)
        if path:
            return customer
        operators = ["--include-path-regex", _ADMIN_PATHS]
        operator = _tried(folder, port, _ADMIN_KEY, _config(document, known, _ADMIN_FIELDS), operators, examples)
    return SchemaOutcome(
        customer.operations + operator.operations,
        customer.cases + operator.cases,
        customer.failures + operator.failures,
        customer.log + operator.log,
    )


def _tried(folder: Path, port: int, key: str, config: str, paths: list[str], examples: int) -> SchemaOutcome:
    """Run schemathesis with the key of a customer or of the operator, on the operations of `paths`."""
    (folder / "schemathesis.toml").write_text(config, "utf-8")
    url, report = f"http://127.0.0.1:{port}", folder / "report.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url, *paths]
    command += ["--header", f"Authorization: Bearer {key}", "--mode", "all"]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples)]
    command += ["--seed", str(SEED), "--generation-database", "none", "--continue-on-failure", "--no-color"]
    command += ["--suppress-health-check", "filter_too_much"]
    command += ["--report", "json", "--report-json-path", str(report), "--request-timeout", "60"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return _outcome(json.loads(report.read_text("utf-8")), done.stdout + done.stderr)


def _known(client: GatewayClient) -> dict[str, list[str]]:
    """Create objects, and return their ids and URLs, which schemathesis can't guess."""
    slot = client.upload()
    alert = {"below": 5, "webhook_url": _RECEIVER}
    assert client.put_json("/v2/billing/alert", alert).status_code == 200
    voice_id = _clone(client, slot["public_url"])
    other = client.another_customer()
    return {
        "audio": [slot["public_url"]],
        "file": [slot["object_key"], client.upload()["object_key"]],
        "text": ["The ferry leaves the island at seven.", "Hello."],
        "voice": [voice_id, "hum"],
        "delivery": [client.get("/v2/webhooks/deliveries").json()["data"][0]["id"]],
        "receiver": [_RECEIVER],
        "job": [client.get("/v2/jobs").json()["data"][0]["id"]],
        "type": ["audio/wav", "video/mp4"],
        "profile": [client.profile_id, other.profile_id],
        "key": [row["id"] for one in (client, other) for row in one.get("/v2/keys").json()["data"]],
        "charge": [row["request_id"] for row in client.get("/v2/billing/ledger").json()["data"] if row["request_id"]],
    }


def _config(document: Any, known: dict[str, list[str]], fields: dict[str, str]) -> str:
    """Return the configuration of schemathesis: values for known fields, and the expected statuses."""
    lines = ['hooks = "hooks.py"']
    for name in sorted(set(fields.values())):
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(known[name])}"]
    lines.append("[parameters]")
    for field, name in fields.items():
        lines.append(f'"{field}" = {{ dictionary = "{name}", probability = 0.5 }}')
    lines += ["[checks]", f"not_a_server_error.expected-statuses = {json.dumps(EXPECTED)}"]
    for operation in sorted(_beyond_shape(document)):
        lines += ["[[operations]]", f"include-name = {json.dumps(operation)}"]
        lines += ["checks.positive_data_acceptance.enabled = false"]
    lines += ["[[operations]]", f"include-path-regex = {json.dumps(_STAYS_WHEN_DELETED)}"]
    lines += ["checks.use_after_free.enabled = false"]
    return "\n".join(lines) + "\n"


def _clone(client: GatewayClient, audio_url: str) -> str:
    """Create a cloned voice before the test."""
    body = {"audioUrl": audio_url, "provider": "local", "webhook_url": _RECEIVER}
    job = client.post("/v1/proxy/core-voice-clone", body).json()["job"]
    wait_until(lambda: _job(client, job["id"])["status"] == "completed", seconds=60, what="the clone")
    voice_id: str = _job(client, job["id"])["result_data"]["voice_id"]
    return voice_id


def _job(client: GatewayClient, job_id: str) -> Any:
    return client.get(f"/v2/jobs/{job_id}").json()


def _beyond_shape(document: Any) -> set[str]:
    """Return the operations that take a field of `BEYOND_SHAPE`."""
    found = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            schema = document["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {})
            if (names | schema.get("properties", {}).keys()) & BEYOND_SHAPE.keys():
                found.add(f"{method.upper()} {path}")
    return found


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[tuple[GatewayClient, int]]:
    """Open a gateway with a humming provider and a worker. Yields a customer's client and the port."""
    opened = open_gateway(
        settings_for(
            folder / "data",
            public_url="http://127.0.0.1",
            job_poll_seconds=0.05,
            admin_key=_ADMIN_KEY,
            worker_speech_concurrency=2,
        ),
        providers=[FakeProvider()],
        samples=AcceptingSamples,
        fetch_policy=FetchPolicy(max_bytes=1 << 20, timeout_seconds=5, resolver=_nowhere, dialer=_nowhere),
    )
    client = open_client(opened, "1000000")
    worker = DbosWorker(
        opened.database,
        opened.leases,
        JobRunner(opened.jobs, opened.handlers),
        poll_seconds=0.05,
    )
    worker.start()
    try:
        with serving(client) as port:
            yield client, port
    finally:
        worker.stop()
        worker.close()
        opened.close()


def _nowhere(*_: Any) -> Any:
    raise OSError("nothing is reached from here")


def _outcome(report: dict[str, Any], log: str) -> SchemaOutcome:
    failures = [f"{one['title']}: {operation}" for one in report["failures"] for operation in one["operations"]]
    failures += [f"error: {json.dumps(one)[:200]}" for one in report["errors"]]
    if not report["complete"]:
        failures.append(f"the run ended early: {report['stop_reason']}")
    return SchemaOutcome(report["operations"]["tested"], report["test_cases"]["generated"], failures, log)


def report_of(outcome: SchemaOutcome, examples: int) -> Report:
    held_back = [
        ("check `positive_data_acceptance`", f"operations with `{field}`", f"the document can't say {reason}")
        for field, reason in BEYOND_SHAPE.items()
    ]
    held_back += [
        ("check `not_a_server_error`", "status 503", "a provider that is not configured has to say so"),
        (
            "check `use_after_free`",
            "`/v2/admin/profiles/{profile_id}` and its `/keys`",
            "an erased profile stays to be seen, since the books need it",
        ),
        (
            "check `object_level_authorization`",
            "everywhere",
            "it takes customers from a file of its own kind; tests try another's things",
        ),
        ("health check `filter_too_much`", "everywhere", "few of the paths that are made up can be sent in a URL"),
    ]
    return Report(
        title="The API against its own OpenAPI document",
        command=f"python benchmarks/reliability/schema.py --examples {examples}",
        passed=not outcome.failures,
        summary=[
            f"schemathesis, all checks, good and bad data, alone and in sequences, seed {SEED}: "
            f"{outcome.cases:,} cases over {outcome.operations} operations of customers and of the operator, "
            f"{len(outcome.failures)} failures.",
            "Left out, each with its reason:",
        ],
        columns=["what", "where", "why"],
        rows=held_back,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=50, help="requests of each kind for each operation")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voxport-schema-") as folder:
        outcome = run(arguments.examples, Path(folder))
    write("schemathesis", report_of(outcome, arguments.examples))
    print(f"{outcome.cases:,} cases over {outcome.operations} operations, {len(outcome.failures)} failures")
    if outcome.failures:
        print(outcome.log, *outcome.failures, sep="\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
