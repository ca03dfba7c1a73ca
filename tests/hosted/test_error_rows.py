"""Every error of both providers through the API: the caller's response, and that no secret leaks.

`docs/provider-errors.md` must show the same. Update it with
`VOXPORT_WRITE_DOCS=1 .venv/bin/python -m pytest tests/hosted/test_error_rows.py`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from fastapi import Request, Response

from tests.hosted.rows import ROWS, CallKind, Row
from tests.support.client import error_of, settings_for
from tests.support.hosted_env import CLONE, ELEVENLABS_KEY, INSTANT, MINIMAX_KEY, TEXT, HostedEnv, open_hosted_env
from voxport.billing.verify import verify
from voxport.errors import VoxportError
from voxport.gateway import open_gateway
from voxport.logs import configure_logging
from voxport.providers import billed_client
from voxport.testing.doubles import Fault
from voxport.web import error_handlers

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "provider-errors.md"
CALL_TIMEOUT: Final = 5.0
"""Seconds, on the fake clock that only `sleep` advances. Below the `Retry-After` of 7 s in one row."""
UPDATE_COMMAND: Final = "renew it: VOXPORT_WRITE_DOCS=1 .venv/bin/python -m pytest tests/hosted/test_error_rows.py"
KEPT_SECONDS: Final = 901


class TurnedTime:
    """Replaces the module `time` of `providers.billed_client`: `sleep` advances the clock without waiting."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class LeakRecorder(logging.Handler):
    """Records everything that leaves the gateway: responses, log records of every level, and the exceptions behind the
    responses. `records` are tuples: whether the gateway shows the record at its most verbose level, the logger, the
    text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.answers: list[str] = []
        self.records: list[tuple[bool, str, str]] = []
        self.exceptions: list[str] = []
        self._min_levels: dict[str, int] = {}

    @contextlib.contextmanager
    def recording_all(self) -> Iterator[LeakRecorder]:
        """Attach this handler to every logger, including those that the gateway silences."""
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        root.handlers = []  # so that configure_logging closes none of pytest's
        configure_logging("DEBUG")
        silenced = [name for name in root.manager.loggerDict if logging.getLogger(name).level > logging.DEBUG]
        self._min_levels = {name: logging.getLogger(name).level for name in silenced}
        for name in silenced:
            logging.getLogger(name).setLevel(logging.DEBUG)
        root.handlers = [*handlers, self]
        try:
            yield self
        finally:
            root.handlers = handlers
            root.setLevel(level)
            for name, min_level in self._min_levels.items():
                logging.getLogger(name).setLevel(min_level)

    def emit(self, record: logging.LogRecord) -> None:
        parents = [record.name.rsplit(".", depth)[0] for depth in range(record.name.count(".") + 1)]
        min_level = max((self._min_levels.get(name, logging.DEBUG) for name in parents), default=logging.DEBUG)
        shown = f"{self.format(record)} {vars(record)}"  # with the exception's text and the record's attributes
        self.records.append((record.levelno >= min_level, record.name, shown))

    def follow(self, hosted_env: HostedEnv) -> None:
        """Record every further response of this gateway, and every exception that became one."""

        def heard(answer: httpx2.Response) -> None:
            answer.read()
            text = answer.text if not answer.headers["content-type"].startswith("audio") else ""
            self.answers.append(f"{answer.status_code} {answer.headers.multi_items()} {text}")

        async def handled(request: Request, error: Exception) -> Response:
            # With local variables, as error trackers collect them.
            self.exceptions.append(
                "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
            )
            return await error_handlers._voxport_error(request, error)

        hosted_env.client.http.event_hooks = {"response": [heard]}
        hosted_env.client.app.add_exception_handler(VoxportError, handled)

    def everything(self) -> Iterator[str]:
        yield from self.answers
        yield from self.exceptions
        yield from (text for _, _, text in self.records)


@dataclass(frozen=True)
class RowResult:
    """The caller's response, the tokens held after it, and whether the balance was restored in the end."""

    status: int
    error: dict[str, Any]
    headers: httpx2.Headers
    text: str
    requests: int
    held: float
    is_as_before: bool
    open_intents: list[str]


