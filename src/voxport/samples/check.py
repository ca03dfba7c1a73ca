"""Checks whether a recording is usable for a voice, and advises how to improve it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.measurements import measure
from voxport.audio.speaker_count import EmbedClips, has_several_speakers
from voxport.audio.vad import speech_spans
from voxport.errors import SampleUnusable
from voxport.samples.findings import ADVICE, assess

_SILENT_PEAK = 0.001  # -60 dBFS; a muted microphone's noise is below


@dataclass(frozen=True)
class SampleReport:
    duration_seconds: float
    speech_seconds: float
    speech_begin_seconds: float
    """Start of the first speech."""

    speech_end_seconds: float
    """End of the last speech."""

    level_dbfs: float
    peak: float
    clipped_share: float
    snr_db: float
    bandwidth_hz: float
    decay_seconds: float | None
    """Time in which sounds decay by 60 dB; None if it can't be measured."""

    several_speakers: bool
    """True if more than one speaker is suspected. Always False without a speaker encoder."""

    warnings: tuple[str, ...]
    """ASCII sentences, each with advice."""

    def as_json(self) -> dict[str, Any]:
        """Returns the report for a job's result: numbers rounded to four places, warnings as a list."""
        plain = asdict(self) | {"warnings": list(self.warnings)}
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in plain.items()}


def check(
    audio: npt.NDArray[np.float32],
    *,
    rate: int = SAMPLE_RATE,
    embed: EmbedClips | None = None,
    min_speech_seconds: float = 3.0,
) -> SampleReport:
    """Measures a recording (mono, -1 to 1, `rate` in Hz). With `embed`, also detects a second speaker.

    Raises SampleUnusable if there is too little speech; `details` hold `reason` (silent, no_speech or too_short),
    `speech_seconds` and `duration_seconds`.
    """
    if rate != SAMPLE_RATE:
        audio = soxr.resample(audio, rate, SAMPLE_RATE)
    duration = len(audio) / SAMPLE_RATE
    spans = [] if _is_silent(audio) else speech_spans(audio, SAMPLE_RATE)
    seconds = sum(end - begin for begin, end in spans) / SAMPLE_RATE
    if seconds < min_speech_seconds:
        raise _unusable(audio, seconds, duration, min_speech_seconds)
    measured = measure(audio, SAMPLE_RATE, spans)
    speech = np.concatenate([audio[begin:end] for begin, end in spans])
    several = embed is not None and has_several_speakers(speech, embed)
    report = SampleReport(
        duration_seconds=duration,
        speech_seconds=seconds,
        speech_begin_seconds=spans[0][0] / SAMPLE_RATE,
        speech_end_seconds=spans[-1][1] / SAMPLE_RATE,
        **asdict(measured),
        several_speakers=several,
        warnings=(),
    )
    return replace(report, warnings=tuple(f"{finding.message} {finding.advice}" for finding in assess(report)))


def trim_to_speech(
    audio: npt.NDArray[np.float32], report: SampleReport, *, rate: int = SAMPLE_RATE
) -> npt.NDArray[np.float32]:
    """Returns the recording without the silence before and after the speech."""
    return audio[round(report.speech_begin_seconds * rate) : round(report.speech_end_seconds * rate)]


def _is_silent(audio: npt.NDArray[np.float32]) -> bool:
    return len(audio) == 0 or float(np.abs(audio).max()) < _SILENT_PEAK


def _unusable(
    audio: npt.NDArray[np.float32], seconds: float, duration: float, min_speech_seconds: float
) -> SampleUnusable:
    if _is_silent(audio):
        reason, found = "silent", "The recording is silent."
    elif seconds == 0:
        reason, found = "no_speech", "No speech was found in the recording."
    else:
        reason = "too_short"
        # Round down, so that 2.96 is not reported as "3.0, and 3 are needed".
        tenths = int(seconds * 10 + 1e-6)
        found = f"Only {tenths / 10} seconds of speech were found, and {min_speech_seconds:g} are needed."
    details = {"reason": reason, "speech_seconds": round(seconds, 2), "duration_seconds": round(duration, 2)}
    return SampleUnusable(f"{found} {ADVICE}", details=details)
