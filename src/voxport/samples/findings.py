"""Finds the faults of a usable recording by calibrated thresholds and describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from voxport.samples.check import SampleReport

ADVICE: Final = "Send 30 seconds or more of one person speaking clearly."
"""What to do about a recording that is refused."""

# Thresholds chosen on about 90 real recordings. The brackets give the values of good recordings and of examples.
_FEW_SECONDS = 5.0
_QUIET_DBFS = -35.0  # (-28 and more)
_CLIPPED_SHARE = 0.002  # (0.0001 and less; 0.03 in one that is clipped at a quarter of its level)
_NOISY_SNR_DB = 15.0  # (21 and more; 9 with five talkers 5 dB below the speaker)
_NARROW_HZ = 5_500.0  # (7,300 and more; 4,000 over the telephone)
# Below this, cleaning no longer restores the speaker's own voice.
_LOST_SNR_DB = 10.0


@dataclass(frozen=True)
class Finding:
    """A fault. Message and advice are ASCII sentences. `is_severe`: the voice will hardly resemble the speaker."""

    message: str
    advice: str
    is_severe: bool


def assess(report: SampleReport) -> list[Finding]:
    """Returns the faults of a recording, from its measurements."""
    found = {
        Finding(
            f"There are only {report.speech_seconds:.1f} seconds of speech.",
            "30 seconds or more make a closer voice.",
            is_severe=False,
        ): report.speech_seconds < _FEW_SECONDS,
        Finding(
            f"The recording is quiet ({report.level_dbfs:.0f} dBFS), and raising it raises its noise.",
            "Record closer to the microphone.",
            is_severe=False,
        ): report.level_dbfs < _QUIET_DBFS,
        Finding(
            "The recording is clipped: it was too loud for the recorder.",
            "Record it again at a lower level.",
            is_severe=False,
        ): report.clipped_share > _CLIPPED_SHARE,
        Finding(
            f"There is noise, music or other voices behind the speaker (about {report.snr_db:.0f} dB below).",
            "Record in a quiet room.",
            is_severe=report.snr_db < _LOST_SNR_DB,
        ): report.snr_db < _NOISY_SNR_DB,
        Finding(
            f"The recording has nothing above {report.bandwidth_hz / 1000:.1f} kHz, as over a telephone, so the "
            "voice will sound dull.",
            "Record with a microphone, not over a call.",
            is_severe=False,
        ): report.bandwidth_hz < _NARROW_HZ,
        Finding(
            "More than one person seems to speak, and the voice may become a mix of them.",
            "Send a recording of one person alone.",
            is_severe=True,
        ): report.several_speakers,
    }
    return [finding for finding, applies in found.items() if applies]
