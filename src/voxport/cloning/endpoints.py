"""POST /v1/proxy/core-voice-clone, /v1/voices/{voice_id}/bindings and /v1/proxy/core-instant-clone-tts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

from voxport.billing.money import header
from voxport.cloning.instant import InstantCloning, InstantRequest
from voxport.cloning.schemas import BindingBody, CloneBody, InstantBody
from voxport.cloning.service import CloneRequest, Cloning
from voxport.consent.schemas import said
from voxport.jobs.endpoints import accepted
from voxport.jobs.schemas import AcceptedBody
from voxport.web.authentication import KEY_SCHEMES, AuthenticatedRoute, Caller, RequestId
from voxport.web.gate import GateDep
from voxport.web.parts import part

router = APIRouter(tags=["cloning"], route_class=AuthenticatedRoute, dependencies=KEY_SCHEMES)


@router.post("/v1/proxy/core-voice-clone", status_code=202, summary="A persistent voice from a recording, as a job")
def clone_voice(
    body: CloneBody,
    caller: Caller,
    request_id: RequestId,
    response: Response,
    cloning: Annotated[Cloning, part("cloning")],
) -> AcceptedBody:
    request = CloneRequest(body.audio_url, body.provider, body.name, body.description, said(body.consent))
    job = cloning.submit(caller, request, request_id=request_id)
    return accepted(job, response)


@router.post("/v1/voices/{voice_id}/bindings", status_code=202, summary="A clone at another provider, as a job")
def bind_voice(
    voice_id: str,
    body: BindingBody,
    caller: Caller,
    request_id: RequestId,
    response: Response,
    cloning: Annotated[Cloning, part("cloning")],
) -> AcceptedBody:
    job = cloning.bind(caller, voice_id, body.provider, request_id=request_id)
    return accepted(job, response)


@router.post(
    "/v1/proxy/core-instant-clone-tts",
    summary="One text in the voice of a recording, as WAV",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}, "description": "The WAV file, mono, 16 bit, 24 kHz."}},
)
async def instant_clone(
    body: InstantBody,
    caller: Caller,
    request_id: RequestId,
    gate: GateDep,
    instant: Annotated[InstantCloning, part("instant")],
) -> Response:
    sent = body.voice_settings.sent() if body.voice_settings is not None else {}
    request = InstantRequest(body.audio_url, body.text, body.provider, sent, said(body.consent))
    prepared = await run_in_threadpool(instant.prepare, caller, request)
    result = await gate.run(caller.profile_id, lambda: instant.speak(prepared, request_id=request_id))
    headers = {
        "X-Used-Voice-Id": result.voice_id,
        "X-Provider": result.provider,
        "X-Text-Length": str(len(body.text)),
        "X-Gateway-Units": "1.0",
        "X-Gateway-Token-Cost": header(result.cost),
        "X-Gateway-Credit-Balance": header(result.balance),
    }
    if result.warnings:
        headers["X-Voxport-Warnings"] = " ".join(result.warnings).encode("ascii", "replace").decode()
    return Response(result.wav, media_type="audio/wav", headers=headers)