class RowRunner:
    """Runs each row once against a gateway, and caches the result."""

    def __init__(
        self, open_env: Callable[[], contextlib.AbstractContextManager[HostedEnv]], hosted_env: HostedEnv
    ) -> None:
        """`open_env` opens a new gateway with doubles, adapters and a customer."""
        self._open_env = open_env
        self.hosted_env = hosted_env
        self.recording = hosted_env.upload()
        self._results: dict[str, RowResult] = {}
        self._stock: dict[str, str] = {}

    def result(self, row: Row) -> RowResult:
        if row.id not in self._results:
            self._results[row.id] = self._run(row)
        return self._results[row.id]

    def stock(self, provider: str) -> str:
        """Return the id of a stock voice."""
        if provider not in self._stock:
            listed = self.hosted_env.client.get(f"/v1/proxy/core-tts-voices?provider={provider}").json()["data"][
                "voices"
            ]
            self._stock[provider] = listed[0]["voice_id"]
        return self._stock[provider]

    def _run(self, row: Row) -> RowResult:
        if row.call_kind == "account":  # a refused account request is cached for a while, so it gets its own gateway
            with self._open_env() as hosted_env:
                return _observe(hosted_env, row, lambda: hosted_env.instant(row.provider))
        hosted_env, voice_id = self.hosted_env, self.stock(row.provider)
        if row.call_kind in ("clone's speech", "delete"):
            voice_id = hosted_env.clone(row.provider, speaker=3)
        body = {"audioUrl": self.recording, "text": TEXT, "provider": row.provider}
        calls_by_kind: dict[CallKind, Callable[[], httpx2.Response]] = {
            "speech": lambda: hosted_env.speak(voice_id),
            "stream": lambda: hosted_env.speak(voice_id, stream=True),
            "clone's speech": lambda: hosted_env.speak(voice_id),
            "delete": lambda: hosted_env.client.delete(f"/v1/voices/{voice_id}"),
            "instant clone": lambda: hosted_env.client.post(INSTANT, body),
            "upload": lambda: hosted_env.client.post(INSTANT, body),
        }
        seen = _observe(hosted_env, row, calls_by_kind[row.call_kind])
        if row.expect.status in (503, 504):
            self.require_success(row.provider)
        return seen

    def require_success(self, provider: str) -> None:
        """Check that the failure does not affect the next call. The success also keeps the circuit closed."""
        assert self.hosted_env.speak(self.stock(provider)).status_code == 200


def _observe(hosted_env: HostedEnv, row: Row, call_kind: Callable[[], httpx2.Response]) -> RowResult:
    double, before = getattr(hosted_env, row.provider), hosted_env.client.balance()
    first = len(double.requests)
    with _with_fault(hosted_env, row):
        answer = call_kind()
        asked = [one for one in double.requests[first:] if one[0] == row.method and one[1].startswith(row.path)]
    error = error_of(answer) if answer.status_code >= 400 else {}
    balance = hosted_env.client.balance()
    held = balance["held"]
    if answer.status_code == 504:
        hosted_env.clock.advance(seconds=KEPT_SECONDS)
        hosted_env.run_sweeps()
        balance = hosted_env.client.balance()
    is_as_before = balance == before
    open_intents = [
        one.state for one in hosted_env.gateway.provider_calls.list_all() if one.state in ("open", "unknown")
    ]
    text = "" if answer.headers["content-type"].startswith("audio") else answer.text
    return RowResult(answer.status_code, error, answer.headers, text, len(asked), held, is_as_before, open_intents)


@contextlib.contextmanager
def _with_fault(hosted_env: HostedEnv, row: Row) -> Iterator[None]:
    """Make the provider respond as the row says during the block."""
    faults = getattr(hosted_env, row.provider).faults
    faults.add(
        Fault(
            row.path,
            method=row.method,
            status=row.status,
            body=row.body,
            headers=dict(row.headers),
            content_type=row.content_type,
            times=row.times,
        )
    )
    yield
    faults.clear()


@pytest.fixture(scope="module")
def leak_recorder() -> Iterator[LeakRecorder]:
    with LeakRecorder().recording_all() as handler:
        yield handler


