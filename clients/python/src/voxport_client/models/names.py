"""Names that the gateway's contract fixes, and the bodies that a caller writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

ProviderName = Literal["elevenlabs", "minimax", "local"]
VoiceKind = Literal["stock", "clone", "mix"]
ProviderChoice = Literal["elevenlabs", "minimax", "local", "auto"]
"""`auto`: the first provider that can do it."""
ServiceName = Literal["core-voice-clone", "core-instant-clone-tts", "core-tts", "core-tts-voices", "upload-media"]
JobServiceName = Literal[
    "core-voice-clone", "core-instant-clone-tts", "core-tts", "core-tts-voices", "upload-media", "core-tts-batch"
]
"""Scripts (`core-tts-batch`) are billed as core-tts."""
OutputFormat = Literal["mp3", "wav", "ogg", "flac", "pcm", "aac", "ulaw", "alaw"]
"""`ogg` is Opus; `pcm` is s16le, mono; `ulaw` and `alaw` are G.711 at 8 kHz without a header, for telephony."""
StreamFormat = Literal["mp3", "wav", "ogg", "aac", "ulaw", "alaw"]
SampleRate = Literal[8000, 16000, 22050, 24000, 44100, 48000]
"""`ogg` has no 22050 and 44100, `ulaw` and `alaw` only 8000."""
Markup = Literal["none", "ssml"]
TimestampGranularity = Literal["word", "sentence"]
SubtitleFormat = Literal["srt", "vtt"]
JobStatus = Literal["queued", "processing", "completed", "failed", "cancelled"]
MediaKind = Literal["upload", "speech", "subtitles", "document"]
MediaType = Literal["audio", "video", "document"]
"""`document`: a script or an EPUB."""
ScriptFormat = Literal["lines", "csv", "jsonl", "fountain", "markdown", "epub"]
ScriptOutput = Literal["lines", "joined", "stems", "srt", "vtt", "m4b", "epub"]
LineState = Literal["waiting", "ready", "spoken", "reused"]
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


class PronunciationRule(TypedDict):
    """Whole words (`match`) that are read as `alias`, a text, or spoken as `ipa`: one of the two."""

    match: str
    alias: NotRequired[str]
    ipa: NotRequired[str]
    case_sensitive: NotRequired[bool]


class ScriptLine(TypedDict):
    """A line of a script."""

    character: str
    text: str
    id: NotRequired[str]
    """Your name of it, which its file gets; else its number, such as `0001`."""
    pause_after: NotRequired[float]
    """Seconds of silence behind it."""
    language: NotRequired[str]
    voice_settings: NotRequired[VoiceSettings]
    markup: NotRequired[Markup]


class CastMember(TypedDict):
    """Who speaks a character's lines, and how."""

    voice_id: str
    provider: NotRequired[ProviderChoice]
    language: NotRequired[str]
    voice_settings: NotRequired[VoiceSettings]
    pronunciations: NotRequired[Sequence[str]]
    """Ids of pronunciation dictionaries, in order."""


class Consent(TypedDict):
    """That the speaker agreed to be cloned. The operator may require it."""

    granted: bool
    speaker: str
    """The speaker's name."""
    words: NotRequired[str | None]
    """What the speaker agreed to, in the words that were used."""
