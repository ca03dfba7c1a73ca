"""Prepares a recording for enrolment: extracts the clean speech of the main speaker and measures the recording.

Each step brings a degraded recording nearer to its clean original by two speaker encoders, and leaves a clean recording
unchanged (`benchmarks/quality/samples.py`, docs/engine.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.denoiser import Denoiser
from voxport.audio.mains_hum import without_hum
from voxport.audio.measurements import bandwidth_hz, measure
from voxport.audio.speaker_count import main_speaker_mask
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.audio.vad import Span, pad_spans, speech_spans

MAX_RECORDING_SECONDS: Final = 60.0
"""The rest of the recording is ignored."""
_SILENCE_PEAK: Final = 1e-4  # -80 dBFS
# Recordings above this estimate are not denoised: good real ones have 21 dB or more.
_MAX_NOISY_SNR_DB: Final = 20.0
# -20 dB: the share of the noisy recording that is mixed into the denoised one. Without it the result is nearer by the
# encoder of the fit, but not by another encoder, which takes holes in the spectrum for another speaker.
_RESIDUAL: Final = 0.1
_PAUSE_PADDING: Final = round(0.4 * SAMPLE_RATE)
"""Samples of a long pause that are kept on each side. Shorter pauses are part of the way a person speaks."""
_QUIET_RMS: Final = 10 ** (-35 / 20)
_TARGET_RMS: Final = 10 ** (-24 / 20)
"""A recording whose speech is below `_QUIET_RMS` is raised to `_TARGET_RMS`."""
_LEVELLING_MARGIN_DB: Final = 6.0
"""Soft segments are raised to this much below the loud ones. Sentences differ by as much naturally."""
_MAX_LEVELLING_DB: Final = 20.0
"""The largest gain of a soft segment. Softer speech is another, distant speaker."""
_FADE_SAMPLES: Final = round(0.01 * SAMPLE_RATE)
_MIN_MAIN_SPEAKER_SECONDS: Final = 3.0
"""With less speech of the main speaker, the whole recording is used: it is more informative."""


@dataclass(frozen=True)
class CleanedRecording:
    """A cleaned recording and its measurements.

    `audio` is float32 mono at 24 kHz: speech with short pauses, never longer than the recording, or the whole recording
    when it has no speech. `bandwidth_hz` is the highest frequency of the speech (not the noise), so that nothing is
    learnt from above it. `snr_db` (an estimate) and `speech_seconds` are those of the original recording. `notes` are
    sentences about the steps that were applied.
    """

    audio: FloatArray
    bandwidth_hz: float
    snr_db: float
    speech_seconds: float
    notes: tuple[str, ...]


def clean_recording(audio: FloatArray, encoder: SpeakerEncoder) -> CleanedRecording:
    """Extract the speech of the main speaker of `audio` (float32 mono, 24 kHz, finite).

    Takes about 0.1 s per second of audio on one thread with denoising, 0.06 s without. When the voice activity detector
    finds no speech, the result is the recording without its rumble and hum, with `speech_seconds` 0.
    """
    notes: list[str] = []
    recording, mains_hz = without_hum(audio[: round(MAX_RECORDING_SECONDS * SAMPLE_RATE)])
    if mains_hz:
        notes.append(f"A hum of {mains_hz:.0f} Hz was taken out.")
    spans = speech_spans(recording, SAMPLE_RATE) if recording.size and np.abs(recording).max() > _SILENCE_PEAK else []
    if not spans:
        return CleanedRecording(recording, SAMPLE_RATE / 2, 0.0, 0.0, ("No speech was found.",))
    measurements = measure(recording, SAMPLE_RATE, spans)
    bandwidth = measurements.bandwidth_hz
    if measurements.level_dbfs < 20 * np.log10(_QUIET_RMS):
        recording = _amplify(recording, measurements.level_dbfs)
        notes.append("The recording was made louder.")
    if measurements.snr_db < _MAX_NOISY_SNR_DB:
        cleaned = denoiser().denoise(recording)
        bandwidth = bandwidth_hz(np.concatenate([cleaned[begin:end] for begin, end in spans]), SAMPLE_RATE)
        recording = np.asarray(_RESIDUAL * recording + (1 - _RESIDUAL) * cleaned, np.float32)
        notes.append(
            f"Noise {measurements.snr_db:.0f} dB below the speech was made {-20 * np.log10(_RESIDUAL):.0f} dB softer."
        )
    recording, was_levelled = _level_segments(recording, spans)
    if was_levelled:
        notes.append("Stretches that were softer than the others were raised.")
    speech = _join([recording[begin:end] for begin, end in pad_spans(spans, _PAUSE_PADDING, len(recording))])
    speech, other_seconds = _keep_main_speaker(speech, encoder)
    if other_seconds:
        notes.append(f"{other_seconds:.1f} s with another speaker were left out.")
    return CleanedRecording(speech, bandwidth, measurements.snr_db, _total_seconds(spans), tuple(notes))


@cache
def denoiser() -> Denoiser:
    """The denoiser, loaded when a recording first needs it."""
    return Denoiser(threads=1)


def _amplify(audio: FloatArray, level_dbfs: float) -> FloatArray:
    gain = min(_TARGET_RMS / 10 ** (level_dbfs / 20), 0.99 / float(np.abs(audio).max()))
    return np.asarray(audio * gain, np.float32)


def _level_segments(audio: FloatArray, spans: list[Span]) -> tuple[FloatArray, bool]:
    """Raise segments of speech that are much softer than the loud ones. Returns (audio, whether any was raised).

    In a pause the gain is interpolated between the segments around it.
    """
    levels = np.array([_segment_level(audio[begin:end]) for begin, end in spans])
    lengths = np.array([end - begin for begin, end in spans])
    order = np.argsort(levels)
    loud = levels[order][np.searchsorted(np.cumsum(lengths[order]), 0.75 * lengths.sum())]
    gains = np.clip(loud - _LEVELLING_MARGIN_DB - levels, 0.0, _MAX_LEVELLING_DB)
    if gains.max() < 1.0:
        return audio, False
    curve = np.interp(np.arange(len(audio)), np.ravel(spans), np.repeat(gains, 2))
    return np.asarray(np.clip(audio * 10 ** (curve / 20), -1.0, 1.0), np.float32), True


def _segment_level(segment: FloatArray) -> float:
    """The level (dB) of the segment's loud parts, so that its pauses don't count."""
    size = SAMPLE_RATE // 50
    frames = segment[: max(len(segment) // size, 1) * size].reshape(-1, min(size, len(segment)))
    return float(np.percentile(10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-12), 90))


def _keep_main_speaker(speech: FloatArray, encoder: SpeakerEncoder) -> tuple[FloatArray, float]:
    """Return the main speaker's speech, and the seconds of other speakers that were removed."""
    mask = main_speaker_mask(speech, encoder.embed_each)
    if mask is None or mask.sum() < _MIN_MAIN_SPEAKER_SECONDS * SAMPLE_RATE:
        return speech, 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return _join([speech[begin:end] for begin, end in edges.reshape(-1, 2)]), float(
        len(speech) - mask.sum()
    ) / SAMPLE_RATE


def _join(segments: list[FloatArray]) -> FloatArray:
    """Concatenate segments with faded ends, so that no click is heard. A single segment is not faded."""
    if len(segments) == 1:
        return segments[0]
    return np.concatenate([_fade(one) for one in segments])


def _fade(segment: FloatArray) -> FloatArray:
    """Fade the segment in and out."""
    size = min(_FADE_SAMPLES, len(segment) // 2)
    gains = np.ones(len(segment), np.float32)
    gains[:size] = np.linspace(0.0, 1.0, size)
    gains[len(gains) - size :] = np.linspace(1.0, 0.0, size)
    return np.asarray(segment * gains)


def _total_seconds(spans: list[Span]) -> float:
    return sum(end - begin for begin, end in spans) / SAMPLE_RATE
