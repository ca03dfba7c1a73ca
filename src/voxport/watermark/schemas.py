"""Bodies of watermark/detect."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from voxport.media.schemas import AudioUrl
from voxport.web.schemas import RequestBody


class DetectBody(RequestBody):
    audio_url: AudioUrl


class DetectData(BaseModel):
    watermarked: bool
    confidence: float = Field(
        ge=0,
        le=1,
        description="0.5 where unmarked audio would score so high once in a million times; watermarked from there on.",
    )


class DetectedBody(BaseModel):
    status: Literal["success"] = "success"
    data: DetectData
