"""Bodies of the job endpoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from voxport.billing.money import MICRO, json_number
from voxport.clock import iso
from voxport.jobs.models import Job
from voxport.media.file_urls import file_keys, with_file_urls
from voxport.web.schemas import ErrorObject, NextCursor, StripWhitespace, Success

ReadUrls = Callable[[str, Collection[str]], Mapping[str, str]]
"""Maps a profile id and file keys to the signed URLs, by key, of the files that still exist."""

_FILE_DELETED = "The file of this job was deleted: there is no URL to it any more."
Status = Literal["queued", "processing", "completed", "failed", "cancelled"]
WebhookUrl = Annotated[
    str,
    StripWhitespace,
    Field(min_length=1, max_length=2048, description="A public http(s) URL of yours that is told of the job's end."),
]
JobWebhook = Annotated[
    WebhookUrl | None, Field(description="A public http(s) URL of yours that is told of the job's end.")
]


class JobBody(BaseModel):
    """A job as its owner sees it. `progress` is from 0 to 1; `error` is there when it failed."""

    id: str = Field(description="The job's id.")
    service: str = Field(description="The service that was called, such as `core-voice-clone`.")
    status: Status = Field(description="Ends as `completed`, `failed` or `cancelled`.")
    stage: str = Field(description="What is being done right now.")  # OpenAPI lists the stages of the handlers
    progress: float = Field(description="From 0 to 1.")
    created_at: str = Field(description="When the job was queued, ISO 8601 in UTC.")
    started_at: str | None = Field(description="When work on it began, ISO 8601 in UTC; null while it waits.")
    finished_at: str | None = Field(description="When it ended, ISO 8601 in UTC; null until then.")
    result_data: dict[str, Any] | None = Field(
        description="What the job made. Of a clone: status, message, voice_id, provider, name, warnings and "
        "quality (what was found in the recording: speech_seconds, snr_db, bandwidth_hz, clipped_share, speakers, "
        "reverberation, verdict, summary, advice). Of speech: `data` of the call that answers at once; `url` is null "
        "once the file was deleted, as it is of each file of `subtitles`."
    )
    units_consumed: float = Field(description="What was charged, in units of the service.")
    token_cost: float = Field(description="What was charged, in tokens.")
    error: ErrorObject | None = Field(default=None, description="Why it failed; only of a failed job.")


class JobList(BaseModel):
    status: Success = "success"
    data: list[JobBody] = Field(description="The jobs of this page.")
    next_cursor: NextCursor


class AcceptedJob(BaseModel):
    id: str = Field(description="The job's id, for `GET /v2/jobs/{job_id}`.")
    status: Status = Field(description="The job's status as it was queued.")
    service: str = Field(description="The service that was called.")
    created_at: str = Field(description="When the job was queued, ISO 8601 in UTC.")


class AcceptedBody(BaseModel):
    status: Literal["accepted"] = Field(
        default="accepted", description="`accepted`: the job is queued and will be done."
    )
    message: str = Field(default="Job queued for processing", description="The same in words.")
    job: AcceptedJob = Field(description="The job that was made.")


def job_body(job: Job, read_urls: ReadUrls) -> JobBody:
    """Build a job's body. The result's URL is freshly signed; it is null if the file was deleted."""
    return job_bodies([job], read_urls)[0]


def job_bodies(jobs: Sequence[Job], read_urls: ReadUrls) -> list[JobBody]:
    """Build the bodies of jobs, which must be of one profile."""
    keys = [key for job in jobs if job.result is not None for key in file_keys(job.result)]
    urls = read_urls(jobs[0].profile_id, keys) if keys else {}
    return [_body(job, urls) for job in jobs]


def _body(job: Job, urls: Mapping[str, str]) -> JobBody:
    result = job.result
    if result is not None and "key" in result:
        url = urls.get(result["key"])
        if url is None:
            result = {**result, "warnings": [*result.get("warnings", []), _FILE_DELETED]}
    if result is not None:
        result = with_file_urls(result, urls)
    values: dict[str, Any] = {
        "id": job.id,
        "service": job.service,
        "status": job.status,
        "stage": job.stage,
        "progress": job.progress,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at) if job.started_at else None,
        "finished_at": iso(job.finished_at) if job.finished_at else None,
        "result_data": result,
        "units_consumed": job.micro_units / MICRO,
        "token_cost": json_number(job.token_cost),
    }
    if job.status == "failed":
        values["error"] = job.error
    return JobBody(**values)


def accepted_body(job: Job) -> AcceptedBody:
    return AcceptedBody(
        job=AcceptedJob(
            id=job.id,
            status="queued",
            service=job.service,
            created_at=iso(job.created_at),
        )
    )
