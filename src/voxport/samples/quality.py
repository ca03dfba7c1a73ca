"""Rates a recording for voice cloning, in numbers and words: `quality` in a clone job's result."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from voxport.samples.check import SampleReport
from voxport.samples.findings import Finding, assess

QualityVerdict = Literal["excellent", "good", "fair", "poor"]
Reverberation = Literal["low", "some", "strong"]

_AMPLE_SECONDS = 30.0
_ENOUGH_SECONDS = 15.0
_CLEAN_SNR_DB = 25.0
# No dry recording is above the first. No recording in a room of 0.5 s is below the second; all in rooms of 0.3 s are.
_SOME_DECAY_SECONDS = 0.32
_STRONG_DECAY_SECONDS = 0.38
# With more noise, the fluctuations of the noise look like reverberation.
_AUDIBLE_SNR_DB = 12.0


class Quality(BaseModel):
    """What the gateway found in the recording, before anything was taken out of it."""

    speech_seconds: float = Field(description="Seconds of speech, without the pauses.")
    snr_db: float = Field(description="How far noise, music and other voices are below the speech, in dB; an estimate.")
    bandwidth_hz: float = Field(description="The highest frequency that the recording reaches, in Hz, at most 12,000.")
    clipped_share: float = Field(description="Share of the samples that are at the recorder's limit, from 0 to 1.")
    speakers: int = Field(description="How many people are suspected to speak: 1, or 2 for more than one.")
    reverberation: Reverberation | None = Field(description="How much of the room is heard; null where noise hides it.")
    verdict: QualityVerdict = Field(description="How close a voice the recording makes, in a word.")
    summary: str = Field(description="The verdict and what it rests on, in a sentence.")
    advice: list[str] = Field(description="Sentences on what would make a closer voice; empty where nothing would.")


def quality(report: SampleReport) -> Quality:
    """Rates a usable recording."""
    findings = assess(report)
    reverberation = _reverberation(report)
    verdict = _verdict(report, findings, reverberation)
    return Quality(
        speech_seconds=round(report.speech_seconds, 2),
        snr_db=round(report.snr_db, 1),
        bandwidth_hz=round(report.bandwidth_hz),
        clipped_share=round(report.clipped_share, 4),
        speakers=2 if report.several_speakers else 1,
        reverberation=reverberation,
        verdict=verdict,
        summary=_summary(report, verdict, reverberation),
        advice=_advice(report, findings, reverberation),
    )


def _reverberation(report: SampleReport) -> Reverberation | None:
    if report.decay_seconds is None or report.snr_db < _AUDIBLE_SNR_DB:
        return None
    if report.decay_seconds < _SOME_DECAY_SECONDS:
        return "low"
    return "some" if report.decay_seconds < _STRONG_DECAY_SECONDS else "strong"


def _verdict(report: SampleReport, findings: list[Finding], reverberation: Reverberation | None) -> QualityVerdict:
    """Poor: the voice will hardly resemble the speaker. Fair: it will, with some of the recording's fault."""
    if len(findings) > 1 or any(finding.is_severe for finding in findings):
        return "poor"
    if findings or reverberation == "strong":
        return "fair"
    is_clean = report.snr_db >= _CLEAN_SNR_DB and reverberation == "low"
    return "excellent" if is_clean and report.speech_seconds >= _ENOUGH_SECONDS else "good"


def _summary(report: SampleReport, verdict: QualityVerdict, reverberation: Reverberation | None) -> str:
    people = "more than one person" if report.several_speakers else "one person"
    echo = {"low": "", "some": ", with some of the room", "strong": ", in a room that is heard strongly"}
    return (
        f"{verdict.capitalize()}: {report.speech_seconds:.1f} seconds of speech of {people}, about "
        f"{report.snr_db:.0f} dB above the noise, up to {report.bandwidth_hz / 1000:.1f} kHz"
        f"{'' if reverberation is None else echo[reverberation]}."
    )


def _advice(report: SampleReport, findings: list[Finding], reverberation: Reverberation | None) -> list[str]:
    advice = [finding.advice for finding in findings]
    if reverberation == "strong":
        advice.append("Record nearer to the microphone, or in a room with curtains and soft furniture.")
    more = "30 seconds or more make a closer voice."
    if report.speech_seconds < _AMPLE_SECONDS and more not in advice:
        advice.append(more)
    return advice
