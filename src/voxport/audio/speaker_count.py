"""Detects whether more than one person speaks in a recording, and where the main speaker speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

EmbedClips = Callable[[Sequence[FloatArray]], FloatArray]
"""Returns the speaker embeddings [clips, 256], of norm 1, of clips (float32, mono, 24,000 Hz). It is called once per
recording, because each call to a shared engine waits in a queue."""
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

_WINDOW: Final = round(1.6 * SAMPLE_RATE)  # the encoder's window; longer ones blur quick turns
_STEP: Final = round(0.8 * SAMPLE_RATE)
# Minimum windows of a second voice. A single deviating window may be a cough, a laugh or a change of mood.
_MIN_WINDOWS: Final = 2
# Below this cosine between the two clusters' mean embeddings, there are two speakers. Measured with Resemblyzer's
# encoder: 0.80 or more in each of 96 recordings of one speaker; less than this in 99 % of 153 pairs of speakers, one
# after the other, and in 95 % of them in turns of 3 s.
_MIN_SAME_SPEAKER_COSINE: Final = 0.77


def has_several_speakers(speech: FloatArray, embed: EmbedClips) -> bool:
    """Returns True if the windows of `speech` (24,000 Hz, without pauses) fall into two voices. Always False below 4 s.

    Detects a second voice that speaks for about 3 s in total, but not two voices that always speak at the same time.
    """
    return _majority_windows(speech, embed) is not None


def main_speaker_mask(speech: FloatArray, embed: EmbedClips) -> BoolArray | None:
    """Returns a mask of the samples of `speech` (24,000 Hz, without pauses) by the main speaker; None for one voice.

    A sample is included if all windows that contain it belong to the main speaker, so samples near a turn are excluded.
    """
    windows = _majority_windows(speech, embed)
    if windows is None:
        return None
    mask = np.ones(len(speech), bool)
    for number in np.flatnonzero(~windows):
        mask[number * _STEP : number * _STEP + _WINDOW] = False
    if not windows[-1]:
        mask[(len(windows) - 1) * _STEP :] = False
    return mask


def _majority_windows(speech: FloatArray, embed: EmbedClips) -> BoolArray | None:
    """Returns for each window whether it belongs to the main speaker; None for one voice."""
    clips = [speech[start : start + _WINDOW] for start in range(0, len(speech) - _WINDOW + 1, _STEP)]
    if len(clips) < 2 * _MIN_WINDOWS:
        return None
    similarity, in_second = _split_in_two(embed(clips))
    larger = in_second if 2 * in_second.sum() > len(clips) else ~in_second
    if similarity >= _MIN_SAME_SPEAKER_COSINE or len(clips) - larger.sum() < _MIN_WINDOWS:
        return None
    return np.asarray(larger)


def _split_in_two(embeddings: FloatArray) -> tuple[float, BoolArray]:
    """Runs spherical 2-means, starting from the two least similar windows. Returns the cosine between the means, and
    which windows are in the second cluster."""
    cosines = embeddings @ embeddings.T
    one, other = np.unravel_index(int(np.argmin(cosines)), cosines.shape)
    first, second = embeddings[one], embeddings[other]
    in_second = np.zeros(len(embeddings), dtype=bool)
    for _ in range(10):  # converges within a few iterations
        in_second = embeddings @ first < embeddings @ second
        if in_second.all() or not in_second.any():
            break
        first, second = _mean_direction(embeddings[~in_second]), _mean_direction(embeddings[in_second])
    return float(first @ second), in_second


def _mean_direction(embeddings: FloatArray) -> FloatArray:
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), embeddings.dtype)
