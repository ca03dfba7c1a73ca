"""Bodies of core-voice-clone and core-instant-clone-tts."""

from __future__ import annotations

from voxport.consent.schemas import ConsentBody
from voxport.jobs.schemas import WebhookUrl
from voxport.media.schemas import AudioUrl
from voxport.providers.names import ProviderChoice, ProviderName
from voxport.speech.schemas import Text, VoiceSettings
from voxport.voices.schemas import Description, Name
from voxport.web.schemas import RequestBody


class CloneBody(RequestBody):
    audio_url: AudioUrl
    provider: ProviderChoice | None = None
    name: Name = "Cloned voice"
    description: Description = ""
    webhook_url: WebhookUrl | None = None
    consent: ConsentBody | None = None


class InstantBody(RequestBody):
    audio_url: AudioUrl
    text: Text
    provider: ProviderChoice | None = None
    voice_settings: VoiceSettings | None = None
    consent: ConsentBody | None = None


class BindingBody(RequestBody):
    provider: ProviderName
    webhook_url: WebhookUrl | None = None
