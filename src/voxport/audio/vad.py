"""Detects speech with Silero's voice activity model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from voxport.audio.silero import CHUNK, RATE, speech_chances

# Silero's defaults: speech starts at the first probability and ends below the second.
_START_PROBABILITY = 0.5
_END_PROBABILITY = 0.35
# Pauses inside a sentence and the soft edges of words count as speech.
_MAX_PAUSE_SECONDS = 0.3
_PADDING_SECONDS = 0.1
_MIN_SPEECH_SECONDS = 0.1

Span = tuple[int, int]


def speech_spans(audio: npt.NDArray[np.float32], rate: int) -> list[Span]:
    """Returns the spans of speech as (first sample, sample after the last), in order and disjoint.

    `audio` is mono at `rate` Hz. Its level does not matter: the model detects speech even at -60 dBFS (measured).
    Takes about 0.002 s per second of audio.
    """
    probabilities = speech_chances(soxr.resample(audio, rate, RATE)).tolist()
    step = CHUNK / RATE
    merged: list[Span] = []
    for begin, end in _runs(probabilities):
        if merged and (begin - merged[-1][1]) * step < _MAX_PAUSE_SECONDS:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    speech_runs = [(b * step, e * step) for b, e in merged if (e - b) * step >= _MIN_SPEECH_SECONDS]
    spans = [(round(b * rate), round(e * rate)) for b, e in speech_runs]
    return pad_spans(spans, round(_PADDING_SECONDS * rate), len(audio))


def pad_spans(spans: list[Span], by: int, length: int) -> list[Span]:
    """Extends the spans by `by` samples at both ends, within 0 to `length`, and merges those that touch."""
    result: list[Span] = []
    for begin, end in spans:
        begin, end = max(0, begin - by), min(length, end + by)
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], end)
        else:
            result.append((begin, end))
    return result


def _runs(probabilities: list[float]) -> list[tuple[int, int]]:
    """Returns the runs of chunks with speech, as (first, after the last)."""
    runs: list[tuple[int, int]] = []
    begin: int | None = None
    for index, probability in enumerate(probabilities):
        if begin is None and probability >= _START_PROBABILITY:
            begin = index
        elif begin is not None and probability < _END_PROBABILITY:
            runs.append((begin, index))
            begin = None
    if begin is not None:
        runs.append((begin, len(probabilities)))
    return runs
