"""Jobs, and what they made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from voxport_client.models.base import Model
from voxport_client.models.names import JobStatus, Reverberation, Verdict


@dataclass(frozen=True, kw_only=True)
class ErrorInfo(Model):
    """Why a job failed."""

    code: str
    message: str
    request_id: str | None
    details: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Job(Model):
    """A delayed call. `progress` is from 0 to 1, `stage` what is being done, `token_cost` what was charged.

    `result_data` is what it made, as the gateway gave it: `wait()` of a pending job gives the same typed."""

    id: str
    service: str
    status: JobStatus
    stage: str
    progress: float
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result_data: dict[str, Any] | None
    units_consumed: float
    token_cost: Decimal
    error: ErrorInfo | None = None

    @property
    def has_ended(self) -> bool:
        return self.status not in ("queued", "processing")


@dataclass(frozen=True, kw_only=True)
class AcceptedJob(Model):
    """A job as it was queued."""

    id: str
    status: JobStatus
    service: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Accepted(Model):
    """The response of a call that was queued."""

    message: str
    job: AcceptedJob


@dataclass(frozen=True, kw_only=True)
class SampleQuality(Model):
    """What the gateway found in a recording. `snr_db` is how far noise is below the speech, `clipped_share` from 0 to
    1."""

    speech_seconds: float
    snr_db: float
    bandwidth_hz: float
    clipped_share: float
    speakers: int
    reverberation: Reverberation | None
    verdict: Verdict
    summary: str
    advice: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CheckedSample(SampleQuality):
    """What a clone of a recording would find. `duration_seconds` is the length of the part that a clone would use,
    pauses included; `level_dbfs` is how far the speech is below the loudest that a file can hold."""

    duration_seconds: float
    level_dbfs: float
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ClonedVoice(Model):
    """The result of a clone. `warnings` and `quality` are about the recording."""

    voice_id: str
    provider: str
    message: str
    name: str | None = None
    warnings: list[str] = field(default_factory=list)
    quality: SampleQuality | None = None
