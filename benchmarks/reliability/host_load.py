"""Callers of a gateway on several hosts. Each sends its calls to one host, and goes to the next when that one does not
answer, with the same Idempotency-Key, until it has a final answer."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from benchmarks.raw_client import Client

VOICE = "21m00Tcm4TlvDq8ikWAM"
ANSWER_SECONDS = 15.0
"""How long a caller waits for an answer, before it goes to the next host."""
_CONNECT_SECONDS = 3.0
_PAUSE_SECONDS = 0.5  # between two calls of a caller
_RETRY_SECONDS = 0.4
_GIVE_UP_SECONDS = 240.0
_REPEATED = 0.3  # share of the answered calls that are sent once more
_RETRIED = (409, 429, 503, 504)
_NOT_CONNECTED, _NOT_ANSWERED, _BROKEN_OFF = "no connection", f"no answer in {ANSWER_SECONDS:g} s", "broken off"
_SPEECH, _CLONE = "/v1/proxy/core-tts", "/v1/proxy/core-voice-clone"


@dataclass
class Call:
    """A call, however often it is sent. `cost` is in tokens, None if its answer does not tell it: then `request_id` or
    `job_id` does. `is_served` also holds for a call whose charged answer can't be given again."""

    what: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    cost: float | None = None
    request_id: str = ""
    job_id: str = ""
    is_served: bool = False


