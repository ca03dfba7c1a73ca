"""Looks at the audio of a spoken line: its length, its gaps, its level, and whether it ends where its last word does.

The thresholds are measured by `benchmarks/quality/line_check.py` over 450 lines in nine languages; brackets give what
good lines have there (docs/speech-control.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray, Pcm
from voxport.audio.loudness import TARGET_LUFS, gated_blocks, lufs
from voxport.audio.trim import FRAME_SAMPLES, frame_rms
from voxport.providers.base import SpokenWord

Code = Literal["silent", "too_short", "too_long", "long_gap", "clipped", "level", "cut_off", "misheard"]

_SILENT_RMS: Final = 10 ** (-60 / 20)
"""Of the loudest 10 ms (-16 dBFS and more)."""
_QUIET_RATIO: Final = 10 ** (-38 / 20)
"""A frame this far below the loudest one is no speech."""
_END_FRAMES: Final = 4
_END_RATIO: Final = 10 ** (-42 / 20)
"""Level of the last 40 ms, of the loudest frame's (-44 dB and less)."""
_MIN_CLIPPED_RUN: Final = 3
_MIN_CLIPPED_SAMPLES: Final = 12
"""At the line's own peak (none but those of voices that the engine clipped)."""
_LEVEL_NOTE_DB: Final = 3.0
_LEVEL_BAD_DB: Final = 4.0
"""From the target (2.2 dB where the limiter holds sharp peaks)."""
_MIN_FACTOR: Final = 0.7
_MAX_FACTOR: Final = 1.3
_FACTORS_WITH_WORDS: Final = (0.5, 2.0)
"""Where the provider tells when its words are heard, these show what is missing or too much, and the estimate only has
to allow for voices that speak slowly: af_nicole takes 1.4 times as long as most."""
_FACTOR_SECONDS: Final = 0.6
"""Seconds by which a line may differ beside the factors (0.77 and 1.13): a short line says little about its length."""
_MAX_GAP_SECONDS: Final = 0.8
"""(0.64: Japanese voices pause between phrases.)"""
_MAX_GAP_AT_MARK_SECONDS: Final = 1.2
"""(0.88.)"""
_MAX_TOLD_GAP_SECONDS: Final = 2.4
"""Where the speech ends when the provider's words do, no silence came in: a slow voice (af_nicole) rests for 1.6 s
within a sentence."""
_MAX_AFTER_WORDS_SECONDS: Final = 0.35
"""Sound behind the last word (0.24)."""
_MAX_BEFORE_END_SECONDS: Final = 0.03
"""By which the last word may end behind the audio (0)."""
_MARKS: Final = re.compile(r"[^\w\s'’]|\n")


@dataclass(frozen=True)
class Finding:
    """What is wrong with a spoken line, in a sentence. `is_bad`: it should be spoken again."""

    code: Code
    message: str
    is_bad: bool = True


def check_line(
    samples: Pcm,
    text: str,
    *,
    expected_seconds: float,
    words: Sequence[SpokenWord] = (),
    max_pause_seconds: float = 0.0,
    has_own_level: bool = False,
) -> tuple[Finding, ...]:
    """Return what is wrong with the audio of a line, without the pause behind it; empty if nothing is.

    `expected_seconds` is an estimate from the text (`speech.durations`), and `words` what the provider tells of its
    words, in seconds of `samples` and characters of `text`; without them gaps and ends are judged less strictly.
    `max_pause_seconds` is the longest pause that the text itself asks for. `has_own_level`: it asks for a level, so
    that none is expected.
    """
    audio = samples.astype(np.float32) / 32_768
    loudness = frame_rms(audio)
    if loudness.size == 0 or loudness.max() < _SILENT_RMS:
        return (Finding("silent", "Nothing is heard."),)
    is_loud = loudness > _QUIET_RATIO * loudness.max()
    frames = np.flatnonzero(is_loud)
    heard = (int(frames[0]) * FRAME_SAMPLES / SAMPLE_RATE, int(frames[-1] + 1) * FRAME_SAMPLES / SAMPLE_RATE)
    found = [
        _length(heard[1] - heard[0], expected_seconds, max_pause_seconds, has_words=bool(words)),
        _gap(is_loud, text, words, max_pause_seconds, heard[1]),
        _clipping(samples),
        None if has_own_level else _level(audio),
        _end(loudness, heard[1], audio.size / SAMPLE_RATE, words),
    ]
    return tuple(finding for finding in found if finding is not None)


