"""Sends every URL of `hostile_urls.py` to the gateway as an audioUrl, in three ways:

    python benchmarks/security/ssrf.py

The ways are `fetch` itself, core-instant-clone-tts over HTTP, and core-voice-clone with the job that it queues; the
gateway runs in this process. The network is `hostile_net.py`: its resolver lies, and a connection to anything but the
two addresses that stand for the internet is counted. Look-alikes of the gateway's own signed URLs are sent as well.
Exits with 1 if a URL is let through, or gets any error but the one generic message.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2

from benchmarks import reports
from benchmarks.security.hostile_net import FakeInternet
from benchmarks.security.hostile_urls import Hostile, corpus
from voxport.app import create_app
from voxport.billing.money import to_micro
from voxport.errors import AudioUrlUnusable, VoxportError
from voxport.fetch.client import fetch
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.runner import JobRunner
from voxport.media.signing import Grant
from voxport.samples.loader import IS_UPLOAD_URL
from voxport.settings import Settings
from voxport.testing.doubles import serve_app
from voxport.testing.running_gateway import NO_LIMITS

PUBLIC_URL = "https://voices.example.com"
_OWN = "look-alikes of own URLs"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# Codes that the owner of an upload, and nobody else, gets for its URLs.
_OWN_CODES = ("bad_signature", "media_not_found")
_UPLOAD_URL = {"code": AudioUrlUnusable.code, "message": IS_UPLOAD_URL, "details": {}}
_BLAND = {"code": AudioUrlUnusable.code, "message": AudioUrlUnusable.TEXT, "details": {}}


@dataclass
class SsrfFigures:
    """`let_through` and `differing` list URLs, `how` says for each URL of the former what happened; `slowest` is in
    seconds."""

    tried: int = 0
    tries: int = 0
    let_through: list[str] = field(default_factory=list)
    how: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    slowest: float = 0.0
    groups: dict[str, list[int]] = field(default_factory=dict)
    dialled_inside: int = 0
    reached_inside: int = 0

    @property
    def passed(self) -> bool:
        return not (self.let_through or self.differing or self.dialled_inside or self.reached_inside)


Error = dict[str, Any] | None
"""Code, message and details of the error that the caller got; None if there was no error."""


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    figures = run()
    for one in figures.how:
        print(f"let through: {one}")
    for url in figures.differing:
        print(f"told otherwise: {url[:200]!a}")
    path = reports.write("ssrf", report(figures))
    print(
        f"{figures.tried} URLs, {len(figures.let_through)} let through, {len(figures.differing)} told otherwise: {path}"
    )
    return 0 if figures.passed else 1


def run(hostile: Sequence[Hostile] | None = None, *, step: int = 1, **policy: object) -> SsrfFigures:
    """Try every `step`th URL of each group of the corpus, or the given ones. `policy` has options of the FetchPolicy;
    tests loosen it to check that leaks are counted."""
    figures = SsrfFigures()
    with tempfile.TemporaryDirectory(prefix="voxport-ssrf-") as name:
        internet = FakeInternet(Path(name))
        with internet.open(), _proxies(internet.canary_url), _open_attacked(Path(name), internet, policy) as attacked:
            for one in _every(step) if hostile is None else hostile:
                if one.url.startswith("https://secure.test") and not internet.has_tls:
                    continue
                _try(figures, one, attacked.attack_paths(one.url), internet)
            for url in attacked.look_alikes()[::step] if hostile is None else ():
                _try(figures, Hostile(_OWN, url), attacked.attack_paths(url)[1:], internet)
            figures.dialled_inside, figures.reached_inside = len(internet.reached), len(internet.visits)
    return figures


def _every(step: int) -> Iterator[Hostile]:
    """Yield the first URL of each group, and every `step`th after it."""
    seen: Counter[str] = Counter()
    for one in corpus():
        if seen[one.group] % step == 0:
            yield one
        seen[one.group] += 1


def report(figures: SsrfFigures) -> reports.Report:
    """Create the section for docs/reliability.md."""
    return reports.Report(
        title="Hostile URLs",
        command="python benchmarks/security/ssrf.py",
        passed=figures.passed,
        summary=[
            f"{figures.tried} URLs in {figures.tries} tries: by `fetch`, by core-instant-clone-tts over HTTP, and by "
            "core-voice-clone with its job.",
            f"Let through: {len(figures.let_through)}. Connections to what must not be reached: "
            f"{figures.dialled_inside} dialled, {figures.reached_inside} arrived.",
            f"Answers that differ from the one bland text: {len(figures.differing)}; a look-alike of an own signed URL "
            "may also get 403 or 404.",
            f"The slowest took {figures.slowest:.2f} s.",
        ],
        columns=("Group", "URLs", "Let through", "Told otherwise"),
        rows=[(group, *counts) for group, counts in figures.groups.items()],
    )


def _try(
    figures: SsrfFigures, one: Hostile, attack_paths: Sequence[Callable[[], Error]], internet: FakeInternet
) -> None:
    counts = figures.groups.setdefault(one.group, [0, 0, 0])
    counts[0] += 1
    figures.tried += 1
    through = told_otherwise = False
    for attack_path in attack_paths:
        internet.forget()
        dialled, visits, began = len(internet.reached), len(internet.visits), time.monotonic()
        error = attack_path()
        figures.slowest = max(figures.slowest, time.monotonic() - began)
        figures.tries += 1
        happened = [f"dialled {address}" for address in internet.reached[dialled:]]
        happened += [f"visited: {asked!r}" for asked in internet.visits[visits:]]
        if error is None:
            happened.append("no error")
        if happened:
            through = True
            figures.how.append(f"{one.url[:200]!a}: {', '.join(happened)}")
        own = one.group == _OWN and error is not None and (error["code"] in _OWN_CODES or error == _UPLOAD_URL)
        # Whitespace around a URL is stripped first: a URL of only whitespace fails validation instead.
        blank = not one.url.strip() and error is not None and error["code"] == "validation_failed"
        told_otherwise |= not own and not blank and error != _BLAND
    if through:
        figures.let_through.append(one.url)
    if told_otherwise:
        figures.differing.append(one.url)
    counts[1] += through
    counts[2] += told_otherwise


class _AttackedGateway:
    """A gateway, and a customer that sends it hostile URLs."""

    def __init__(
        self, gateway: Gateway, http: httpx2.Client, internet: FakeInternet, policy: dict[str, object]
    ) -> None:
        self._gateway = gateway
        self._http = http
        self._policy = internet.policy(**policy)
        self._runner = JobRunner(gateway.jobs, gateway.handlers)
        self._profile_id, key = self._customer()
        http.headers["Authorization"] = f"Bearer {key}"

    def attack_paths(self, url: str) -> list[Callable[[], Error]]:
        return [lambda: self._fetch(url), lambda: self._instant(url), lambda: self._clone(url)]

    def look_alikes(self) -> list[str]:
        """Return URLs that resemble the gateway's own, for a customer with one upload who knows another's URL."""
        own, others, later = self._upload(self._profile_id), self._upload(self._customer()[0]), int(time.time()) + 3600
        signer = self._gateway.signer

        def url(key: str, expires: int = later) -> str:
            return signer.url(Grant("get", key, expires))

        signed, (path, _, signature) = url(others), url(own).rpartition("=")
        flipped = signature[:-1] + ("0" if signature[-1] != "0" else "1")
        return [
            signed,
            signed.replace(PUBLIC_URL, "http://127.0.0.1"),
            signed.replace(PUBLIC_URL, "https://public.test"),
            signed.replace(PUBLIC_URL, "file://"),
            signed.replace(PUBLIC_URL, ""),
            url(own).replace(own, others),
            url(own).replace(own, f"{own}/../../{others}"),
            f"{path}={flipped}",
            f"{path}={signature}0",
            f"{path}=",
            f"{path}={'0' * 64}",
            url(own, int(time.time()) - 10),
            url(own).replace("operation=get", "operation=put"),
            url(own).replace("expires=", "expires=9"),
            url(own) + "&extra=1",
            url(own) + "&signature=" + flipped,
            url(own).replace("?", "?expires=1&"),
            url(own).replace("/v1/blobs/", "/v1/blobs//"),
            signer.url(Grant("put", own, later, content_type="audio/wav")),
            f"{PUBLIC_URL}/v1/blobs/{others}",
            f"{PUBLIC_URL}/v1/blobs/../jobs",
            f"{PUBLIC_URL}/v2/billing/balance",
            f"http://127.0.0.1/v1/blobs/{own}",
            url("uploads/../secret.key"),
            url("samples/a/sample.flac"),
            url("../voxport.db"),
        ]

    def _fetch(self, url: str) -> Error:
        try:
            fetch(url, io.BytesIO(), self._policy)
        except VoxportError as error:
            return _shown(error.as_body(None))
        except Exception as error:
            return {"code": type(error).__name__}
        return None

    def _instant(self, url: str) -> Error:
        body = {"audioUrl": url, "text": "Hi", "provider": "local"}
        answer = self._http.post("/v1/proxy/core-instant-clone-tts", json=body)
        return _shown(answer.json()["error"]) if answer.is_error else None

    def _clone(self, url: str) -> Error:
        """Return the error of the request, else that of the job that it queued."""
        answer = self._http.post("/v1/proxy/core-voice-clone", json={"audioUrl": url, "provider": "local"})
        if answer.is_error:
            return _shown(answer.json()["error"])
        job_id: str = answer.json()["job"]["id"]
        self._runner.begin(job_id)
        if self._runner.run_step(job_id, "sample", {}) is not None:
            return None
        return _shown(self._http.get(f"/v2/jobs/{job_id}").json()["error"])

    def _customer(self) -> tuple[str, str]:
        """Create a profile with credits. Returns its id and its key."""
        gateway = self._gateway
        with gateway.database.transaction() as tx:
            profile_id = gateway.accounts.create_profile(tx, "customer").id
            gateway.billing.add_credits(tx, profile_id, to_micro(Decimal(1_000)))
            return profile_id, gateway.accounts.create_key(tx, profile_id, "hostile")[1]

    def _upload(self, profile_id: str) -> str:
        """Upload a file for the profile. Returns the file's key."""
        media = self._gateway.media
        slot = media.prepare_upload(
            profile_id, media_type="audio", filename="a.wav", content_type="audio/wav", size_bytes=None
        )
        self._gateway.storage.put(slot.object_key, b"RIFF")
        media.record_upload(slot.object_key, 4)
        return slot.object_key


@contextlib.contextmanager
def _open_attacked(folder: Path, internet: FakeInternet, policy: dict[str, object]) -> Iterator[_AttackedGateway]:
    settings: dict[str, Any] = {"_env_file": None, "data_dir": folder / "data", "public_url": PUBLIC_URL, **NO_LIMITS}
    gateway = open_gateway(Settings(**settings), fetch_policy=internet.policy(**policy))
    try:
        with (
            serve_app(create_app(gateway.settings, gateway=gateway)) as address,
            httpx2.Client(base_url=address, timeout=60, trust_env=False) as http,
        ):
            yield _AttackedGateway(gateway, http, internet, policy)
    finally:
        gateway.close()


@contextlib.contextmanager
def _proxies(url: str) -> Iterator[None]:
    """Set the proxy environment variables to the canary: nothing may use them."""
    before = {name: os.environ.get(name) for name in _PROXIES}
    os.environ.update(dict.fromkeys(_PROXIES, url))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _shown(error: dict[str, Any]) -> dict[str, Any]:
    return {name: error[name] for name in ("code", "message", "details")}


if __name__ == "__main__":
    sys.exit(main())
