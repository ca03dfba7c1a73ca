"""Bodies of core-tts-batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from voxport.audio.codec.encode import FORMATS
from voxport.jobs.schemas import JobWebhook
from voxport.pronunciations.service import MAX_USED
from voxport.providers.names import ProviderChoice
from voxport.scripts.script import MAX_LINE_CHARACTERS
from voxport.scripts.service import OUTPUTS
from voxport.speech.schemas import VoiceSettings
from voxport.web.schemas import MAX_TEXT_LENGTH, NextCursor, RequestBody, StripWhitespace, Success

if TYPE_CHECKING:
    FormatName = str
    OutputName = str
else:
    FormatName = Literal[*FORMATS]
    OutputName = Literal[OUTPUTS]

LineState = Literal["waiting", "ready", "spoken", "reused"]
ScriptUrl = Annotated[str, StripWhitespace, Field(min_length=1, max_length=8_192)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_MAX_ITEMS: Final = 5_000  # of a body of 1 MiB
VoiceId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]
Pronunciations = Annotated[
    list[Annotated[str, Field(max_length=64)]],
    Field(default_factory=list, max_length=MAX_USED, description="Ids of pronunciation dictionaries, in order."),
]


class ScriptLineBody(RequestBody):
    id: Annotated[
        str | None,
        Field(
            max_length=64,
            description="Your name of the line, which its file gets: letters, digits, `.`, `_`, `-`. Default: its "
            "number, as `0001`.",
        ),
    ] = None
    character: Name = Field(description="Who says it: a name of `cast`.")
    text: str = Field(min_length=1, max_length=MAX_LINE_CHARACTERS, description="What is said.")
    pause_after: Annotated[
        float | None,
        Field(ge=0, le=60, allow_inf_nan=False, description="Seconds of silence behind it. Default: 0.5."),
    ] = None
    language: Annotated[str | None, Field(max_length=32, description="Default: that of the character.")] = None
    voice_settings: VoiceSettings | None = Field(default=None, description="Overrides those of the character.")
    markup: Annotated[Literal["none", "ssml"], Field(description="As in core-tts.")] = "none"


class CastMemberBody(RequestBody):
    voice_id: VoiceId = Field(description="The voice of the character.")
    provider: ProviderChoice | None = Field(default=None, description="As in core-tts.")
    language: Annotated[str | None, Field(max_length=32, description="Default: the voice's own.")] = None
    voice_settings: VoiceSettings | None = Field(default=None, description="How the character speaks.")
    pronunciations: Pronunciations


class ScriptBody(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "script": [
                        {"id": "0001", "character": "Ana", "text": "Who is there?", "pause_after": 0.4},
                        {"id": "0002", "character": "Narrator", "text": "Nobody answered."},
                    ],
                    "cast": {"Ana": {"voice_id": "af_heart"}, "Narrator": {"voice_id": "am_michael"}},
                    "outputs": ["lines", "joined"],
                }
            ]
        }
    )

    script: Annotated[
        list[ScriptLineBody] | None,
        Field(max_length=_MAX_ITEMS, description="The lines, in order. More of them fit into a file: see scriptUrl."),
    ] = None
    script_text: Annotated[
        str | None, Field(max_length=MAX_TEXT_LENGTH, description="In place of `script`: a text of `script_format`.")
    ] = None
    script_format: Annotated[
        Literal["lines", "csv", "jsonl", "fountain", "markdown", "epub"] | None,
        Field(description="How `script_text` or the file behind `scriptUrl` is written. Default: as it looks."),
    ] = None
    script_url: Annotated[
        ScriptUrl | None,
        Field(
            alias="scriptUrl",
            description="In place of `script`: the public_url of an upload, or any public http(s) URL, of a script or "
            "an EPUB.",
        ),
    ] = None
    cast: Annotated[dict[Name, CastMemberBody], Field(max_length=500, description="Who speaks each character.")]
    outputs: Annotated[
        list[OutputName],
        Field(
            default_factory=lambda: ["joined"],
            min_length=1,
            max_length=len(OUTPUTS),
            description="What to make: a file of each line, of all joined, of each character (stems), subtitles, an "
            "audiobook with chapters (m4b), a book to read along (epub).",
        ),
    ]
    output_format: FormatName = Field(default="mp3", description="The audio format of lines, joined and stems.")
    pronunciations: Pronunciations
    title: Annotated[str, Field(max_length=500, pattern=_LINE, description="Default: that of the script.")] = ""
    author: Annotated[str, Field(max_length=500, pattern=_LINE, description="Default: that of the script.")] = ""
    with_front_matter: Annotated[
        bool, Field(description="Also read title page, copyright and the like of an EPUB.")
    ] = False
    max_tokens_cost: Annotated[
        float | None,
        Field(ge=0, le=1_000_000_000, allow_inf_nan=False, description="The job costs no more tokens than this."),
    ] = None
    dry_run: Annotated[bool, Field(description="Check all of it, and answer what it would cost.")] = False
    folder_id: Annotated[str | None, Field(max_length=200, description="A label of yours; it comes back.")] = None
    webhook_url: JobWebhook = None


class CharacterEstimateBody(BaseModel):
    character: str = Field(description="The character.")
    lines: int = Field(description="Lines that it says.")
    spoken: int = Field(description="Those that have to be spoken.")
    seconds: float = Field(description="Seconds that these come to as a rule.")
    tokens: float = Field(description="Tokens that these come to as a rule.")


class ScriptEstimateData(BaseModel):
    lines: int = Field(description="Lines of the script.")
    spoken: int = Field(description="Lines that have to be spoken: the others are there from an earlier job.")
    reused: int = Field(description="Lines that cost nothing.")
    seconds: float = Field(description="Seconds that are likely to be charged.")
    duration_seconds: float = Field(description="About how long the whole is, with its pauses.")
    tokens: float = Field(description="Tokens that are likely to be charged.")
    held: float = Field(description="Tokens that the job would hold: the most that it can cost.")
    characters: list[CharacterEstimateBody] = Field(description="The same for each character.")
    warnings: list[str] = Field(description="What to know of the script.")


class ScriptEstimateAnswer(BaseModel):
    status: Success = "success"
    data: ScriptEstimateData = Field(description="What was asked for.")


class JobLineBody(BaseModel):
    number: int = Field(description="Its place in the script, from 0.")
    id: str = Field(description="Your name of the line.")
    character: str = Field(description="Who says it.")
    text: str = Field(description="What is said.")
    state: LineState = Field(
        description="`ready`: its audio is there, and the job goes on. Once the job has completed: `spoken` by this "
        "job and charged, or `reused`."
    )
    url: str | None = Field(description="Reads its file, if `lines` was asked for and the job has completed.")
    key: str | None = Field(description="The file's key in `/v1/media`.")
    start: float | None = Field(description="Where it begins, in seconds of the joined file.")
    seconds: float | None = Field(description="How long it is.")
    tokens: float = Field(description="What was charged for it.")
    findings: list[dict[str, Any]] = Field(description="What the check of its sound found.")


class JobLinesBody(BaseModel):
    status: Success = "success"
    data: list[JobLineBody] = Field(description="The lines of this page.")
    next_cursor: NextCursor