@pytest.fixture(scope="module")
def row_runner(tmp_path_factory: pytest.TempPathFactory, leak_recorder: LeakRecorder) -> Iterator[RowRunner]:
    settings = settings_for(tmp_path_factory.mktemp("rows"))

    @contextlib.contextmanager
    def open_env() -> Iterator[HostedEnv]:
        with open_hosted_env(partial(open_gateway, settings), credits="5000", timeout=CALL_TIMEOUT) as hosted_env:
            leak_recorder.follow(hosted_env)
            yield hosted_env

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(billed_client, "time", TurnedTime())
        with open_env() as hosted_env:
            yield RowRunner(open_env, hosted_env)


def _params(of: Callable[[Row], bool]) -> list[Any]:
    return [pytest.param(row, id=row.id) for row in ROWS if of(row)]


def _is_error(row: Row) -> bool:
    return row.expect.status >= 400


@pytest.mark.parametrize("row", _params(lambda _: True))
def test_the_caller_gets(row_runner: RowRunner, row: Row) -> None:
    seen = row_runner.result(row)
    assert (seen.status, seen.error.get("code", "")) == (row.expect.status, row.expect.code), seen.text
    assert row.expect.word in seen.error.get("message", "")
    assert not any(said in seen.text for said in _sentences(row.body)), "its own sentences stay inside"
    if row.expect.code == "validation_failed":
        assert json.loads(seen.text)["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize("row", _params(_is_error))
def test_an_error_costs_nothing(row_runner: RowRunner, row: Row) -> None:
    """The hold of a call with an unknown outcome is kept for a while; any other is released at once."""
    seen = row_runner.result(row)
    assert (seen.held > 0) == (seen.status == 504)
    assert seen.is_as_before
    assert seen.open_intents == []


@pytest.mark.parametrize("row", _params(_is_error))
def test_the_details_name_the_provider_and_its_own_id_of_the_request(row_runner: RowRunner, row: Row) -> None:
    details = row_runner.result(row).error["details"]
    assert details.get("provider") == row.provider
    assert details.get("provider_request_id") == row.trace


@pytest.mark.parametrize("row", _params(lambda row: row.expect.status == 429))
def test_a_call_too_much_is_tried_again_and_the_caller_told_when_to_come_back(row_runner: RowRunner, row: Row) -> None:
    seen = row_runner.result(row)
    after = int(seen.headers["Retry-After"])
    assert 1 <= after <= 30
    assert seen.error["details"]["retry_after"] == after
    assert f"try again in {after} s" in seen.error["message"]
    wanted = row.headers.get("Retry-After")
    if wanted is not None:
        assert after == int(wanted), "as the provider says"
    is_patient = row.call_kind in ("speech", "stream") and wanted is None
    assert seen.requests > 1 if is_patient else seen.requests == 1


def _clones() -> list[Row]:
    """Return the first cloning row of each expectation, because a job takes a while."""
    cloning = [row for row in ROWS if row.call_kind in ("instant clone", "upload")]
    return list({(row.provider, row.expect): row for row in reversed(cloning)}.values())[::-1]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in _clones()])
def test_a_clone_job_says_the_same(row_runner: RowRunner, row: Row) -> None:
    hosted_env, before = row_runner.hosted_env, row_runner.hosted_env.client.balance()
    with _with_fault(hosted_env, row):
        job = hosted_env.run(
            hosted_env.client.post(CLONE, {"audioUrl": row_runner.recording, "provider": row.provider})
        )
    if row.expect.status == 200:
        assert job["status"] == "completed"
        return
    assert (job["status"], job["error"]["code"]) == ("failed", row.expect.code)
    assert row.expect.word in job["error"]["message"]
    assert not any(said in json.dumps(job) for said in _sentences(row.body))
    assert (hosted_env.held() > 0) == (row.expect.status == 504)
    if row.expect.status == 504:
        hosted_env.clock.advance(seconds=KEPT_SECONDS)
        hosted_env.run_sweeps()
    assert hosted_env.client.balance() == before
    if row.expect.status in (503, 504):
        row_runner.require_success(row.provider)


