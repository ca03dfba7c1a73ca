"""A client that sends each call once and without a key of its own: a benchmark sees every failure and every charge.

Everybody else uses `voxport_client`, which sends lost calls again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

_TIMEOUT_SECONDS = 600.0
_POLL_SECONDS = 0.3
_AUDIO = {
    **{".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg", ".opus": "audio/ogg"},
    **{".m4a": "audio/mp4", ".aac": "audio/aac", ".aiff": "audio/aiff"},
}
_VIDEO = {
    **{".webm": "video/webm", ".mp4": "video/mp4", ".m4v": "video/x-m4v"},
    **{".mov": "video/quicktime", ".mkv": "video/x-matroska"},
}

Json = dict[str, Any]


class CallFailed(Exception):
    """The gateway returned an error. The message is the gateway's; `body` is the whole response."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body.get("error", {}).get("message", f"HTTP {status}"))
        self.status = status
        self.body = body


class Client:
    """A client with an API key. API calls raise CallFailed on an error response."""

    def __init__(self, address: str, key: str) -> None:
        self.http = httpx2.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_SECONDS
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def upload(self, path: Path) -> str:
        """Upload an audio or video file. Returns the URL to clone from."""
        suffix = path.suffix.lower()
        media_type = "video" if suffix in _VIDEO else "audio"
        content_type = _VIDEO.get(suffix) or _AUDIO.get(suffix, "audio/wav")
        body = {"media_type": media_type, "filename": path.name, "content_type": content_type}
        target = self.call("POST", "/v1/proxy/upload-media", body)["data"]
        with path.open("rb") as file:
            put = httpx2.put(
                target["upload_url"], content=file, headers={"Content-Type": content_type}, timeout=_TIMEOUT_SECONDS
            )
        # A storage itself answers with an empty body, or with an error in XML.
        if put.is_error:
            raise CallFailed(put.status_code, put.json() if _is_json(put) else {})
        url: str = target["public_url"]
        return url

    def clone(self, audio_url: str, **fields: str) -> str:
        """Queue a clone. Returns the job's id."""
        body = {"audioUrl": audio_url, "provider": "local", **fields}
        job_id: str = self.call("POST", "/v1/proxy/core-voice-clone", body)["job"]["id"]
        return job_id

    def wait_until_started(self, job_id: str) -> None:
        """Wait until a worker has started the job."""
        while self.call("GET", f"/v2/jobs/{job_id}")["status"] == "queued":
            time.sleep(0.02)

    def wait_for_job(self, job_id: str, on_update: Callable[[Json], None] = lambda _: None) -> Json:
        """Poll until the job has ended, and return it. `on_update` gets the job after each poll."""
        while True:
            job = self.call("GET", f"/v2/jobs/{job_id}")
            on_update(job)
            if job["status"] not in ("queued", "processing"):
                return job
            time.sleep(_POLL_SECONDS)

    def speak(self, text: str, voice_id: str, **fields: str) -> Json:
        """Call core-tts. Returns the whole response body."""
        return self.call("POST", "/v1/proxy/core-tts", {"text": text, "voice_id": voice_id, **fields})

    def instant_clone(self, audio_url: str, text: str) -> httpx2.Response:
        """Call core-instant-clone-tts. The content of the response is the WAV file."""
        body = {"audioUrl": audio_url, "text": text, "provider": "local"}
        response = self.http.post("/v1/proxy/core-instant-clone-tts", json=body)
        if response.is_error:
            raise CallFailed(response.status_code, response.json())
        return response

    def download(self, url: str) -> bytes:
        """Download the file behind a signed URL. Raises httpx2.HTTPStatusError on an error response."""
        return httpx2.get(url, timeout=_TIMEOUT_SECONDS).raise_for_status().content

    def balance(self) -> Json:
        data: Json = self.call("GET", "/v2/billing/balance")["data"]
        return data

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        return _parse_response(self.http.request(method, path, json=body))


def _is_json(response: httpx2.Response) -> bool:
    return response.headers.get("content-type", "").startswith("application/json")


def _parse_response(response: httpx2.Response) -> Json:
    body: Json = response.json()
    if response.is_error:
        raise CallFailed(response.status_code, body)
    return body
