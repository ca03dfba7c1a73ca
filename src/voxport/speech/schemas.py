"""Bodies of core-tts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from voxport.settings import ProviderName
from voxport.web.schemas import RequestBody


class SpeechBody(RequestBody):
    text: str
    voice_id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
    provider: ProviderName | None = None
    output_format: Literal["mp3", "wav", "ogg", "flac", "pcm"] = "mp3"
    folder_id: Annotated[str | None, Field(max_length=200, description="A label of yours; it comes back.")] = None


class SpeechData(BaseModel):
    url: str
    key: str
    folder_id: str | None
    provider: str
    voice_id: str
    cloned_voice_id: None = None
    duration_seconds: float


class Usage(BaseModel):
    units: float
    unit_type: str


class Cost(BaseModel):
    units: float
    unit_price: float
    tokens: float
    balance: float


class SpokenBody(BaseModel):
    status: Literal["success"] = "success"
    data: SpeechData
    usage: Usage
    cost: Cost
