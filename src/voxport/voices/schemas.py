"""Bodies of core-tts-voices and the voice library."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from voxport.pronunciations.service import MAX_USED
from voxport.web.schemas import RequestBody, Success


class SampleLimits(BaseModel):
    min_seconds: int = Field(description="Seconds that a recording has to have.")
    max_seconds: int = Field(description="Seconds of a recording that are used.")


class ProviderBody(BaseModel):
    provider: str = Field(description="The provider's name, as `provider` takes it.")
    available: bool = Field(description="Whether calls to it are possible now.")
    default: bool = Field(description="Whether a call that names no provider goes here.")
    reason: str | None = Field(description="Why it can't be used; null where it can.")
    supports_voice_cloning: bool = Field(description="Whether it makes persistent clones.")
    supports_instant_clone: bool = Field(description="Whether it takes core-instant-clone-tts.")
    supports_streaming: bool = Field(description="Whether its audio is sent as it is made.")
    languages: list[str] = Field(description="Codes of the languages that it speaks.")
    max_text_length: int = Field(description="Characters that it takes at once; longer texts are split.")
    voice_settings: list[str] = Field(description="Names of the `voice_settings` that it uses.")
    markup_tags: list[str] = Field(description='The tags that it honours with `"markup": "ssml"`.')
    supports_timestamps: bool = Field(description="Whether it says when each word is heard.")
    sample: SampleLimits = Field(description="How long a recording to clone may be.")


class VoiceBody(BaseModel):
    voice_id: str = Field(description="What core-tts takes as `voice_id`.")
    name: str = Field(description="The voice's name.")
    provider: str = Field(description="The provider that speaks it.")
    language: str = Field(description="Code of the voice's language.")
    gender: str | None = Field(description="`female` or `male`, where it is known.")
    cloned: bool = Field(description="Whether it is a clone of yours; else everybody has it.")
    preview_url: str | None = Field(description="Always null today.")
    created_at: str | None = Field(description="When it was cloned, ISO 8601 in UTC; null of a stock voice.")


class VoiceDetail(VoiceBody):
    """An entry of the list, with what the library keeps of it."""

    description: str = Field(description="Your note on the voice.")
    tags: list[str] = Field(description="Your labels of the voice.")
    pronunciations: list[str] = Field(
        description="The pronunciation dictionaries that speak where a call of core-tts names none."
    )


class VoicesData(BaseModel):
    providers: list[ProviderBody] = Field(description="What each provider can do.")
    voices: list[VoiceBody] = Field(description="The voices that fit the query.")
    warnings: list[str] = Field(description="What is missing from the list, and why.")


class VoicesBody(BaseModel):
    status: Success = "success"
    data: VoicesData = Field(description="What was asked for.")


class VoiceDetailBody(BaseModel):
    status: Success = "success"
    data: VoiceDetail = Field(description="What was asked for.")


# No control characters: lists can't show them, and Postgres rejects NUL.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=r"^[^\x00]*$")]


class VoicePatch(RequestBody):
    """What to change; a field that is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "My voice", "tags": ["calm"]}]})

    name: Name | None = Field(default=None, description="The voice's new name.")
    description: Description | None = Field(default=None, description="The new note on the voice.")
    tags: list[Tag] | None = Field(default=None, max_length=20, description="The new labels, in place of all old ones.")
    pronunciations: list[Annotated[str, Field(max_length=64)]] | None = Field(
        default=None,
        max_length=MAX_USED,
        description="Ids of the pronunciation dictionaries that speak where a call of core-tts names none.",
    )


class DeletedData(BaseModel):
    voice_id: str = Field(description="The voice's id.")
    deleted: Literal[True] = Field(default=True, description="Always true.")
    left: list[str] = Field(
        description="Where the voice could not be deleted yet, and why; the gateway goes on trying."
    )


class DeletedBody(BaseModel):
    status: Success = "success"
    data: DeletedData = Field(description="What was asked for.")
