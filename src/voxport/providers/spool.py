"""Buffers the audio of one part of a text: its beginning in memory, and more in an unnamed temporary file, so that only
small pieces of it are in memory, however much a provider sends."""

from __future__ import annotations

import contextvars
import itertools
import os
import tempfile
import threading
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import IO, Final

import numpy as np

from voxport.audio.trim import FRAME_SAMPLES, frame_rms, sounding_range
from voxport.providers.audio_bounds import MaxLengthCheck
from voxport.providers.base import SAMPLE_RATE, Audio

_SAMPLE_BYTES: Final = 2
_READ_SAMPLES: Final = 5 * SAMPLE_RATE
"""Samples in memory at once. Loudness normalization takes about 70 bytes for each of them."""
_CHUNK_BYTES: Final = 1 << 16
_MEMORY_BYTES: Final = 1 << 18
_POLL_SECONDS: Final = 0.5
"""After this long without content, a waiting reader gets an empty piece."""


class Spool:
    """Stores s16le at 24 kHz. One thread writes, one reads. Leaving the `with` block closes the file."""

    def __init__(self, check: MaxLengthCheck) -> None:
        self.check = check
        self._content = _Content()
        self._changed = threading.Condition()
        self._size = 0
        self._is_ended = True
        self._failure: BaseException | None = None
        self._is_closed = False

    def fill(self, source: Iterator[bytes], beginning: bytes = b"") -> None:
        """Read the source, of which the `beginning` was read before, to its end. Raises what it raises, and
        ProviderFailed if the length is implausible."""
        try:
            for content in itertools.chain((beginning,) if beginning else (), source):
                self.check.add(len(content))
                self._append(content)
                if self._is_closed:
                    return
        finally:
            if isinstance(source, Generator):
                source.close()
        self.check.end()

    def fill_in_background(self, source: Iterator[bytes], beginning: bytes = b"") -> None:
        """Run `fill` in a thread, so that a slow listener holds neither a connection nor a call slot. If the listener
        leaves, the source is closed at its next content."""

        self._is_ended = False

        def read() -> None:
            failure: BaseException | None = None
            try:
                self.fill(source, beginning)
            except BaseException as error:
                failure = error
            with self._changed:
                self._is_ended, self._failure = True, failure
                self._changed.notify()
                if self._is_closed:
                    self._content.close()

        # In the caller's context: log lines and spans belong to its request.
        threading.Thread(target=contextvars.copy_context().run, args=(read,), daemon=True).start()

    def contents(self) -> Iterator[bytes]:
        """Yield what `fill_in_background` reads, as it arrives. Yields an empty piece if nothing arrives for a while,
        so that the reader can check whether its client is still there. Raises what `fill` raised."""
        position = 0
        while True:
            with self._changed:
                has_changed = self._changed.wait_for(
                    lambda at=position: self._size > at or self._is_ended,  # type: ignore[misc]
                    _POLL_SECONDS,
                )
                size, is_ended, failure = self._size, self._is_ended, self._failure
            if not has_changed:
                yield b""
            while position < size:
                content = self._content.read(position, min(_CHUNK_BYTES, size - position))
                position += len(content)
                yield content
            if is_ended:  # read together with the size; content that arrived later is read in the next round
                if failure is not None:
                    raise failure
                return

    def segments(self) -> list[tuple[int, int]]:
        """Return the sounding range as (start, stop) samples of segments of at most five seconds. They are cut at the
        softest points, where a change of gain is inaudible."""
        total = self._size // _SAMPLE_BYTES
        levels = [frame_rms(self.read(at, at + _READ_SAMPLES)) for at in range(0, total, _READ_SAMPLES)]
        loudness = np.concatenate([np.empty(0, np.float32), *levels])
        start, stop, _ = sounding_range(loudness).indices(total)
        found = []
        while stop - start > _READ_SAMPLES:
            first, last = -(-(start + _READ_SAMPLES // 2) // FRAME_SAMPLES), (start + _READ_SAMPLES) // FRAME_SAMPLES
            cut = (first + int(np.argmin(loudness[first:last]))) * FRAME_SAMPLES + FRAME_SAMPLES // 2
            found.append((start, cut))
            start = cut
        return [*found, (start, stop)] if stop > start else found

    def read(self, start: int, stop: int) -> Audio:
        """Return the samples from `start` up to but excluding `stop` as float32."""
        return from_pcm(self._content.read(start * _SAMPLE_BYTES, (stop - start) * _SAMPLE_BYTES))

    def _append(self, content: bytes) -> None:
        self._content.append(content)
        with self._changed:
            self._size += len(content)
            self._changed.notify()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            if self._is_ended:  # else the thread that fills it closes it
                self._content.close()


class _Content:
    """Bytes that one thread appends and another reads. The first `_MEMORY_BYTES` stay in memory: most texts are short,
    and a file takes longer than their bytes."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None

    def append(self, content: bytes) -> None:
        if self._file is None:
            room = _MEMORY_BYTES - len(self._memory)
            self._memory += content[:room]
            content = content[room:]
        if not content:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed by `close`
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]

    def read(self, position: int, count: int) -> bytes:
        found = bytes(self._memory[position : position + count])
        if len(found) < count and self._file is not None:
            found += os.pread(self._file.fileno(), count - len(found), max(0, position - len(self._memory)))
        return found

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def from_pcm(content: bytes) -> Audio:
    """Convert s16le to float32. Half a sample at the end is dropped."""
    return np.asarray(np.frombuffer(content[: len(content) // 2 * 2], "<i2") / np.float32(32_768), np.float32)
