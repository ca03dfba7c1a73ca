"""Bodies of core-tts-voices and the voice library."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from voxport.pronunciations.service import MAX_USED
from voxport.providers.base import VoiceDesign
from voxport.voices.mixing import MixPart, MixRequest
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


Pitch = Annotated[
    float, Field(ge=-6, le=6, allow_inf_nan=False, description="Semitones above the mean of the voices' pitches.")
]
Rate = Annotated[
    float, Field(ge=0.5, le=2, allow_inf_nan=False, description="A factor on the voices' own rate; 2 is twice as fast.")
]
Tone = Annotated[
    float, Field(ge=-1, le=1, allow_inf_nan=False, description="-1 is the darkest, 1 the brightest, 0 as it is.")
]


class MixPartBody(RequestBody):
    voice_id: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        description="A stock voice of `local`, a clone of yours that is there, or a mix of yours."
    )
    weight: float = Field(
        gt=0,
        le=1_000,
        allow_inf_nan=False,
        description="How much of it is heard, compared with the other weights: they need not add up to 1.",
    )


class Recipe(BaseModel):
    mix: list[MixPartBody] = Field(description="The voices and their weights, as they were sent.")
    pitch: Pitch
    rate: Rate
    tone: Tone


class VoiceBody(BaseModel):
    voice_id: str = Field(description="What core-tts takes as `voice_id`.")
    name: str = Field(description="The voice's name.")
    provider: str = Field(description="The provider that speaks it.")
    language: str = Field(description="Code of the voice's language.")
    gender: str | None = Field(description="`female` or `male`, where it is known.")
    cloned: bool = Field(description="Whether it is yours, a clone or a mix; else everybody has it.")
    kind: Literal["stock", "clone", "mix"] = Field(description="What it was made of.")
    preview_url: str | None = Field(description="Always null today.")
    created_at: str | None = Field(description="When it was made, ISO 8601 in UTC; null of a stock voice.")
    recipe: Recipe | None = Field(description="How a mix was made, as `POST /v1/voices` takes it; null of others.")


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


class MixBody(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Narrator",
                    "mix": [{"voice_id": "af_heart", "weight": 0.6}, {"voice_id": "bm_george", "weight": 0.4}],
                    "pitch": -2,
                    "rate": 0.95,
                    "tone": -0.2,
                }
            ]
        }
    )

    name: Name = Field(description="What the voice is called in your lists.")
    mix: list[MixPartBody] = Field(min_length=1, max_length=8, description="The voices, each once, and their weights.")
    pitch: Pitch = 0.0
    rate: Rate = 1.0
    tone: Tone = 0.0
    language: str | None = Field(
        default=None, max_length=35, description="Code of the mix's language. Default: that of the heaviest voice."
    )
    description: Description = Field(default="", description="A note on the voice, for yourself.")

    def request(self) -> MixRequest:
        parts = [MixPart(part.voice_id, part.weight) for part in self.mix]
        design = VoiceDesign(self.pitch, self.rate, self.tone, self.language)
        return MixRequest(self.name, parts, design, self.description)


class DeletedData(BaseModel):
    voice_id: str = Field(description="The voice's id.")
    deleted: Literal[True] = Field(default=True, description="Always true.")
    left: list[str] = Field(
        description="Where the voice could not be deleted yet, and why; the gateway goes on trying."
    )


class DeletedBody(BaseModel):
    status: Success = "success"
    data: DeletedData = Field(description="What was asked for.")
