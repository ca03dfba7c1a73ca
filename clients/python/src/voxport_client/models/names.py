"""Names that the gateway's contract fixes, and the bodies that a caller writes."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

ProviderName = Literal["elevenlabs", "minimax", "local"]
VoiceKind = Literal["stock", "clone", "mix"]
ProviderChoice = Literal["elevenlabs", "minimax", "local", "auto"]
"""`auto`: the first provider that can do it."""
ServiceName = Literal["core-voice-clone", "core-instant-clone-tts", "core-tts", "core-tts-voices", "upload-media"]
OutputFormat = Literal["mp3", "wav", "ogg", "flac", "pcm"]
"""`ogg` is Opus; `pcm` is s16le at 24 kHz, mono."""
StreamFormat = Literal["mp3", "wav", "ogg"]
JobStatus = Literal["queued", "processing", "completed", "failed", "cancelled"]
MediaKind = Literal["upload", "speech"]
MediaType = Literal["audio", "video"]
LedgerKind = Literal["credit", "capture", "refund", "adjust"]
UsageGroupBy = Literal["service", "day", "voice", "key"]
DeliveryStatus = Literal["pending", "sending", "delivered", "failed"]
EventType = Literal["job.completed", "job.failed", "job.cancelled", "balance.low"]
ProfileState = Literal["active", "suspended", "erasing", "erased"]
RequestStatus = Literal["open", "captured", "released"]
Reverberation = Literal["low", "some", "strong"]
Verdict = Literal["excellent", "good", "fair", "poor"]


class VoiceSettings(TypedDict, total=False):
    """How to speak. `voices.providers()` says which of them a provider uses; it refuses the others."""

    stability: float
    """0 to 1; higher is more even, lower is more lively."""
    similarity_boost: float
    """0 to 1; how closely to keep to the recording."""
    style: float
    """0 to 1; how much to exaggerate the speaker's style."""
    speed: float
    """0.5 to 2; 2 is twice as fast."""


class Consent(TypedDict):
    """That the speaker agreed to be cloned. The operator may require it."""

    granted: bool
    speaker: str
    """The speaker's name."""
    words: NotRequired[str | None]
    """What the speaker agreed to, in the words that were used."""
