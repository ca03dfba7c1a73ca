"""GET /v2/jobs, GET /v2/jobs/{id}, POST /v2/jobs/{id}/cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from voxport.catalog import ServiceName
from voxport.idempotency.claim import Answer
from voxport.jobs.models import Job
from voxport.jobs.schemas import JobBody, JobList, Status, accepted_body, job_body
from voxport.jobs.service import Jobs
from voxport.media.service import MediaService
from voxport.web.authentication import KEY_SCHEMES, AuthenticatedRoute, Caller
from voxport.web.params import Cursor, Limit
from voxport.web.parts import part

router = APIRouter(prefix="/v2/jobs", tags=["jobs"], route_class=AuthenticatedRoute, dependencies=KEY_SCHEMES)


JobsDep = Annotated[Jobs, part("jobs")]
MediaDep = Annotated[MediaService, part("media")]
_RETRY_AFTER_SECONDS = "2"


@router.get("", summary="Your jobs, newest first", response_model_exclude_unset=True)
def list_jobs(
    caller: Caller,
    jobs: JobsDep,
    media: MediaDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Status | None = None,
    service: ServiceName | None = None,
) -> JobList:
    page = jobs.list(caller.profile_id, status=status, service=service, limit=limit, cursor=cursor)
    return JobList(
        status="success", data=[job_body(job, media.read_url) for job in page.rows], next_cursor=page.next_cursor
    )


@router.get("/{job_id}", summary="How far a job is, and what it gave", response_model_exclude_unset=True)
def get_job(job_id: str, caller: Caller, jobs: JobsDep, media: MediaDep) -> JobBody:
    return job_body(jobs.get(caller.profile_id, job_id), media.read_url)


@router.post("/{job_id}/cancel", summary="End a job; it costs nothing", response_model_exclude_unset=True)
def cancel_job(job_id: str, caller: Caller, jobs: JobsDep, media: MediaDep) -> JobBody:
    return job_body(jobs.cancel(caller.profile_id, job_id), media.read_url)


def accepted(job: Job, **headers: str) -> Answer:
    """The 202 of a call that became a job."""
    headers = {"Location": f"/v2/jobs/{job.id}", "Retry-After": _RETRY_AFTER_SECONDS, **headers}
    return Answer(202, headers, accepted_body(job).model_dump(mode="json"))
