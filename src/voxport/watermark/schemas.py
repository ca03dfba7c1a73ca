"""Bodies of watermark/detect."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from voxport.media.schemas import AudioUrl
from voxport.web.schemas import RequestBody, Success


class DetectBody(RequestBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"audioUrl": "https://example.com/speaker.wav"}]})

    audio_url: AudioUrl


class DetectData(BaseModel):
    watermarked: bool = Field(description="Whether the mark of the local engine was found.")
    confidence: float = Field(
        ge=0,
        le=1,
        description="0.5 where unmarked audio would score so high once in a million times; watermarked from there on.",
    )


class DetectedBody(BaseModel):
    status: Success = "success"
    data: DetectData = Field(description="What was asked for.")
