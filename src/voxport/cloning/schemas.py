"""Bodies of core-voice-clone and core-instant-clone-tts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from voxport.settings import ProviderName
from voxport.voices.schemas import Description, Name
from voxport.web.schemas import RequestBody

AudioUrl = Annotated[
    str,
    Field(
        alias="audioUrl",
        min_length=1,
        description="The public_url of an upload, or any public http(s) URL of an audio or video file.",
    ),
]


class CloneBody(RequestBody):
    audio_url: AudioUrl
    provider: ProviderName | None = None
    name: Name = "Cloned voice"
    description: Description = ""


class InstantBody(RequestBody):
    audio_url: AudioUrl
    text: str
    provider: ProviderName | None = None
