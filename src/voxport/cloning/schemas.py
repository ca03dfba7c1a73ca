"""Bodies of core-voice-clone and core-instant-clone-tts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from voxport.cloning.consent import Consent
from voxport.jobs.schemas import JobWebhook
from voxport.media.schemas import AudioUrl
from voxport.providers.names import ProviderChoice, ProviderName
from voxport.samples.quality import Quality
from voxport.speech.schemas import Text, VoiceSettings
from voxport.voices.schemas import Description, Name
from voxport.web.schemas import RequestBody, Success

_TEXT = r"^[^\x00]*$"  # Postgres takes no NUL
SpeakerName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_TEXT)]
ConsentWords = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=_TEXT)]


class ConsentBody(RequestBody):
    """That the speaker agreed to the clone. It is recorded, with the time and the key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"granted": True, "speaker": "Maria Lopez"}]})

    granted: bool = Field(description="Whether the speaker agreed.")
    speaker: SpeakerName = Field(description="Who the speaker is: a name, or your own id of the person.")
    words: ConsentWords | None = Field(
        default=None, description="What the speaker agreed to, in the words that were used."
    )

    def as_consent(self) -> Consent:
        return Consent(self.granted, self.speaker, self.words)


class CloneBody(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"audioUrl": "https://example.com/speaker.wav", "provider": "local", "name": "My voice"}]
        }
    )

    audio_url: AudioUrl
    provider: ProviderChoice | None = Field(
        default=None,
        description="The provider that makes the voice; `auto` takes the first one that can. Default: the one marked "
        "`default` in `core-tts-voices`.",
    )
    name: Name = Field(default="Cloned voice", description="What the voice is called in your lists.")
    description: Description = Field(default="", description="A note on the voice, for yourself.")
    webhook_url: JobWebhook = None
    consent: ConsentBody | None = Field(
        default=None, description="That the speaker agreed. The operator may require it."
    )


class InstantBody(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"audioUrl": "https://example.com/speaker.wav", "text": "The ferry leaves at seven."}]
        }
    )

    audio_url: AudioUrl
    text: Text = Field(description="What to say.")
    provider: ProviderChoice | None = Field(
        default=None,
        description="The provider that speaks; `auto` takes the first one that can. Default: the one marked `default` "
        "in `core-tts-voices`.",
    )
    voice_settings: VoiceSettings | None = Field(default=None, description="How to speak. Default: the provider's own.")
    consent: ConsentBody | None = Field(
        default=None, description="That the speaker agreed. The operator may require it."
    )


class BindingBody(RequestBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"provider": "local"}]})

    provider: ProviderName = Field(description="The provider that gets the voice too.")
    webhook_url: JobWebhook = None


class CheckBody(RequestBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"audioUrl": "https://example.com/speaker.wav"}]})

    audio_url: AudioUrl


class CheckData(Quality):
    """What a clone of the recording would give as `quality`, and more of what was measured."""

    duration_seconds: float = Field(description="How long the part is that a clone would use, pauses included.")
    level_dbfs: float = Field(description="How loud the speech is, in dB below the loudest that a file can hold.")
    warnings: list[str] = Field(description="What is wrong with the recording, each with what to do about it.")


class CheckedBody(BaseModel):
    status: Success = "success"
    data: CheckData = Field(description="What was asked for.")
