"""Encodes audio as a stream: sends samples as they are made, in formats that players accept without a length."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Generator
from pathlib import Path

from voxport.audio.arrays import Pcm
from voxport.audio.codec.encode import StreamEncoder, format_at
from voxport.audio.codec.encoder import STALL_TIMEOUT, FfmpegEncoder


def stream_encoded(
    pieces: Generator[Pcm, None, None],
    fmt: str,
    *,
    ffmpeg: Path,
    stall_timeout: float = STALL_TIMEOUT,
    sample_rate: int | None = None,
) -> Generator[bytes, None, None]:
    """Yields the samples encoded as they are made, at most the pipes' contents and one piece ahead of the reader.

    `pieces` may run in another thread. It is closed together with this generator, after its current piece. Its
    exceptions are raised here. Raises KeyError for a format that can't be streamed, ValueError for a rate that it does
    not have, EncoderStalled if ffmpeg hangs, RuntimeError if it fails.
    """
    audio_format = format_at(fmt, sample_rate)
    if not audio_format.is_streamable:
        raise KeyError(fmt)
    if audio_format.open_stream is not None:
        return _encoded_here(pieces, audio_format.open_stream())
    return _stream_encoded(pieces, [*audio_format.encoder_options, *audio_format.stream_options], ffmpeg, stall_timeout)


def _encoded_here(pieces: Generator[Pcm, None, None], encoder: StreamEncoder) -> Generator[bytes, None, None]:
    with contextlib.closing(pieces):
        for piece in pieces:
            if data := encoder.encode(piece):
                yield data
        if data := encoder.finish():
            yield data


def _stream_encoded(
    pieces: Generator[Pcm, None, None], encoder_options: list[str], ffmpeg: Path, stall_timeout: float
) -> Generator[bytes, None, None]:
    with FfmpegEncoder(ffmpeg, encoder_options, "pipe:1", to_pipe=True, stall_timeout=stall_timeout) as encoder:
        writer = _WriterThread(encoder, pieces)
        writer.start()
        try:
            while data := encoder.read():
                yield data
        except BaseException:
            encoder.kill()  # the next write fails, and the writer thread ends
            writer.join()
            raise
        writer.join()
        if writer.error is not None:
            raise writer.error
        encoder.finish()


class _WriterThread(threading.Thread):
    """Iterates over the pieces and writes them to the encoder, while another thread reads its output."""

    def __init__(self, encoder: FfmpegEncoder, pieces: Generator[Pcm, None, None]) -> None:
        super().__init__(name="encoder-feed", daemon=True)
        self._encoder = encoder
        self._pieces = pieces
        self._context = contextvars.copy_context()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Runs in the context of the caller, so that log lines and spans belong to its request."""
        self._context.run(self._write_all)

    def _write_all(self) -> None:
        try:
            for piece in self._pieces:
                self._encoder.write(piece)
            self._encoder.end_input()
        except BaseException as error:
            self.error = error
            self._encoder.kill()
        finally:
            self._pieces.close()
