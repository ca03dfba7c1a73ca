"""Who speaks when: whether more than one person does in a recording, and where the one who speaks most does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

EmbedClips = Callable[[Sequence[FloatArray]], FloatArray]
"""Clips (float32, mono, 24,000 Hz) to their speaker embeddings of length 1 [clips, 256]. It is called once for a
recording, since each call of an engine that others use too waits for its turn."""
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

_WINDOW: Final = round(1.6 * SAMPLE_RATE)  # what the encoder looks at in one go; longer ones blur quick turns
_STEP: Final = round(0.8 * SAMPLE_RATE)
# Windows that a second voice has to fill: one window apart from the rest is a cough, a laugh, a change of mood.
_MIN_WINDOWS: Final = 2
# Cosine between the two halves' mean embeddings below which they are two people. Measured with Resemblyzer's
# encoder: 0.80 and more in each of 96 recordings of one speaker; less than this in 99 % of 153 pairs of
# speakers, one after the other, and in 95 % of them in turns of 3 s.
_MIN_SAME_SPEAKER_COSINE: Final = 0.77


def has_several_speakers(speech: FloatArray, embed: EmbedClips) -> bool:
    """Whether the windows of `speech` (24,000 Hz, pauses cut out) fall into two voices. Never so under 4 s.

    A second voice is seen when it speaks for about 3 s in all, and not when both always speak at once.
    """
    return _majority_windows(speech, embed) is not None


def main_speaker_mask(speech: FloatArray, embed: EmbedClips) -> BoolArray | None:
    """Which samples of `speech` (24,000 Hz, pauses cut out) are the voice's that speaks most; None for one voice.

    A sample belongs to the voice when each window that holds it does, so what is near a turn is left out.
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
    """For each window whether it is of the voice that speaks most; None for one voice."""
    clips = [speech[start : start + _WINDOW] for start in range(0, len(speech) - _WINDOW + 1, _STEP)]
    if len(clips) < 2 * _MIN_WINDOWS:
        return None
    similarity, in_second = _split_in_two(embed(clips))
    larger = in_second if 2 * in_second.sum() > len(clips) else ~in_second
    if similarity >= _MIN_SAME_SPEAKER_COSINE or len(clips) - larger.sum() < _MIN_WINDOWS:
        return None
    return np.asarray(larger)


def _split_in_two(embeddings: FloatArray) -> tuple[float, BoolArray]:
    """Two-means on the sphere, begun from the two windows that are least alike: the cosine between the means,
    and which windows are in the second half."""
    cosines = embeddings @ embeddings.T
    one, other = np.unravel_index(int(np.argmin(cosines)), cosines.shape)
    first, second = embeddings[one], embeddings[other]
    in_second = np.zeros(len(embeddings), dtype=bool)
    for _ in range(10):  # it settles within a few rounds
        in_second = embeddings @ first < embeddings @ second
        if in_second.all() or not in_second.any():
            break
        first, second = _mean_direction(embeddings[~in_second]), _mean_direction(embeddings[in_second])
    return float(first @ second), in_second


def _mean_direction(embeddings: FloatArray) -> FloatArray:
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), embeddings.dtype)
