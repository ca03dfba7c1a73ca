"""POST /v1/watermark/detect."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import AuthenticatedRoute, Caller
from voxport.watermark.schemas import DetectBody, DetectData, DetectedBody
from voxport.watermark.service import Watermarks
from voxport.web.concurrency import LimitersDep
from voxport.web.dependencies import Injected

router = APIRouter(prefix="/v1/watermark", tags=["watermark"], route_class=AuthenticatedRoute)


@router.post("/detect", summary="Whether a recording was spoken by the local engine")
async def detect_watermark(
    body: DetectBody, caller: Caller, limiters: LimitersDep, watermarks: Injected[Watermarks]
) -> DetectedBody:
    """Free. The first minute is looked at."""
    source = await run_in_threadpool(watermarks.locate, caller, body.audio_url)
    found = await limiters.for_provider("local").run(caller.profile_id, lambda: watermarks.detect(caller, source))
    return DetectedBody(data=DetectData(watermarked=found.watermarked, confidence=found.confidence))