@pytest.mark.parametrize("provider", ["elevenlabs", "minimax"])
def test_a_key_that_the_provider_repeats_goes_no_further(row_runner: RowRunner, provider: str) -> None:
    said = f"{ELEVENLABS_KEY} {MINIMAX_KEY} is no key"
    bodies = {
        "elevenlabs": (401, {"detail": {"type": "x", "code": said, "message": said, "status": said, "param": said}}),
        "minimax": (200, {"data": said, "base_resp": {"status_code": 1004, "status_msg": said}}),
    }
    status, body = bodies[provider]
    path = {"elevenlabs": "/v1/text-to-speech", "minimax": "/v1/t2a_v2"}[provider]
    for fields in ({}, {"stream": True}):
        getattr(row_runner.hosted_env, provider).faults.add(Fault(path, status=status, body=body))
        answer = row_runner.hosted_env.speak(row_runner.stock(provider), **fields)
        assert answer.status_code == 503
        assert "is no key" not in f"{answer.text} {answer.headers}"


def test_the_books_are_right_after_all_of_it(row_runner: RowRunner) -> None:
    assert verify(row_runner.hosted_env.gateway.database) == []
    assert row_runner.hosted_env.held() == 0


def test_the_page_tells_what_was_seen(row_runner: RowRunner) -> None:
    page = _page(row_runner)
    if os.environ.get("VOXPORT_WRITE_DOCS"):
        PAGE.write_text(page, "utf-8")
    written = PAGE.read_text("utf-8") if PAGE.exists() else ""
    missing = [line for line in page.splitlines() if line not in written.splitlines()]
    assert written == page, f"{UPDATE_COMMAND}\n" + "\n".join(missing)


def test_no_key_and_no_address_of_a_provider_is_in_any_answer_log_or_exception(
    row_runner: RowRunner, leak_recorder: LeakRecorder
) -> None:
    for row in ROWS:
        row_runner.result(row)  # for when this test runs alone
    assert len(leak_recorder.answers) > len(ROWS)
    assert len(leak_recorder.exceptions) > len(ROWS) / 2
    leaks = [text for text in leak_recorder.everything() if ELEVENLABS_KEY in text or MINIMAX_KEY in text]
    assert not leaks, leaks[0][:2_000]
    # httpcore2 logs where it connects, and the gateway silences it: the addresses are read from those records.
    silenced = [text for is_shown, name, text in leak_recorder.records if not is_shown and name.startswith("httpcore2")]
    ports = {found for text in silenced for found in re.findall(r"host='127\.0\.0\.1' port=(\d+)", text)}
    addresses = {f"127.0.0.1:{port}" for port in ports}
    assert len(addresses) >= 2
    shown = [text for is_shown, _, text in leak_recorder.records if is_shown]
    assert any("a voice is gone and made again" in text for text in shown)
    told = [
        text
        for text in (*leak_recorder.answers, *leak_recorder.exceptions, *shown)
        if any(one in text for one in addresses)
    ]
    assert not told, told[0][:2_000]


def _sentences(body: Any) -> Iterator[str]:
    """Yield the strings with a space in a provider's response."""
    if isinstance(body, str) and " " in body:
        yield body
    elif isinstance(body, dict | list):
        for one in body.values() if isinstance(body, dict) else body:
            yield from _sentences(one)


_HEAD: Final = """\
# What a provider answers, and what the caller gets

As `tests/hosted/test_error_rows.py` saw it, which wrote this page: each answer was given to one call through the
gateway's HTTP API. None of these errors costs anything. After a 504 the hold is kept for 15 minutes, as the work may
have been done; all others give it back at once. `details` hold the provider's name and its own id of the request.
"""
_TITLES: Final = {"elevenlabs": "ElevenLabs", "minimax": "MiniMax (a number is the code in `base_resp`)"}


def _page(row_runner: RowRunner) -> str:
    parts = [_HEAD]
    for provider, title in _TITLES.items():
        parts.append(
            f"\n## {title}\n\n| asked for | the provider answers | HTTP | code | sentence |\n|---|---|---|---|---|\n"
        )
        parts += [_line(row, row_runner.result(row)) for row in ROWS if row.provider == provider]
    return "".join(parts)


def _line(row: Row, seen: RowResult) -> str:
    answer = row.name if row.times == 1 else f"{row.name}, again and again"
    code = f"`{seen.error['code']}`" if seen.error else ""
    sentence = re.sub(r"in \d+ s\b", "in … s", seen.error["message"]) if seen.error else "as if nothing had happened"
    return f"| {row.call_kind} | {answer} | {seen.status} | {code} | {sentence} |\n"
