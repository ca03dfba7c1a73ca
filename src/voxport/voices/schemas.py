"""Bodies of core-tts-voices and the voice library."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from voxport.web.schemas import RequestBody


class SampleLimits(BaseModel):
    min_seconds: int
    max_seconds: int


class ProviderBody(BaseModel):
    provider: str
    available: bool
    default: bool
    reason: str | None
    supports_voice_cloning: bool
    supports_instant_clone: bool
    supports_streaming: bool
    languages: list[str]
    max_text_length: int
    voice_settings: list[str]
    sample: SampleLimits


class VoiceBody(BaseModel):
    voice_id: str
    name: str
    provider: str
    language: str
    gender: str | None
    cloned: bool
    preview_url: str | None
    created_at: str | None


class VoiceDetail(VoiceBody):
    """An entry of the list, with what the library keeps of it."""

    description: str
    tags: list[str]


class VoicesData(BaseModel):
    providers: list[ProviderBody]
    voices: list[VoiceBody]
    warnings: list[str]


class VoicesBody(BaseModel):
    status: Literal["success"] = "success"
    data: VoicesData


class VoiceDetailBody(BaseModel):
    status: Literal["success"] = "success"
    data: VoiceDetail


# Without control characters: no list could show them, and Postgres takes no NUL.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=r"^[^\x00]*$")]


class VoicePatch(RequestBody):
    """What to change; a field that is left out stays."""

    name: Name | None = None
    description: Description | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] | None = None


class DeletedData(BaseModel):
    voice_id: str
    deleted: Literal[True] = True
    left: list[str]


class DeletedBody(BaseModel):
    status: Literal["success"] = "success"
    data: DeletedData
