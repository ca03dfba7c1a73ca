"""GET /v2/jobs, GET /v2/jobs/{id}, GET /v2/jobs/{id}/events, POST /v2/jobs/{id}/cancel."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import AuthenticatedRoute, Caller
from voxport.accounts.service import Accounts
from voxport.catalog import JobServiceName
from voxport.idempotency.claim import ReplayableResponse
from voxport.jobs.event_hub import EventHubDep
from voxport.jobs.event_replay import FINAL_STATUSES, events_since, parse_position
from voxport.jobs.models import Job
from voxport.jobs.schemas import JobBody, JobList, Status, accepted_body, job_bodies, job_body
from voxport.jobs.service import Jobs
from voxport.jobs.sse import EventStream
from voxport.media.service import MediaService
from voxport.web.dependencies import Injected
from voxport.web.params import Cursor, Limit

router = APIRouter(prefix="/v2/jobs", tags=["jobs"], route_class=AuthenticatedRoute)


JobsDep = Injected[Jobs]
MediaDep = Injected[MediaService]
_RETRY_AFTER_SECONDS = "2"


@router.get("", summary="Your jobs, newest first", response_model_exclude_unset=True)
def list_jobs(
    caller: Caller,
    jobs: JobsDep,
    media: MediaDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[Status | None, Query(description="Only the jobs of this status.")] = None,
    service: Annotated[JobServiceName | None, Query(description="Only the jobs of this service.")] = None,
) -> JobList:
    page = jobs.list(caller.profile_id, status=status, service=service, limit=limit, cursor=cursor)
    return JobList(status="success", data=job_bodies(page.rows, media.read_urls), next_cursor=page.next_cursor)


@router.get("/{job_id}", summary="How far a job is, and what it gave", response_model_exclude_unset=True)
def get_job(job_id: str, caller: Caller, jobs: JobsDep, media: MediaDep) -> JobBody:
    return job_body(jobs.get(caller.profile_id, job_id), media.read_urls)


@router.get(
    "/{job_id}/events",
    summary="Each change of a job, as it comes, until its end",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "`event: job`; the data is the job's JSON"},
        204: {"description": "The job has ended, and the event of `Last-Event-ID` told so: there is no more to come"},
    },
)
async def job_events(
    job_id: str,
    caller: Caller,
    jobs: JobsDep,
    media: MediaDep,
    hub: EventHubDep,
    accounts: Injected[Accounts],
    last_event_id: Annotated[str | None, Header(description="The id of the last event that you got.")] = None,
) -> Response:
    job, events = await run_in_threadpool(jobs.history, caller.profile_id, job_id)
    position = parse_position(last_event_id, events)
    if job.status in FINAL_STATUSES and not events_since(position, job, events):
        return Response(status_code=204)
    subscription = hub.subscribe(caller.profile_id, job_id)
    return EventStream(
        jobs,
        hub,
        subscription,
        position,
        lambda one: job_body(one, media.read_urls).model_dump_json(exclude_unset=True),
        require_key=partial(accounts.require_valid_key, caller),
    )


@router.post("/{job_id}/cancel", summary="End a job; it costs nothing", response_model_exclude_unset=True)
def cancel_job(job_id: str, caller: Caller, jobs: JobsDep, media: MediaDep) -> JobBody:
    return job_body(jobs.cancel(caller.profile_id, job_id), media.read_urls)


def accepted(job: Job, **headers: str) -> ReplayableResponse:
    """Build the 202 response of a call that was queued as a job."""
    headers = {"Location": f"/v2/jobs/{job.id}", "Retry-After": _RETRY_AFTER_SECONDS, **headers}
    return ReplayableResponse(202, headers, accepted_body(job).model_dump(mode="json"))
