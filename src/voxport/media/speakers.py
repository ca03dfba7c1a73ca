"""Whether more than one person speaks in a recording."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Embed = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""A clip (float32, mono, 24,000 Hz) to a speaker embedding of length 1."""

_RATE = 24_000
_WINDOW_SECONDS = 1.6  # what Resemblyzer's encoder looks at in one go; longer ones blur quick turns
_STEP_SECONDS = 0.8
# Windows that a second voice has to fill: one window apart from the rest is a cough, a laugh, a change of mood.
_LEAST_WINDOWS = 2
# Cosine between the two halves' mean embeddings below which they are two people. Measured with Resemblyzer's
# encoder: 0.80 and more in each of 96 recordings of one speaker; less than this in 99 % of 153 pairs of
# speakers, one after the other, and in 95 % of them in turns of 3 s.
_SAME_SPEAKER = 0.77


def several_speakers(speech: npt.NDArray[np.float32], embed: Embed) -> bool:
    """Whether the windows of `speech` (24,000 Hz, pauses cut out) fall into two voices. Never so under 4 s.

    A second voice is seen when it speaks for about 3 s in all, and not when both always speak at once.
    """
    window, step = round(_WINDOW_SECONDS * _RATE), round(_STEP_SECONDS * _RATE)
    clips = [speech[start : start + window] for start in range(0, len(speech) - window + 1, step)]
    if len(clips) < 2 * _LEAST_WINDOWS:
        return False
    similarity, fewest = _split_in_two(np.stack([embed(clip) for clip in clips]))
    return similarity < _SAME_SPEAKER and fewest >= _LEAST_WINDOWS


def _split_in_two(embeddings: npt.NDArray[np.float32]) -> tuple[float, int]:
    """Two-means on the sphere, begun from the two windows that are least alike: the cosine between the means,
    and the number of windows in the smaller half."""
    cosines = embeddings @ embeddings.T
    one, other = np.unravel_index(int(np.argmin(cosines)), cosines.shape)
    first, second = embeddings[one], embeddings[other]
    in_second = np.zeros(len(embeddings), dtype=bool)
    for _ in range(10):  # it settles within a few rounds
        in_second = embeddings @ first < embeddings @ second
        if in_second.all() or not in_second.any():
            break
        first, second = _mean(embeddings[~in_second]), _mean(embeddings[in_second])
    in_one_half = int(in_second.sum())
    return float(first @ second), min(in_one_half, len(embeddings) - in_one_half)


def _mean(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    mean: npt.NDArray[np.float32] = embeddings.mean(axis=0)
    return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-9))
