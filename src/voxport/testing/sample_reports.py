"""The report of a good minute of speech, for gateways that don't check samples."""

from __future__ import annotations

from voxport.samples.check import SampleReport

GOOD_REPORT = SampleReport(
    duration_seconds=60.0,
    speech_seconds=50.0,
    speech_begin_seconds=0.0,
    speech_end_seconds=60.0,
    level_dbfs=-20.0,
    peak=0.5,
    clipped_share=0.0,
    snr_db=40.0,
    bandwidth_hz=11_000.0,
    decay_seconds=0.25,
    several_speakers=False,
    warnings=(),
)
