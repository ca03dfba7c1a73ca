"""Takes that are heard while they are made: what a call of the Studio speaks is copied to whoever listens by a GET.

An `<audio>` element can only GET, and its browser may ask several times, so the GET starts nothing and costs nothing.
The page asks for a ticket, plays its URL, and makes the call with the ticket in its body. Takes are in the memory of
one process: at another one, the ticket's URL is a 404, and the page plays the stored file instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Final
from weakref import WeakSet

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.mp3 import Mp3Encoder
from voxport.errors import NotFound, RateLimited

CONTENT_TYPE: Final = "audio/mpeg"
_MAX_TAKES: Final = 32
_MAX_OF_PROFILE: Final = 4
_MAX_BYTES: Final = 12 << 20
"""Of one take: 13 minutes at 128 kbit/s. What comes after it is heard from the file."""
_MAX_LISTENERS: Final = 4
"""Of one take. A browser opens another connection when it seeks."""
_PIECE_BYTES: Final = 64 << 10
"""What one listener that does not read holds in memory."""
_LIFETIME_SECONDS: Final = 120.0
"""From the last audio on, or from the ticket on until there is some."""
_log = logging.getLogger("voxport.studio")


class LiveTake:
    """The audio of a call so far, as mp3. One thread adds to it, and event loops read it."""

    def __init__(self, profile_id: str, clock: Callable[[], float]) -> None:
        self.profile_id = profile_id
        self.changed_at = clock()
        self.is_claimed = False
        self._clock = clock
        self._encoder = Mp3Encoder()
        self._content = bytearray()
        self._is_complete = False
        self._lock = threading.Lock()
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def add(self, samples: Pcm) -> None:
        """Copy samples of the call, which never fails by it: what can't be copied ends the take."""
        # A second at a time, so that event loops never wait for longer than it takes to encode that.
        for start in range(0, len(samples), SAMPLE_RATE):
            with self._lock:
                if self._is_complete or len(self._content) >= _MAX_BYTES:
                    return
                self._append(partial(self._encoder.encode, samples[start : start + SAMPLE_RATE]))
            self._notify()

    def end(self) -> None:
        """Mark the take as complete: its call has ended, well or badly, or the server stops. May be called twice."""
        with self._lock:
            if not self._is_complete:
                self._append(self._encoder.finish)
                self._is_complete = True
        self._notify()

    @property
    def is_full(self) -> bool:
        """Tell whether it has as many listeners as it may have."""
        with self._lock:
            return len(self._listeners) >= _MAX_LISTENERS

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Yield the audio from its start to its end, as it comes. Ends early if none comes for two minutes, and at once
        if the take is full."""
        position, changed = 0, asyncio.Event()
        listener = (asyncio.get_running_loop(), changed)
        with self._lock:
            if len(self._listeners) >= _MAX_LISTENERS:
                return
            self._listeners.add(listener)
        try:
            while True:
                changed.clear()
                with self._lock:
                    content = bytes(self._content[position : position + _PIECE_BYTES])
                    is_complete = self._is_complete
                if content:
                    position += len(content)
                    yield content
                elif is_complete:
                    return
                else:
                    async with asyncio.timeout(_LIFETIME_SECONDS):
                        await changed.wait()
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _append(self, encode: Callable[[], bytes]) -> None:
        """Called with the lock: the encoder is native code, which two threads would break."""
        try:
            self._content += encode()
        except Exception:
            _log.exception("a take can't be listened to")
            self._is_complete = True

    def _notify(self) -> None:
        self.changed_at = self._clock()
        with self._lock:
            listeners = list(self._listeners)
        for loop, changed in listeners:
            with contextlib.suppress(RuntimeError):  # the server stops
                loop.call_soon_threadsafe(changed.set)


class LiveTakes:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._takes: OrderedDict[str, LiveTake] = OrderedDict()
        self._all: WeakSet[LiveTake] = WeakSet()  # with those that were dropped while somebody listens
        self._is_closed = False

    def open(self, profile_id: str) -> str:
        """Return a new ticket; the oldest of a profile that has four is dropped. Raises RateLimited."""
        with self._lock:
            self._sweep()
            own = [ticket for ticket, take in self._takes.items() if take.profile_id == profile_id]
            if len(own) >= _MAX_OF_PROFILE:
                del self._takes[own[0]]
            if len(self._takes) >= _MAX_TAKES:
                raise RateLimited("Too many takes are being listened to. Play the file instead.", retry_after_seconds=5)
            ticket = secrets.token_urlsafe(24)
            take = LiveTake(profile_id, self._clock)
            if not self._is_closed:
                self._takes[ticket] = take
                self._all.add(take)
        return ticket

    def close(self) -> None:
        """End every take because the server stops; their calls go on."""
        with self._lock:
            self._is_closed = True
            self._takes.clear()
            takes = list(self._all)
        for take in takes:
            take.end()

    def find(self, ticket: str) -> LiveTake:
        """Raises NotFound."""
        with self._lock:
            self._sweep()
            take = self._takes.get(ticket)
        if take is None:
            raise NotFound("This take is over. Play its file.", code="take_not_found")
        return take

    def claim(self, profile_id: str, ticket: str) -> LiveTake | None:
        """Return the take to copy a call's audio to; None if the ticket is not this profile's, has expired, or is that
        of another call: a take holds one call's audio."""
        with self._lock:
            take = self._takes.get(ticket)
            if take is None or take.profile_id != profile_id or take.is_claimed:
                return None
            take.is_claimed = True
            return take

    def _sweep(self) -> None:
        limit = self._clock() - _LIFETIME_SECONDS
        for ticket in [ticket for ticket, take in self._takes.items() if take.changed_at < limit]:
            del self._takes[ticket]
