"""The sample check on synthetic sound; needs no recordings."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.measurements import measure
from voxport.audio.speaker_count import has_several_speakers
from voxport.audio.vad import pad_spans, speech_spans
from voxport.errors import SampleUnusable
from voxport.samples.check import SampleReport, check, trim_to_speech

Audio = npt.NDArray[np.float32]


def seconds(length: float) -> Audio:
    return np.arange(round(length * SAMPLE_RATE), dtype=np.float32) / np.float32(SAMPLE_RATE)


def voice(length: float) -> Audio:
    """A voice-like signal, good enough for measurements but not for the speech model: five bursts a second of a buzz at
    120 Hz and its overtones."""
    t = seconds(length)
    buzz = np.zeros(len(t))
    for k in range(1, 80):
        buzz += np.sin(2 * np.pi * 120 * k * t + k * k) / k
    envelope = np.clip(np.sin(2 * np.pi * 2.5 * t), 0, None) ** 2
    return np.asarray(0.1 * buzz * envelope, np.float32)


def noise(length: float, rms: float) -> Audio:
    return (rms * np.random.default_rng(3).standard_normal(round(length * SAMPLE_RATE))).astype(np.float32)


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (np.zeros(0, np.float32), "silent"),
        (np.zeros(10 * SAMPLE_RATE, np.float32), "silent"),
        (noise(5, 0.0001), "silent"),
        (np.full(5 * SAMPLE_RATE, 0.5, np.float32), "no_speech"),
        (noise(5, 0.1), "no_speech"),
        ((0.5 * np.sin(2 * np.pi * 440 * seconds(5))).astype(np.float32), "no_speech"),
        (noise(0.001, 0.1), "no_speech"),
    ],
    ids=["nothing", "zeros", "muted", "constant", "noise", "tone", "24 samples"],
)
def test_what_is_no_speech_is_refused(audio: Audio, reason: str) -> None:
    with pytest.raises(SampleUnusable) as caught:
        check(audio)
    assert caught.value.details["reason"] == reason
    assert caught.value.details["speech_seconds"] == 0
    assert caught.value.details["duration_seconds"] == pytest.approx(len(audio) / SAMPLE_RATE, abs=0.01)
    assert caught.value.message.endswith("Send 30 seconds or more of one person speaking clearly.")


def test_other_rates_are_understood() -> None:
    with pytest.raises(SampleUnusable) as caught:
        check(noise(5, 0.1), rate=12_000)
    assert caught.value.details["duration_seconds"] == 10


def test_level_and_peak() -> None:
    square = np.full(SAMPLE_RATE, 0.1, np.float32)
    square[::2] = -0.1
    measured = measure(square, SAMPLE_RATE, [(0, SAMPLE_RATE)])
    assert measured.level_dbfs == pytest.approx(-20, abs=0.01)
    assert measured.peak == pytest.approx(0.1)


def test_clipping_is_seen_at_any_level() -> None:
    clean = voice(6)
    span = [(0, len(clean))]
    assert measure(clean, SAMPLE_RATE, span).clipped_share < 0.002
    for level in (1.0, 0.2):
        clipped = np.clip(clean * 4 / np.abs(clean).max(), -1, 1) * np.float32(level)
        assert measure(clipped, SAMPLE_RATE, span).clipped_share > 0.01


@pytest.mark.parametrize("snr_db", [5, 10, 15, 20])
def test_noise_is_estimated(snr_db: int) -> None:
    clean = voice(10)
    rms = float(np.sqrt(np.mean(clean**2))) * 10 ** (-snr_db / 20)
    measured = measure(clean + noise(10, rms), SAMPLE_RATE, [(0, len(clean))])
    assert measured.snr_db == pytest.approx(snr_db, abs=6)


def test_noise_far_from_speech_is_not_counted_and_nor_is_silence() -> None:
    noisy = voice(6) + noise(6, 0.03)
    alone = measure(noisy, SAMPLE_RATE, [(0, len(noisy))])
    silence = np.zeros(20 * SAMPLE_RATE, np.float32)
    joined = measure(np.concatenate([silence, noisy, silence]), SAMPLE_RATE, [(20 * SAMPLE_RATE, 26 * SAMPLE_RATE)])
    assert joined.snr_db == pytest.approx(alone.snr_db, abs=3)


@pytest.mark.parametrize("limit_hz", [4_000, 8_000])
def test_bandwidth(limit_hz: int) -> None:
    spectrum = np.fft.rfft(noise(5, 0.1))
    spectrum[round(limit_hz * 5) :] = 0
    limited = np.fft.irfft(spectrum).astype(np.float32)
    assert measure(limited, SAMPLE_RATE, [(0, len(limited))]).bandwidth_hz == pytest.approx(limit_hz, abs=300)


def report(**changes: object) -> SampleReport:
    values: dict[str, object] = {
        "duration_seconds": 10.0,
        "speech_seconds": 8.0,
        "speech_begin_seconds": 1.0,
        "speech_end_seconds": 9.5,
        "level_dbfs": -20.123456,
        "peak": 0.5,
        "clipped_share": 0.0,
        "snr_db": 40.0,
        "bandwidth_hz": 12_000.0,
        "decay_seconds": 0.25,
        "several_speakers": False,
        "warnings": ("One.", "Two."),
    }
    return SampleReport(**(values | changes))  # type: ignore[arg-type]


def test_a_report_is_json() -> None:
    plain = json.loads(json.dumps(report().as_json()))
    assert plain["warnings"] == ["One.", "Two."]
    assert plain["level_dbfs"] == -20.1235
    assert plain["several_speakers"] is False


def test_the_usable_part_begins_and_ends_with_speech() -> None:
    audio = np.arange(10 * SAMPLE_RATE, dtype=np.float32)
    part = trim_to_speech(audio, report())
    assert (part[0], len(part)) == (1.0 * SAMPLE_RATE, 8.5 * SAMPLE_RATE)


def test_spans_grow_and_merge_and_stay_inside() -> None:
    assert pad_spans([(10, 20), (35, 40), (90, 95)], 8, 100) == [(2, 48), (82, 100)]
    assert pad_spans([], 8, 100) == []
    assert speech_spans(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE) == []


def by_sign(clips: Sequence[Audio]) -> Audio:
    """A speaker encoder for the tests: it embeds a clip by its shares of positive and other samples."""
    shares = np.array([np.mean(clip > 0) for clip in clips], np.float32)
    pairs = np.stack([shares, 1 - shares], axis=1)
    return np.asarray(pairs / np.linalg.norm(pairs, axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([(10, 1)], False),
        ([(8, 1), (8, -1)], True),
        ([(3, 1), (3, -1), (3, 1), (3, -1)], True),
        ([(12, 1), (0.5, -1)], False),
        ([(3, 1)], False),
        ([(0, 1)], False),
    ],
    ids=["one", "one after the other", "in turns", "a cough", "too short to tell", "nothing"],
)
def test_two_speakers_are_told_apart(turns: list[tuple[float, int]], expected: bool) -> None:
    speech = np.concatenate([np.full(round(length * SAMPLE_RATE), sign, np.float32) for length, sign in turns])
    assert has_several_speakers(speech, by_sign) is expected


def test_the_encoder_is_asked_once_and_gets_whole_windows() -> None:
    lengths: list[list[int]] = []

    def embed(clips: Sequence[Audio]) -> Audio:
        lengths.append([len(clip) for clip in clips])
        return np.tile(np.array([1, 0], np.float32), (len(clips), 1))

    assert has_several_speakers(np.ones(SAMPLE_RATE * 7, np.float32), embed) is False
    assert lengths == [[round(1.6 * SAMPLE_RATE)] * 7]
