"""POST /v1/proxy/core-tts-batch and GET /v2/jobs/{job_id}/lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from voxport.accounts.authentication import AuthenticatedRoute, Caller, RequestId
from voxport.accounts.service import Principal
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.encode import FORMATS
from voxport.billing.money import json_number, to_micro
from voxport.errors import Invalid
from voxport.idempotency.route import BilledRoute, ClaimFactory, json_response
from voxport.jobs.endpoints import MediaDep, accepted
from voxport.jobs.schemas import AcceptedBody
from voxport.paging import build_page, decode_cursor
from voxport.scripts.formats.read import read_script_items
from voxport.scripts.handler import folder_of
from voxport.scripts.models import JobLine
from voxport.scripts.output_files import line_key
from voxport.scripts.preparation import CastMember
from voxport.scripts.schemas import (
    CastMemberBody,
    CharacterEstimateBody,
    JobLineBody,
    JobLinesBody,
    LineState,
    ScriptBody,
    ScriptEstimateAnswer,
    ScriptEstimateData,
    ScriptLineBody,
)
from voxport.scripts.script import Script, ScriptError, character_name
from voxport.scripts.service import ScriptEstimate, ScriptRequest, ScriptService
from voxport.scripts.source import ScriptSource, invalid, read
from voxport.web.concurrency import ConcurrencyLimiter
from voxport.web.dependencies import Injected
from voxport.web.params import Cursor, Limit

MAX_CONCURRENT_CHECKS: Final = 2
"""Scripts that one process reads and checks at once: a book takes seconds of processor time."""

router = APIRouter(tags=["scripts"], route_class=BilledRoute)
lines = APIRouter(tags=["jobs"], route_class=AuthenticatedRoute)


@router.post(
    "/v1/proxy/core-tts-batch",
    status_code=202,
    summary="A whole script with a cast, as a job",
    response_model=AcceptedBody | ScriptEstimateAnswer,
    responses={200: {"model": ScriptEstimateAnswer, "description": "`dry_run`: what the script would cost"}},
)
async def speak_script(
    body: ScriptBody,
    caller: Caller,
    http: Request,
    request_id: RequestId,
    make_claim: ClaimFactory,
    scripts: Injected[ScriptService],
    source: Injected[ScriptSource],
) -> Response:
    limiter: ConcurrencyLimiter = http.app.state.script_checks
    claim = make_claim(accepted)

    def answer(check_wanted: Callable[[], None]) -> Response:
        request = _request(body, _script(body, caller, source))
        check_wanted()
        if body.dry_run:
            estimate = _estimate_answer(scripts.estimate(caller, request))
            return JSONResponse(estimate.model_dump(mode="json"))
        return json_response(accepted(scripts.submit(caller, request, request_id=request_id, claim=claim)))

    return await limiter.run_while_wanted(caller.profile_id, answer, receive=http.receive)


@lines.get("/v2/jobs/{job_id}/lines", summary="The lines of a script, and where each is heard")
def job_lines(
    job_id: str,
    caller: Caller,
    scripts: Injected[ScriptService],
    media: MediaDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobLinesBody:
    after = decode_cursor(cursor)
    job, rows = scripts.lines(caller.profile_id, job_id, after=-1 if after is None else after, limit=limit + 1)
    page = build_page(list(rows), limit, lambda row: row.number)
    is_completed = job.status == "completed"
    keys: dict[int, str] = {}
    if is_completed and "lines" in job.request.get("outputs", ()):
        extension = FORMATS[job.request["output_format"]].extension
        keys = {row.number: line_key(folder_of(job_id), row.line_id, extension) for row in page.rows}
    urls = media.read_urls(caller.profile_id, keys.values()) if keys else {}

    def one(row: JobLine) -> JobLineBody:
        key = keys.get(row.number)
        url = urls.get(key) if key is not None else None
        return JobLineBody(
            number=row.number,
            id=row.line_id,
            character=row.character,
            text=row.text,
            state=_state(row),
            url=url,
            key=key if url is not None else None,
            start=None if row.start_sample is None else round(row.start_sample / SAMPLE_RATE, 3),
            seconds=None if row.samples is None else round(row.samples / SAMPLE_RATE, 3),
            tokens=json_number(scripts.line_price(row.samples)) if row.is_charged and row.samples else 0,
            findings=row.findings or [],
        )

    return JobLinesBody(data=[one(row) for row in page.rows], next_cursor=page.next_cursor)


def _state(row: JobLine) -> LineState:
    if row.is_charged is not None:
        return "spoken" if row.is_charged else "reused"
    return "waiting" if row.samples is None else "ready"


def _script(body: ScriptBody, caller: Principal, source: ScriptSource) -> Script:
    sent = [name for name in ("script", "script_text", "script_url") if getattr(body, name) is not None]
    if len(sent) != 1:
        raise Invalid("Send one of script, script_text and scriptUrl.", location=("body", "script"))
    if body.script is not None:
        try:
            script = read_script_items([_item(line) for line in body.script])
        except ScriptError as error:
            raise invalid(error, ("body", "script")) from None
    elif body.script_text is not None:
        if body.script_format == "epub":
            raise Invalid("An EPUB is a file: upload it, and send its scriptUrl.", location=("body", "script_format"))
        script = read(body.script_text.encode(), body.script_format)
    else:
        script = source.from_url(
            caller.profile_id,
            body.script_url or "",
            body.script_format,
            with_front_matter=body.with_front_matter,
        )
    return replace(script, title=body.title or script.title, author=body.author or script.author)


def _item(line: ScriptLineBody) -> dict[str, object]:
    item = line.model_dump(exclude={"voice_settings"}, exclude_none=True)
    return {**item, "voice_settings": line.voice_settings.sent() if line.voice_settings is not None else {}}


def _request(body: ScriptBody, script: Script) -> ScriptRequest:
    return ScriptRequest(
        script=script,
        cast=_cast(body),
        outputs=tuple(dict.fromkeys(body.outputs)),
        output_format=body.output_format,
        pronunciations=tuple(body.pronunciations),
        max_cost=None if body.max_tokens_cost is None else to_micro(Decimal(str(body.max_tokens_cost))),
        folder_id=body.folder_id,
        webhook_url=body.webhook_url,
    )


def _cast(body: ScriptBody) -> dict[str, CastMember]:
    """Return the cast by names as scripts spell them. Raises Invalid for two names that are the same then."""
    cast: dict[str, CastMember] = {}
    for name, member in body.cast.items():
        character = character_name(name)
        if character in cast:
            raise Invalid(
                f"The cast has {character!r} twice: names that differ only in blanks, or in how a letter is composed, "
                "are one. Remove one of them.",
                location=("body", "cast", name),
            )
        cast[character] = _member(member)
    return cast


def _member(body: CastMemberBody) -> CastMember:
    settings = body.voice_settings.sent() if body.voice_settings is not None else {}
    return CastMember(body.voice_id, body.provider, body.language, settings, tuple(body.pronunciations))


def _estimate_answer(found: ScriptEstimate) -> ScriptEstimateAnswer:
    return ScriptEstimateAnswer(
        data=ScriptEstimateData(
            lines=found.lines,
            spoken=found.spoken,
            reused=found.lines - found.spoken,
            seconds=float(found.seconds),
            duration_seconds=float(round(found.duration, 1)),
            tokens=json_number(found.cost),
            held=json_number(found.held),
            characters=[
                CharacterEstimateBody(
                    character=one.character,
                    lines=one.lines,
                    spoken=one.spoken,
                    seconds=float(one.seconds),
                    tokens=json_number(one.cost),
                )
                for one in found.characters
            ],
            warnings=list(found.warnings),
        )
    )
