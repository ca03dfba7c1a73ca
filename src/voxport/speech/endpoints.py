"""POST /v1/proxy/core-tts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from voxport.billing.money import json_number, to_micro
from voxport.catalog import Catalog
from voxport.speech.schemas import Cost, SpeechBody, SpeechData, SpokenBody, Usage
from voxport.speech.service import SERVICE, Speech, SpeechRequest
from voxport.web.authentication import KEY_SCHEMES, AuthenticatedRoute, Caller, RequestId
from voxport.web.gate import GateDep
from voxport.web.parts import part

router = APIRouter(prefix="/v1/proxy", tags=["speech"], route_class=AuthenticatedRoute, dependencies=KEY_SCHEMES)


@router.post("/core-tts", summary="Text to speech, as a file in storage")
async def speak(
    body: SpeechBody,
    caller: Caller,
    request_id: RequestId,
    gate: GateDep,
    speech: Annotated[Speech, part("speech")],
    catalog: Annotated[Catalog, part("catalog")],
) -> SpokenBody:
    request = SpeechRequest(body.text, body.voice_id, body.provider, body.output_format)
    prepared = await run_in_threadpool(speech.prepare, caller, request)
    result = await gate.run(lambda: speech.speak(prepared, request_id=request_id))
    service = catalog.services[SERVICE]
    seconds = float(result.seconds)
    return SpokenBody(
        data=SpeechData(
            url=result.url,
            key=result.key,
            folder_id=body.folder_id,
            provider=result.provider,
            voice_id=body.voice_id,
            duration_seconds=seconds,
        ),
        usage=Usage(units=seconds, unit_type=service.unit_type),
        cost=Cost(
            units=seconds,
            unit_price=json_number(to_micro(service.unit_price)),
            tokens=json_number(result.cost),
            balance=json_number(result.balance),
        ),
    )