class Load:
    """Calls of one customer, from `start` to `finish`. `answers` counts all answers, `problems` has a sentence for each
    that no caller should get."""

    def __init__(self, urls: list[str], key: str, sample: Path, text: str) -> None:
        self.answers: Counter[str] = Counter()
        self.problems: list[str] = []
        self.calls: list[Call] = []
        self.replayed = 0
        self.max_answer_seconds = 0.0
        self._urls = urls
        self._key = key
        self._sample = sample.read_bytes()
        self._text = text
        self._audio_url = ""
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        kinds = (self._speech, self._speech, self._stream, self._speech_job, self._speech_job, self._clone)
        self._threads = [threading.Thread(target=self._call_often, args=(kind, n)) for n, kind in enumerate(kinds)]
        self._threads += [threading.Thread(target=self._upload_often), threading.Thread(target=self._read_often)]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make calls during the block, and wait for the final answers of those under way."""
        with Client(self._urls[0], self._key) as client:
            target = client.call("POST", "/v1/proxy/upload-media", _UPLOAD)["data"]
        httpx2.put(target["upload_url"], content=self._sample, headers=_WAV, timeout=60).raise_for_status()
        self._audio_url = target["public_url"]
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()

    def speak_once(self, url: str) -> Call:
        """Make one call at a host, until it has a final answer."""
        call = self._speech()
        with self._lock:
            self.calls.append(call)
        with self._client() as client:
            self._send(client, call, itertools.repeat(url))
        return call

    def upload_once(self, url: str) -> bool:
        """Announce and make an upload. Returns whether it succeeded."""
        with self._client() as client:
            return self._upload(client, url)

    def _call_often(self, new: Callable[[], Call], number: int) -> None:
        urls = itertools.cycle(self._urls[number % 2 :] + self._urls[: number % 2])
        url = next(urls)
        with self._client() as client:
            while not self._stopping.is_set():
                call = new()
                with self._lock:
                    self.calls.append(call)
                url = self._send(client, call, itertools.chain([url], urls))
                if call.is_served and random.random() < _REPEATED:
                    self._send(client, call, urls, is_repeated=True)
                self._stopping.wait(_PAUSE_SECONDS * (6 if call.what == "clone" else 1))

    def _send(self, client: httpx2.Client, call: Call, urls: Iterator[str], *, is_repeated: bool = False) -> str:
        """Send a call until it has a final answer. Returns the host that gave it."""
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        for url in urls:
            sent_at = time.monotonic()
            answer = self._attempt(partial(client.post, url + call.path, json=call.body, headers=call.headers))
            if answer is not None:
                code = _code(answer)
                self.max_answer_seconds = max(self.max_answer_seconds, time.monotonic() - sent_at)
                if answer.status_code in (200, 202) or code == "idempotency_consumed":
                    self._accept(call, answer, is_repeated=is_repeated)
                    return url
                if answer.status_code not in _RETRIED:
                    self._report(f"{call.what}: {answer.status_code} {answer.text[:200]}")
                    return url
            if time.monotonic() > deadline:
                self._report(f"{call.what}: no final answer in {_GIVE_UP_SECONDS:g} s")
                return url
            time.sleep(_RETRY_SECONDS)
        raise AssertionError("the hosts are endless")

    def _attempt(self, send: Callable[[], httpx2.Response]) -> httpx2.Response | None:
        """Send a request and count its answer. None if there was none."""
        try:
            answer = send()
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            self._count(_NOT_CONNECTED)
        except httpx2.TimeoutException:
            self._count(_NOT_ANSWERED)
        except httpx2.TransportError:
            self._count(_BROKEN_OFF)
        else:
            self._count(f"{answer.status_code} {_code(answer)}".strip())
            if answer.status_code >= 500 and not _is_clear(answer):
                self._report(f"no clear error: {answer.status_code} {answer.text[:200]}")
            return answer
        return None

    def _accept(self, call: Call, answer: httpx2.Response, *, is_repeated: bool) -> None:
        is_replayed = answer.headers.get("Idempotent-Replayed") == "true"
        if is_repeated:
            if not is_replayed and answer.status_code != 409:
                self._report(f"{call.what}: a call that was answered was made again")
            self.replayed += 1
            return
        call.is_served = True
        body = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        if answer.status_code == 409:
            call.request_id = body["error"]["details"]["request_id"]
            call.job_id = body["error"]["details"].get("job_id") or ""
        elif answer.status_code == 202:
            call.job_id = body["job"]["id"]
        else:
            call.cost = body["cost"]["tokens"] if body else None
            # A replayed answer has an id of its own, which no charge has.
            call.request_id = "" if is_replayed else answer.headers["X-Gateway-Request-ID"]

    def _speech(self, **fields: Any) -> Call:
        body = {"text": self._text, "voice_id": VOICE, "provider": "elevenlabs", **fields}
        return Call("stream" if fields else "speech", _SPEECH, body, self._headers())

    def _stream(self) -> Call:
        return self._speech(stream=True)

    def _speech_job(self) -> Call:
        call = self._speech()
        call.what, call.headers["Prefer"] = "speech job", "respond-async"
        return call

    def _clone(self) -> Call:
        body = {"audioUrl": self._audio_url, "provider": "elevenlabs", "name": uuid4().hex}
        return Call("clone", _CLONE, body, self._headers())

    def _upload_often(self) -> None:
        with self._client() as client:
            for url in itertools.cycle(self._urls):
                self._upload(client, url)
                if self._stopping.wait(2 * _PAUSE_SECONDS):
                    return

    def _upload(self, client: httpx2.Client, url: str) -> bool:
        headers = {"Authorization": f"Bearer {self._key}"}
        slot = self._attempt(lambda: client.post(f"{url}/v1/proxy/upload-media", json=_UPLOAD, headers=headers))
        if slot is None or slot.is_error:
            return False
        target = slot.json()["data"]["upload_url"]
        put = self._attempt(lambda: client.put(target, content=self._sample, headers=_WAV))
        return put is not None and put.is_success

    def _read_often(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        with self._client() as client:
            for url in itertools.cycle(self._urls):
                self._attempt(partial(client.get, f"{url}/v2/billing/balance", headers=headers))
                if self._stopping.wait(_PAUSE_SECONDS):
                    return

    def _client(self) -> httpx2.Client:
        return httpx2.Client(timeout=httpx2.Timeout(ANSWER_SECONDS, connect=_CONNECT_SECONDS))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}", "Idempotency-Key": uuid4().hex}

    def _count(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1

    def _report(self, problem: str) -> None:
        with self._lock:
            self.problems.append(problem)


_UPLOAD = {"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav"}
_WAV = {"Content-Type": "audio/wav"}
_INTERNALS = ("Traceback", "psycopg", "botocore", "10.99.0.", ".py", "Errno", "OperationalError")


def _code(answer: httpx2.Response) -> str:
    """Return the code of an error; empty for any other answer."""
    if answer.is_success or "json" not in answer.headers.get("content-type", ""):
        return ""
    return str(answer.json().get("error", {}).get("code", ""))


def _is_clear(answer: httpx2.Response) -> bool:
    """Whether an error is one that the gateway means, and tells nothing of its inside."""
    is_expected = answer.status_code in (503, 504) and bool(_code(answer))
    return is_expected and not any(word in answer.text for word in _INTERNALS)
