"""POST /v1/voices: a voice of several."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import Caller, RequestId
from voxport.idempotency.claim import ReplayableResponse
from voxport.idempotency.route import BilledRoute, ClaimFactory, json_response
from voxport.voices.endpoints import detail_body
from voxport.voices.entries import VoiceEntry
from voxport.voices.mixing import PROVIDER, VoiceMixing
from voxport.voices.schemas import MixBody, VoiceDetailBody
from voxport.web.concurrency import LimitersDep
from voxport.web.dependencies import Injected

router = APIRouter(tags=["voices"], route_class=BilledRoute)


@router.post("/v1/voices", status_code=201, summary="A voice mixed of several, free", response_model=VoiceDetailBody)
async def mix_voices(
    body: MixBody,
    caller: Caller,
    request_id: RequestId,
    limiters: LimitersDep,
    http: Request,
    make_claim: ClaimFactory,
    mixing: Injected[VoiceMixing],
) -> JSONResponse:
    """Mix stock voices of `local` and your own that are there. With a `pitch` the engine speaks six sentences first."""
    request = body.request()
    await run_in_threadpool(mixing.check, caller.profile_id, request)
    claim = make_claim(_created)
    call = partial(mixing.create, caller, request, request_id=request_id, claim=claim)
    entry = await limiters.for_provider(PROVIDER).run(caller.profile_id, call, receive=http.receive)
    return json_response(_created(entry))


def _created(entry: VoiceEntry) -> ReplayableResponse:
    body = detail_body(entry).model_dump(mode="json")
    return ReplayableResponse(201, {"Location": f"/v1/voices/{entry.voice_id}"}, body)
