"""Streams a job's events (text/event-stream). A waiting stream holds no thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import anyio
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voxport.errors import Forbidden, NotFound, Unauthenticated
from voxport.jobs.event_hub import EventHub, JobSubscription
from voxport.jobs.event_replay import FINAL_STATUSES, JobSnapshot, ReplayPosition, events_since
from voxport.jobs.models import Job
from voxport.jobs.service import Jobs
from voxport.web.disconnect import run_until_disconnect

KEEP_ALIVE_SECONDS: Final = 15.0
STALL_TIMEOUT: Final = 30.0  # a client that reads nothing for this long counts as gone
_MAX_STREAM_SECONDS: Final = 3_600.0  # then the client reconnects
_RETRY: Final = b"retry: 2000\n\n"  # milliseconds before a client reconnects
_log = logging.getLogger("voxport.jobs")


class EventStream(Response):
    """Sends a job's events from `position` on until the job ends or the client disconnects, then unsubscribes.

    `to_json` serializes a job. `require_key` raises if the client's key is no longer valid."""

    def __init__(
        self,
        jobs: Jobs,
        hub: EventHub,
        subscription: JobSubscription,
        position: ReplayPosition,
        to_json: Callable[[Job], str],
        *,
        require_key: Callable[[], None],
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        stall_timeout: float = STALL_TIMEOUT,
    ) -> None:
        self.status_code = 200
        self.media_type = "text/event-stream"
        self.background = None
        # X-Accel-Buffering tells nginx not to buffer the stream.
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._jobs = jobs
        self._hub = hub
        self._subscription = subscription
        self._position = position
        self._to_json = to_json
        self._require_key = require_key
        self._keep_alive_seconds = keep_alive_seconds
        self._stall_seconds = stall_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await run_until_disconnect(receive, partial(self._send, send))
        finally:
            self._hub.unsubscribe(self._subscription)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        deadline = time.monotonic() + _MAX_STREAM_SECONDS
        chunk = _RETRY
        try:
            while True:
                frames, has_ended = await to_thread.run_sync(self._pending_frames)
                await self._send_chunk(send, chunk + frames)
                if has_ended or self._hub.is_closed or time.monotonic() > deadline:
                    break
                chunk = b"" if await self._subscription.wait(self._keep_alive_seconds) else b": keep-alive\n\n"
        except TimeoutError:
            _log.info("a reader of events takes nothing any more", extra={"job_id": self._subscription.job_id})
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_chunk(self, send: Send, chunk: bytes) -> None:
        if chunk:
            with anyio.fail_after(self._stall_seconds):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _pending_frames(self) -> tuple[bytes, bool]:
        """Return the frames that the client has not seen, and whether the stream ends with them."""
        try:
            job, events = self._jobs.history(self._subscription.profile_id, self._subscription.job_id)
            self._require_key()  # after the read: what happened since the key ended is not told
        except (Unauthenticated, Forbidden, NotFound):  # key revoked, or profile suspended or erased
            return b"", True
        news = events_since(self._position, job, events)
        if news:
            sent_ids = [one.event_id for one in news if one.event_id is not None]
            self._position = ReplayPosition(sent_ids[-1] if sent_ids else self._position.event_id, job.progress)
        return b"".join(map(partial(_frame, self._to_json), news)), job.status in FINAL_STATUSES


def _frame(to_json: Callable[[Job], str], one: JobSnapshot) -> bytes:
    number = f"id: {one.event_id}\n" if one.event_id is not None else ""
    return f"{number}event: job\ndata: {to_json(one.job)}\n\n".encode()
