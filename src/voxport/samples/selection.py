"""Selects the part of a file used as a sample: the audio track with speech, and the section of a long recording that
holds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import count_tracks, decode
from voxport.audio.vad import speech_spans
from voxport.errors import SampleUnusable
from voxport.samples.findings import ADVICE

Seconds = tuple[float, float]

_SCAN_RATE: Final = 16_000  # Hz, the rate of the voice activity model
_SCAN_SECONDS: Final = 600.0
"""Length of each track that is searched for speech: 19 MB of samples, 2 s of decoding."""
_MAX_TRACKS: Final = 8
_MAX_ANALYZED_SECONDS: Final = 900.0
"""Seconds of audio analysed over all tracks. Silence does not count, as it is detected at once."""
_MAX_ELAPSED_SECONDS: Final = 90.0
_BLOCK_SECONDS: Final = 10.0
_SILENT_PEAK: Final = 0.001  # as in the sample check
_START_SECONDS: Final = 0.1
"""What the first part of a longer file may lack: by the version of ffmpeg, the times of a codec with a delay begin
before or after 0."""
_ENOUGH_SPEECH_SHARE: Final = 0.5
"""Share of speech in a section that ends the search."""


class _Budget:
    """Limits the work on one file: the `seconds` of audio left to analyse, a deadline, and a function that may raise to
    end it."""

    def __init__(self, check_cancelled: Callable[[], None]) -> None:
        self.check_cancelled = check_cancelled
        self.seconds = _MAX_ANALYZED_SECONDS
        self._until = time.monotonic() + _MAX_ELAPSED_SECONDS

    @property
    def is_spent(self) -> bool:
        return self.seconds <= 0 or time.monotonic() > self._until


@dataclass(frozen=True)
class _TrackScan:
    """The best section of a track. Times in seconds; `scanned_seconds` is the length of the track that was decoded."""

    track: int
    start: float
    speech: float
    scanned_seconds: float
    is_silent: bool


def decode_speech(
    path: Path,
    *,
    ffmpeg: Path,
    max_seconds: float,
    min_speech_seconds: float,
    check_cancelled: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.float32]:
    """Decodes up to `max_seconds` of a file that hold speech, mono at 24,000 Hz. A file of at most that length with one
    track is returned whole. `check_cancelled` is called about once a second and may end the search by raising.

    Raises SampleUnusable as `decode` does, and if the scanned tracks hold too little speech: then `details` have
    `reason` (silent, no_speech, too_short), `speech_seconds`, `duration_seconds` (the scanned length) and `tracks`.
    Raises Unavailable.
    """
    tracks = count_tracks(path, ffmpeg=ffmpeg)
    budget = _Budget(check_cancelled)
    try:
        first = decode(path, ffmpeg=ffmpeg, max_seconds=max_seconds)
    except SampleUnusable as error:
        if tracks < 2 or error.details.get("reason") == "too_slow":
            raise
    else:
        is_longer = len(first) >= int((max_seconds - _START_SECONDS) * SAMPLE_RATE)
        if tracks < 2 and not is_longer:
            return first
        if (
            sum(end - begin for begin, end in _find_speech(first, SAMPLE_RATE, budget))
            >= _ENOUGH_SPEECH_SHARE * max_seconds
        ):
            return first
    best = _best_track(path, tracks, ffmpeg, max_seconds, min_speech_seconds, budget)
    return decode(path, ffmpeg=ffmpeg, max_seconds=max_seconds, track=best.track, start_seconds=best.start)


def densest_window(spans: Sequence[Seconds], length: float) -> Seconds:
    """Returns (start of the window of this length with the most speech, seconds of speech in it), or (0, 0) without
    speech. Among equal windows, returns the first."""
    best = (0.0, 0.0)
    for begin, _ in spans:
        speech = sum(max(0.0, min(end, begin + length) - max(start, begin)) for start, end in spans)
        if speech > best[1] + 0.5:
            best = (begin, speech)
    return best


def _best_track(
    path: Path, tracks: int, ffmpeg: Path, max_seconds: float, min_speech_seconds: float, budget: _Budget
) -> _TrackScan:
    """Scans the tracks. Raises SampleUnusable if no track holds enough speech, or none can be decoded."""
    found: list[_TrackScan] = []
    failure: SampleUnusable | None = None
    for track in range(min(tracks, _MAX_TRACKS) or 1):
        try:
            found.append(_scan(path, track, ffmpeg, max_seconds, budget))
        except SampleUnusable as error:
            failure = failure or error
            if error.details.get("reason") == "too_slow" or budget.is_spent:
                break
            continue
        if found[-1].speech >= _ENOUGH_SPEECH_SHARE * max_seconds or budget.is_spent:
            break
    if not found:
        assert failure is not None
        raise failure
    best = max(found, key=lambda one: one.speech)
    if best.speech < min_speech_seconds:
        raise _not_enough_speech(found, best, tracks, min_speech_seconds)
    return best


def _scan(path: Path, track: int, ffmpeg: Path, max_seconds: float, budget: _Budget) -> _TrackScan:
    budget.check_cancelled()
    audio = decode(path, ffmpeg=ffmpeg, max_seconds=_SCAN_SECONDS, track=track, rate=_SCAN_RATE)
    spans: list[Seconds] = []
    start = speech = 0.0
    for span in _find_speech(audio, _SCAN_RATE, budget):
        spans.append(span)
        start, speech = densest_window(spans, max_seconds)
        if speech >= _ENOUGH_SPEECH_SHARE * max_seconds:
            break
    # Speech may begin softly, so include a moment before it.
    start = max(0.0, start - 0.2)
    return _TrackScan(track, start, speech, len(audio) / _SCAN_RATE, is_silent=_is_silent(audio))


def _find_speech(audio: npt.NDArray[np.float32], rate: int, budget: _Budget) -> Iterator[Seconds]:
    """Yields the spans of speech in seconds, block by block, until the budget is spent."""
    size = int(_BLOCK_SECONDS * rate)
    for offset in range(0, len(audio), size):
        block = audio[offset : offset + size]
        if _is_silent(block):
            continue
        budget.check_cancelled()
        if budget.is_spent:
            return
        budget.seconds -= len(block) / rate
        for begin, end in speech_spans(block, rate):
            yield (offset + begin) / rate, (offset + end) / rate


def _is_silent(audio: npt.NDArray[np.float32]) -> bool:
    return len(audio) == 0 or float(max(audio.max(), -audio.min())) < _SILENT_PEAK


def _not_enough_speech(
    found: list[_TrackScan], best: _TrackScan, tracks: int, min_speech_seconds: float
) -> SampleUnusable:
    scanned_seconds = max(one.scanned_seconds for one in found)
    if scanned_seconds >= _SCAN_SECONDS - 1:
        part = f"the first {_SCAN_SECONDS / 60:.0f} minutes of the recording"
    else:
        part = f"the recording ({scanned_seconds:.0f} seconds)"
    where = f"{part}, in none of its {tracks} audio tracks" if tracks > 1 else part
    if all(one.is_silent for one in found):
        reason, text = "silent", f"The recording is silent: there is no sound in {where}."
    elif best.speech == 0:
        reason, text = "no_speech", f"No speech was found in {where}."
    else:
        reason = "too_short"
        where = f"{part}, on the best of its {tracks} audio tracks" if tracks > 1 else part
        text = (
            f"Only {int(best.speech * 10 + 1e-6) / 10} seconds of speech were found in {where}, "
            f"and {min_speech_seconds:g} are needed."
        )
    details = {
        "reason": reason,
        "speech_seconds": round(best.speech, 2),
        "duration_seconds": round(scanned_seconds, 2),
        "tracks": tracks,
    }
    return SampleUnusable(f"{text} {ADVICE}", details=details)