def _length(seconds: float, expected: float, pause: float, *, has_words: bool) -> Finding | None:
    lowest, highest = _FACTORS_WITH_WORDS if has_words else (_MIN_FACTOR, _MAX_FACTOR)
    if seconds < lowest * expected - _FACTOR_SECONDS:
        return Finding("too_short", f"It has {seconds:.1f} s of speech where about {expected:.1f} s were expected.")
    if seconds > highest * expected + _FACTOR_SECONDS + pause:
        return Finding("too_long", f"It has {seconds:.1f} s of speech where about {expected:.1f} s were expected.")
    return None


def _gap(
    is_loud: FloatArray, text: str, words: Sequence[SpokenWord], max_pause_seconds: float, heard_end: float
) -> Finding | None:
    """Find the first silence that is longer than the text has a reason for."""
    edges = np.flatnonzero(is_loud)
    at_mark = max(_MAX_GAP_AT_MARK_SECONDS, max_pause_seconds + _MAX_GAP_SECONDS)
    spans = _mark_spans(text, words)
    is_as_told = bool(words) and heard_end <= words[-1].end + _MAX_AFTER_WORDS_SECONDS
    for before, after in pairwise(edges.tolist()):
        seconds = (after - before - 1) * FRAME_SAMPLES / SAMPLE_RATE
        if seconds <= _MAX_GAP_SECONDS:
            continue
        start, end = (before + 1) * FRAME_SAMPLES / SAMPLE_RATE, after * FRAME_SAMPLES / SAMPLE_RATE
        has_mark = any(first < end and last > start for first, last in spans)
        longest = at_mark if has_mark else _MAX_GAP_SECONDS
        if seconds > (max(longest, _MAX_TOLD_GAP_SECONDS) if is_as_told else longest):
            return Finding("long_gap", f"It is silent for {seconds:.1f} s at {start:.1f} s.")
    return None


def _mark_spans(text: str, words: Sequence[SpokenWord]) -> list[tuple[float, float]]:
    """Return where in the audio the text has a mark, at which a pause is natural: anywhere if that is not known."""
    if not words:
        return [(0.0, float("inf"))] if _MARKS.search(text.strip()[:-1]) else []
    return [
        (one.end, other.start)
        for one, other in pairwise(words)
        if _MARKS.search(text, one.end_char, max(other.start_char, one.end_char))
    ]


def _clipping(samples: Pcm) -> Finding | None:
    """Find flat tops: runs of samples at the line's own peak, also where its level was reduced afterwards."""
    magnitudes = np.abs(samples.astype(np.int32))
    is_top = magnitudes >= magnitudes.max() - 1
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], is_top, [False]]).astype(np.int8)))
    runs = bounds[1::2] - bounds[::2]
    clipped = int(runs[runs >= _MIN_CLIPPED_RUN].sum())
    return Finding("clipped", f"{clipped} samples are clipped.") if clipped >= _MIN_CLIPPED_SAMPLES else None


def _level(audio: FloatArray) -> Finding | None:
    blocks = gated_blocks(audio)
    difference = lufs(float(blocks.mean())) - TARGET_LUFS if blocks.size else -99.0
    if abs(difference) <= _LEVEL_NOTE_DB:
        return None
    word = "louder" if difference > 0 else "quieter"
    return Finding(
        "level", f"It is {abs(difference):.0f} dB {word} than it should be.", is_bad=abs(difference) > _LEVEL_BAD_DB
    )


def _end(loudness: FloatArray, heard_end: float, seconds: float, words: Sequence[SpokenWord]) -> Finding | None:
    """Compare the end of the audio with that of the speech."""
    if loudness[-_END_FRAMES:].max() > _END_RATIO * loudness.max():
        return Finding("cut_off", "It breaks off in its last word.")
    if not words:
        return None
    end = words[-1].end
    if seconds < end - _MAX_BEFORE_END_SECONDS:
        return Finding("cut_off", f"It ends {end - seconds:.1f} s before its last word does.")
    if heard_end > end + _MAX_AFTER_WORDS_SECONDS:
        return Finding("too_long", f"Something is heard for {heard_end - end:.1f} s behind its last word.")
    return None
