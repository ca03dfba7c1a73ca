"""Encodes audio as a stream: sends samples as they are made, in formats that players accept without a length."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Generator
from pathlib import Path

from voxport.audio.arrays import Pcm
from voxport.audio.codec.encode import FORMATS
from voxport.audio.codec.encoder import STALL_TIMEOUT, FfmpegEncoder


def stream_encoded(
    pieces: Generator[Pcm, None, None], fmt: str, *, ffmpeg: Path, stall_timeout: float = STALL_TIMEOUT
) -> Generator[bytes, None, None]:
    """Yields the samples encoded as they are made, at most the pipes' contents and one piece ahead of the reader.

    `pieces` may run in another thread. It is closed together with this generator, after its current piece. Its
    exceptions are raised here. Raises KeyError for a format that can't be streamed, EncoderStalled if ffmpeg hangs,
    RuntimeError if it fails.
    """
    audio_format = FORMATS[fmt]
    if audio_format.stream_options is None:
        raise KeyError(fmt)
    if not audio_format.encoder_options:
        return _unencoded(pieces, audio_format.header(None))
    return _stream_encoded(pieces, [*audio_format.encoder_options, *audio_format.stream_options], ffmpeg, stall_timeout)


def _unencoded(pieces: Generator[Pcm, None, None], header: bytes) -> Generator[bytes, None, None]:
    try:
        for piece in pieces:
            yield header + piece.astype("<i2").tobytes()
            header = b""
    finally:
        pieces.close()


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
