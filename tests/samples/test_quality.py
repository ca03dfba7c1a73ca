"""The quality that a clone job reports for its recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.recordings import Recording, manifest
from voxport.samples.check import SampleReport
from voxport.samples.quality import Quality, quality


def of(**changes: object) -> Quality:
    values: dict[str, object] = {
        "duration_seconds": 40.0,
        "speech_seconds": 35.0,
        "speech_begin_seconds": 1.0,
        "speech_end_seconds": 39.0,
        "level_dbfs": -20.0,
        "peak": 0.5,
        "clipped_share": 0.0,
        "snr_db": 40.0,
        "bandwidth_hz": 12_000.0,
        "decay_seconds": 0.2,
        "several_speakers": False,
        "warnings": (),
    }
    return quality(SampleReport(**(values | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "verdict", "advice"),
    [
        ({}, "excellent", []),
        ({"speech_seconds": 8.0}, "good", ["30 seconds"]),
        ({"snr_db": 22.0}, "good", []),
        ({"decay_seconds": 0.35}, "good", []),
        ({"speech_seconds": 4.0}, "fair", ["30 seconds"]),
        ({"snr_db": 13.0}, "fair", ["quiet room"]),
        ({"bandwidth_hz": 3_400.0}, "fair", ["microphone"]),
        ({"level_dbfs": -40.0}, "fair", ["closer"]),
        ({"clipped_share": 0.03}, "fair", ["lower level"]),
        ({"decay_seconds": 0.45}, "fair", ["curtains"]),
        ({"snr_db": 5.0}, "poor", ["quiet room"]),
        ({"several_speakers": True}, "poor", ["one person alone"]),
        ({"clipped_share": 0.03, "bandwidth_hz": 3_400.0}, "poor", ["lower level", "microphone"]),
    ],
)
def test_a_verdict_and_what_would_help(changes: dict[str, object], verdict: str, advice: list[str]) -> None:
    found = of(**changes)
    assert found.verdict == verdict
    assert len(found.advice) == len(advice)
    assert all(word in sentence for word, sentence in zip(advice, found.advice, strict=True))
    assert found.summary.startswith(f"{verdict.capitalize()}: ")
    assert found.summary.isascii()


def test_a_room_is_not_told_where_noise_hides_it() -> None:
    assert [of(decay_seconds=seconds).reverberation for seconds in (0.2, 0.35, 0.5)] == ["low", "some", "strong"]
    assert of(decay_seconds=0.5, snr_db=8.0).reverberation is None
    assert of(decay_seconds=None).reverberation is None


def test_more_than_one_speaker_counts_as_two() -> None:
    assert (of().speakers, of(several_speakers=True).speakers) == (1, 2)


VERDICTS = {
    "noisy_babble_5dB": "poor",
    "two_speakers_M_then_F": "poor",
    "clipped_hard": "fair",
    "quiet_minus40dB": "fair",
    "speech_telephone_8k_mulaw": "fair",
}
ROWS = [row for row in manifest() if row.kind == "media" and row.expect != "refuse" and "short_3s" not in row.path]


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_real_recordings_get_the_verdict_that_they_deserve(
    row: Recording, reported: Callable[[Recording], SampleReport]
) -> None:
    found = quality(reported(row))
    expected = VERDICTS.get(Path(row.path).stem)
    assert found.verdict == expected if expected else found.verdict in ("excellent", "good")
    assert found.speakers == (2 if "two_speakers" in row.path else 1)
    assert (found.bandwidth_hz < 4_000) == ("telephone" in row.path)
    assert found.reverberation in ("low", None)
    assert np.isfinite(found.snr_db)
