"""The sample check on every recording of the speech folder, decoding included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.recordings import Recording, manifest
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import decode
from voxport.errors import SampleUnusable
from voxport.samples.check import SampleReport, check, trim_to_speech

ROWS = [row for row in manifest() if row.expect]
FEW = "only"
Reported = Callable[[Recording], SampleReport]

# Prefix of the file name, and a word of the warning.
WARNINGS = {
    "clipped_hard": "clipped",
    "noisy_babble_5dB": "noise",
    "quiet_minus40dB": "quiet",
    "speech_telephone_8k_mulaw": "telephone",
    "two_speakers_M_then_F": "More than one person",
}
REASONS = {
    "music_only_brahms_hungarian_dance5": "no_speech",
    "very_short_0p5s": "too_short",
    "bad_empty": "empty_file",
    "bad_text_renamed": "not_media",
    "bad_truncated_header": "damaged",
    "silence_10s": "silent",
    "video_no_audio": "no_audio_track",
}

pytestmark = pytest.mark.slow


def is_out_of_scope(row: Recording) -> bool:
    """Good speech in a file under 4 s, which rarely contains the 3 s of speech that a voice needs."""
    return row.kind == "speech" and row.seconds < 4.0


def rows(expect: str) -> list[Recording]:
    return [row for row in ROWS if row.expect == expect and not is_out_of_scope(row)]


def test_the_folder_is_there(speech: Path) -> None:
    """Skips with the reason where the folder is absent; the tables below are then empty."""
    assert len(ROWS) > 80


@pytest.mark.parametrize("row", rows("ok"), ids=lambda row: row.path)
def test_good_recordings_pass(row: Recording, reported: Reported) -> None:
    report = reported(row)
    assert report.duration_seconds == pytest.approx(min(row.seconds, 60.0), abs=0.1) or row.kind == "media"
    if report.speech_seconds < 5:
        assert [warning for warning in report.warnings if FEW not in warning] == []
    else:
        assert report.warnings == ()


@pytest.mark.parametrize("row", rows("warn"), ids=lambda row: row.path)
def test_poor_recordings_are_warned_of(row: Recording, reported: Reported) -> None:
    if "short_3s" in row.path:
        with pytest.raises(SampleUnusable) as caught:
            reported(row)
        assert 2.5 < caught.value.details["speech_seconds"] < 3.0
        return
    report = reported(row)
    assert len(report.warnings) == 1
    assert WARNINGS[Path(row.path).stem] in report.warnings[0]
    assert report.warnings[0].isascii()


@pytest.mark.parametrize("row", rows("refuse"), ids=lambda row: row.path)
def test_useless_files_are_refused(row: Recording, reported: Reported) -> None:
    with pytest.raises(SampleUnusable) as caught:
        reported(row)
    assert caught.value.details["reason"] == REASONS[Path(row.path).stem]


@pytest.mark.parametrize("row", [row for row in ROWS if is_out_of_scope(row)], ids=lambda row: row.path)
def test_good_recordings_under_four_seconds_hold_too_little_speech(row: Recording, reported: Reported) -> None:
    with pytest.raises(SampleUnusable) as caught:
        reported(row)
    assert caught.value.details["reason"] == "too_short"
    assert 1.5 < caught.value.details["speech_seconds"] < 3.0


def test_silence_around_is_neither_counted_nor_kept(speech: Path, ffmpeg: Path) -> None:
    spoken = decode(speech / "en_ljspeech" / "LJ001-0001.wav", ffmpeg=ffmpeg)
    silence = np.zeros(5 * SAMPLE_RATE, np.float32)
    report = check(np.concatenate([silence, spoken, silence]))
    assert report.speech_begin_seconds == pytest.approx(5, abs=0.2)
    part = trim_to_speech(np.concatenate([silence, spoken, silence]), report)
    assert len(part) / SAMPLE_RATE == pytest.approx(len(spoken) / SAMPLE_RATE, abs=0.5)
    assert report.warnings == ()
