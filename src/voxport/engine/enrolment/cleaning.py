"""A recording as it came, made ready for enrolment: the main speaker's clean speech, and what was found.

Only steps that bring a spoilt recording nearer to its clean one, by two speaker encoders, and leave a clean one as it
is (`benchmarks/quality/samples.py`, docs/engine.md).
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
"""What comes after is not heard."""
_SILENCE_PEAK: Final = 1e-4  # -80 dBFS
# Above this estimate a recording is left as it is: real ones that are fine have 21 dB and more.
_MAX_NOISY_SNR_DB: Final = 20.0
# 20 dB: the share of the recording that stays in what is cleaned. All of it gone is nearer by the encoder of the fit,
# but not by another one, to which holes in the spectrum sound like another speaker.
_RESIDUAL: Final = 0.1
_PAUSE_PADDING: Final = round(0.4 * SAMPLE_RATE)
"""What stays of a long pause at each side. Shorter ones belong to how somebody speaks."""
_QUIET_RMS: Final = 10 ** (-35 / 20)
_TARGET_RMS: Final = 10 ** (-24 / 20)
"""A recording whose speech is below the first (RMS) is raised to the second."""
_LEVELLING_MARGIN_DB: Final = 6.0
"""Stretches of speech are raised to this much under the loud ones; within it, sentences differ by themselves."""
_MAX_LEVELLING_DB: Final = 20.0
"""Farther down it is somebody else, far away."""
_FADE_SAMPLES: Final = round(0.01 * SAMPLE_RATE)
_MIN_MAIN_SPEAKER_SECONDS: Final = 3.0
"""Of the main speaker's speech. With less, the whole recording says more."""


@dataclass(frozen=True)
class CleanedRecording:
    """`audio` is float32 mono at 24 kHz: speech with short pauses, never longer than the recording; where nobody
    speaks, all of it. `bandwidth_hz` is the highest frequency that speech (not the noise) reaches, so that
    nothing is learnt from what lies above. `snr_db` (an estimate) and `speech_seconds` are the recording's, before
    anything was taken out. `notes` are sentences about what was done."""

    audio: FloatArray
    bandwidth_hz: float
    snr_db: float
    speech_seconds: float
    notes: tuple[str, ...]


def clean_recording(audio: FloatArray, encoder: SpeakerEncoder) -> CleanedRecording:
    """The speech of the one who speaks most in `audio` (float32 mono, 24 kHz, finite). About 0.1 s for a second of
    sound on one thread where it has to be denoised, 0.06 s else. Where nobody speaks (as the model of voice activity
    hears it), the recording comes back without its rumble and hum, and with `speech_seconds` 0."""
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
    """Loaded with the first recording that needs it."""
    return Denoiser(threads=1)


def _amplify(audio: FloatArray, level_dbfs: float) -> FloatArray:
    gain = min(_TARGET_RMS / 10 ** (level_dbfs / 20), 0.99 / float(np.abs(audio).max()))
    return np.asarray(audio * gain, np.float32)


def _level_segments(audio: FloatArray, spans: list[Span]) -> tuple[FloatArray, bool]:
    """Stretches of speech that are much softer than the loud half are raised; whether any was. In the pauses the gain
    goes from the one's to the next one's."""
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
    """dB of its loud parts, so that the pauses in it don't count."""
    size = SAMPLE_RATE // 50
    frames = segment[: max(len(segment) // size, 1) * size].reshape(-1, min(size, len(segment)))
    return float(np.percentile(10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-12), 90))


def _keep_main_speaker(speech: FloatArray, encoder: SpeakerEncoder) -> tuple[FloatArray, float]:
    """What the main speaker says, and the seconds of the others that were left out."""
    mask = main_speaker_mask(speech, encoder.embed_each)
    if mask is None or mask.sum() < _MIN_MAIN_SPEAKER_SECONDS * SAMPLE_RATE:
        return speech, 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return _join([speech[begin:end] for begin, end in edges.reshape(-1, 2)]), float(
        len(speech) - mask.sum()
    ) / SAMPLE_RATE


def _join(segments: list[FloatArray]) -> FloatArray:
    """One after the other, with soft ends, so that no click is heard; one alone stays as it is."""
    if len(segments) == 1:
        return segments[0]
    return np.concatenate([_fade(one) for one in segments])


def _fade(segment: FloatArray) -> FloatArray:
    """With soft ends, so that no click is heard where two are joined."""
    size = min(_FADE_SAMPLES, len(segment) // 2)
    gains = np.ones(len(segment), np.float32)
    gains[:size] = np.linspace(0.0, 1.0, size)
    gains[len(gains) - size :] = np.linspace(1.0, 0.0, size)
    return np.asarray(segment * gains)


def _total_seconds(spans: list[Span]) -> float:
    return sum(end - begin for begin, end in spans) / SAMPLE_RATE
