"""POST /v1/proxy/core-voice-clone, /v1/voices/{voice_id}/bindings, /v1/proxy/core-instant-clone-tts and
/v1/samples/check."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import AuthenticatedRoute, Caller, RequestId
from voxport.audio.codec.encode import FORMATS
from voxport.billing.money import format_tokens
from voxport.cloning.instant import InstantCloning, InstantRequest, InstantResult
from voxport.cloning.sample_check import SampleChecks
from voxport.cloning.schemas import BindingBody, CheckBody, CheckData, CheckedBody, CloneBody, InstantBody
from voxport.cloning.service import CloneRequest, Cloning
from voxport.idempotency.claim import ReplayableResponse
from voxport.idempotency.route import BilledRoute, ClaimFactory, json_response
from voxport.jobs.endpoints import accepted
from voxport.jobs.schemas import AcceptedBody
from voxport.web.concurrency import ConcurrencyLimiter, LimitersDep
from voxport.web.dependencies import Injected
from voxport.web.headers import warnings_header
from voxport.web.open_file import OpenFileResponse

_WAV = FORMATS["wav"].content_type

router = APIRouter(tags=["cloning"], route_class=BilledRoute)
checks = APIRouter(tags=["cloning"], route_class=AuthenticatedRoute)


@router.post(
    "/v1/proxy/core-voice-clone",
    status_code=202,
    summary="A persistent voice from a recording, as a job",
    response_model=AcceptedBody,
)
def clone_voice(
    body: CloneBody,
    caller: Caller,
    request_id: RequestId,
    make_claim: ClaimFactory,
    cloning: Injected[Cloning],
) -> JSONResponse:
    consent = None if body.consent is None else body.consent.as_consent()
    request = CloneRequest(body.audio_url, body.provider, body.name, body.description, body.webhook_url, consent)
    job = cloning.submit(caller, request, request_id=request_id, claim=make_claim(accepted))
    return json_response(accepted(job))


@router.post(
    "/v1/voices/{voice_id}/bindings",
    status_code=202,
    summary="A clone at another provider, as a job",
    response_model=AcceptedBody,
)
def bind_voice(
    voice_id: str,
    body: BindingBody,
    caller: Caller,
    request_id: RequestId,
    make_claim: ClaimFactory,
    cloning: Injected[Cloning],
) -> JSONResponse:
    job = cloning.bind(
        caller,
        voice_id,
        body.provider,
        request_id=request_id,
        webhook_url=body.webhook_url,
        claim=make_claim(accepted),
    )
    return json_response(accepted(job))


@router.post(
    "/v1/proxy/core-instant-clone-tts",
    summary="One text in the voice of a recording, as WAV",
    response_class=Response,
    responses={200: {"content": {_WAV: {}}, "description": "The WAV file, mono, 16 bit, 24 kHz."}},
)
async def instant_clone(
    body: InstantBody,
    caller: Caller,
    request_id: RequestId,
    limiters: LimitersDep,
    http: Request,
    make_claim: ClaimFactory,
    instant: Injected[InstantCloning],
) -> Response:
    sent = body.voice_settings.sent() if body.voice_settings is not None else {}
    request = InstantRequest(
        body.audio_url, body.text, body.provider, sent, None if body.consent is None else body.consent.as_consent()
    )
    prepared = await run_in_threadpool(instant.prepare, caller, request)
    first = limiters.first_available([provider.name for provider in prepared.providers])
    prepared = prepared.starting_with(first)
    claim = make_claim(lambda result: _wav_answer(body, result))
    held = await run_in_threadpool(partial(instant.hold, prepared, request_id=request_id, claim=claim))
    call = partial(instant.speak, prepared, held)
    limiter = limiters.for_provider(prepared.providers[0].name)
    result = await limiter.run(caller.profile_id, call, on_rejected=held.release, receive=http.receive)
    return OpenFileResponse(result.wav, headers=_wav_answer(body, result).headers)


@checks.post("/v1/samples/check", summary="What a clone of a recording would find, before it is paid for")
async def check_sample(body: CheckBody, caller: Caller, http: Request, samples: Injected[SampleChecks]) -> CheckedBody:
    """Free; nothing of it is kept. A recording that can't be cloned is the 400 that a clone of it would fail with."""
    limiter: ConcurrencyLimiter = http.app.state.sample_checks
    source = await run_in_threadpool(samples.locate, caller, body.audio_url)
    found = await limiter.run_while_wanted(
        caller.profile_id,
        lambda check_wanted: samples.check(caller, source, check_cancelled=check_wanted),
        receive=http.receive,
    )
    return CheckedBody(
        data=CheckData(
            **found.quality.model_dump(),
            duration_seconds=round(found.report.duration_seconds, 2),
            level_dbfs=round(found.report.level_dbfs, 1),
            warnings=list(found.report.warnings),
        )
    )


def _wav_answer(body: InstantBody, result: InstantResult) -> ReplayableResponse:
    headers = {
        "Content-Type": _WAV,
        "X-Used-Voice-Id": result.voice_id,
        "X-Provider": result.provider,
        "X-Text-Length": str(len(body.text)),
        "X-Gateway-Units": "1.0",
        "X-Gateway-Token-Cost": format_tokens(result.cost),
        "X-Gateway-Credit-Balance": format_tokens(result.balance),
    }
    return ReplayableResponse(200, headers | warnings_header(result.warnings))
