"""Bodies of core-tts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from voxport.audio.codec.encode import FORMATS, SAMPLE_RATES, STREAM_FORMATS
from voxport.jobs.schemas import JobWebhook
from voxport.pronunciations.service import MAX_USED
from voxport.providers.names import ProviderChoice
from voxport.speech.subtitles import SubtitleFormat
from voxport.web.schemas import MAX_TEXT_LENGTH, RequestBody, Success

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=MAX_TEXT_LENGTH)]
if TYPE_CHECKING:
    FormatName = str
    RateName = int
else:
    RateName = Literal[*SAMPLE_RATES]
    FormatName = Literal[*FORMATS]


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


def _distinct(names: list[SubtitleFormat]) -> list[SubtitleFormat]:
    if len(set(names)) < len(names):
        raise ValueError("name each format once")
    return names


class VoiceSettings(RequestBody):
    """What a provider does not use (`core-tts-voices` says what each one does) is refused."""

    stability: Share = Field(default=0.5, description="Higher is more even, lower is more lively.")
    similarity_boost: Share = Field(default=0.75, description="How closely to keep to the recording.")
    style: Share = Field(default=0.0, description="How much to exaggerate the speaker's style.")
    speed: Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False, description="2 is twice as fast.")] = 1.0

    def sent(self) -> dict[str, float]:
        """Return the settings that the client sent, by name."""
        return self.model_dump(exclude_unset=True)


class ReadBody(RequestBody):
    """What says how a text is read."""

    text: Text = Field(description="What is read.")
    voice_id: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
        description="A voice of `core-tts-voices`, or of a clone.",
    )
    provider: ProviderChoice | None = Field(
        default=None,
        description="The provider that speaks; `auto` takes the first one that can. Default: the voice's own.",
    )
    language: Annotated[
        str | None,
        Field(
            max_length=32,
            description="A BCP 47 code. Any code of a language that is spoken is taken: `fr` for `fr-fr`, `en-AU` for "
            "`en-gb`, `es-MX` for `es`; the answer says which. Default: the voice's own.",
        ),
    ] = None
    voice_settings: VoiceSettings | None = Field(default=None, description="How to speak. Default: the provider's own.")
    markup: Annotated[
        Literal["none", "ssml"],
        Field(description="`ssml`: the text has tags, of the subset in the docs. `none`: a `<` is a less-than sign."),
    ] = "none"
    pronunciations: Annotated[
        list[Annotated[str, Field(max_length=64)]] | None,
        Field(
            max_length=MAX_USED,
            description="Ids of pronunciation dictionaries; an earlier one goes first. Default: the voice's own "
            "(`PATCH /v1/voices/{voice_id}`).",
        ),
    ] = None


class SpeechBody(ReadBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "The ferry leaves at seven.", "voice_id": "af_heart", "provider": "local"}]
        }
    )

    text: Text = Field(
        description="What to say: up to 5,000 characters as shipped, or 100,000 as a job (`Prefer: respond-async`)."
    )
    output_format: FormatName = Field(
        default="mp3", description=f"The audio format. `stream` takes only {', '.join(STREAM_FORMATS)}."
    )
    sample_rate: Annotated[
        RateName | None,
        Field(
            description="Samples a second. Default: 24000; 8000 for `ulaw` and `alaw`, which have no other. `ogg` has "
            "8000, 16000, 24000 and 48000."
        ),
    ] = None
    timestamps: Annotated[
        Literal["word", "sentence"] | None,
        Field(description="Answer when each word or sentence is heard. Not with `stream`."),
    ] = None
    subtitles: Annotated[
        list[SubtitleFormat],
        Field(
            default_factory=list,
            max_length=2,
            json_schema_extra={"uniqueItems": True},
            description="Subtitle files to make beside the audio. Not with `stream`.",
        ),
        AfterValidator(_distinct),
    ]
    stream: Annotated[bool, Field(description="Answer with the audio itself, as it is made.")] = False
    folder_id: Annotated[str | None, Field(max_length=200, description="A label of yours; it comes back.")] = None
    webhook_url: JobWebhook = None
    cache: Annotated[
        bool,
        Field(
            description="Whether the file of an identical earlier call may be the answer, where the operator has "
            "turned that on. `false` speaks again, and keeps the new file out of later answers."
        ),
    ] = True


class TimestampBody(BaseModel):
    text: str = Field(description="The words as they were sent.")
    start: float = Field(description="Where they begin, in seconds of the file.")
    end: float = Field(description="Where they end, in seconds of the file.")
    start_char: int = Field(description="Their first character in the text as it was sent, from 0.")
    end_char: int = Field(description="The character behind their last one.")


class UsedDictionaryBody(BaseModel):
    id: str = Field(description="The dictionary.")
    version: int = Field(description="Which of its versions spoke.")


class SubtitleFileBody(BaseModel):
    url: str = Field(description="Reads the file, without a key.")
    key: str = Field(description="The file's key in `/v1/media`. It is deleted with its audio, or by itself.")


class SubtitlesBody(BaseModel):
    srt: Annotated[
        SubtitleFileBody | None, Field(exclude_if=lambda value: value is None, description="SubRip, if asked for.")
    ] = None
    vtt: Annotated[
        SubtitleFileBody | None, Field(exclude_if=lambda value: value is None, description="WebVTT, if asked for.")
    ] = None


class SpeechData(BaseModel):
    url: str = Field(description="Reads the audio file, without a key.")
    key: str = Field(description="The file's key in `/v1/media`.")
    folder_id: str | None = Field(description="Your label, as it was sent.")
    provider: str = Field(description="The provider that spoke.")
    voice_id: str = Field(description="The voice that spoke.")
    cloned_voice_id: None = Field(default=None, description="Always null: nothing was cloned.")
    duration_seconds: float = Field(description="How long the audio is.")
    language: NamedLanguage = None
    warnings: Warnings = []
    pronunciations: Annotated[
        list[UsedDictionaryBody],
        Field(exclude_if=lambda value: not value, description="The dictionaries that were used."),
    ] = []
    timestamps: Annotated[
        list[TimestampBody] | None,
        Field(exclude_if=lambda value: value is None, description="When each word or sentence is heard, if asked for."),
    ] = None
    subtitles: Annotated[
        SubtitlesBody | None,
        Field(exclude_if=lambda value: value is None, description="The subtitle files, if asked for."),
    ] = None


class Usage(BaseModel):
    units: float = Field(description="What was used, in units of the service.")
    unit_type: str = Field(description="What a unit is: `second` or `item`.")


class Cost(BaseModel):
    units: float = Field(description="What was charged, in units of the service.")
    unit_price: float = Field(description="Tokens per unit.")
    tokens: float = Field(description="Tokens that were charged.")
    balance: float = Field(description="Tokens that are left.")


class EstimateData(BaseModel):
    """`units` and `tokens` are what the text comes to as a rule; `held` is what the call would hold while it is made,
    and the most that it can cost."""

    service: Literal["core-tts"] = Field(default="core-tts", description="The service that would be called.")
    unit_type: str = Field(description="What a unit is.")
    unit_price: float = Field(description="Tokens per unit.")
    units: float = Field(description="Units that the text comes to as a rule.")
    tokens: float = Field(description="Tokens that the text comes to as a rule.")
    held: float = Field(description="Tokens that the call would hold while it is made: the most that it can cost.")
    language: NamedLanguage = None
    warnings: Warnings = []


class EstimateBody(BaseModel):
    status: Success = "success"
    data: EstimateData = Field(description="What was asked for.")


class SpokenBody(BaseModel):
    status: Success = "success"
    data: SpeechData = Field(description="What was asked for.")
    usage: Usage = Field(description="What was used.")
    cost: Cost = Field(description="What it cost.")
