"""Bodies of core-tts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from voxport.jobs.schemas import WebhookUrl
from voxport.providers.names import ProviderChoice
from voxport.web.schemas import LONGEST, RequestBody

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=LONGEST)]


NamedLanguage = Annotated[
    str | None,
    Field(exclude_if=lambda value: value is None, description="What a named language was taken for; else not there."),
]
Warnings = Annotated[
    list[str],
    Field(
        exclude_if=lambda value: not value,
        description="What to know of the text: words that could not be spoken, or that it looks to be in another "
        "language. Not there where there is nothing to say.",
    ),
]


class VoiceSettings(RequestBody):
    """What a provider does not use (`core-tts-voices` says what each one does) is refused."""

    stability: Share = 0.5
    similarity_boost: Share = 0.75
    style: Share = 0.0
    speed: Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False, description="2 is twice as fast.")] = 1.0

    def sent(self) -> dict[str, float]:
        """What the client sent, by name."""
        return self.model_dump(exclude_unset=True)


class SpeechBody(RequestBody):
    text: Text
    voice_id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]
    provider: ProviderChoice | None = None
    output_format: Literal["mp3", "wav", "ogg", "flac", "pcm"] = "mp3"
    language: Annotated[
        str | None,
        Field(
            max_length=32,
            description="A BCP 47 code. Any code of a language that is spoken is taken: `fr` for `fr-fr`, `en-AU` for "
            "`en-gb`, `es-MX` for `es`; the answer says which. Default: the voice's own.",
        ),
    ] = None
    voice_settings: VoiceSettings | None = None
    stream: Annotated[bool, Field(description="Answer with the audio itself, as it is made.")] = False
    folder_id: Annotated[str | None, Field(max_length=200, description="A label of yours; it comes back.")] = None
    webhook_url: WebhookUrl | None = None


class SpeechData(BaseModel):
    url: str
    key: str
    folder_id: str | None
    provider: str
    voice_id: str
    cloned_voice_id: None = None
    duration_seconds: float
    language: NamedLanguage = None
    warnings: Warnings = []


class Usage(BaseModel):
    units: float
    unit_type: str


class Cost(BaseModel):
    units: float
    unit_price: float
    tokens: float
    balance: float


class EstimateData(BaseModel):
    """`units` and `tokens` are what the text comes to as a rule; `held` is what the call would hold while it is made,
    and the most that it can cost."""

    service: Literal["core-tts"] = "core-tts"
    unit_type: str
    unit_price: float
    units: float
    tokens: float
    held: float
    language: NamedLanguage = None
    warnings: Warnings = []


class EstimateBody(BaseModel):
    status: Literal["success"] = "success"
    data: EstimateData


class SpokenBody(BaseModel):
    status: Literal["success"] = "success"
    data: SpeechData
    usage: Usage
    cost: Cost
