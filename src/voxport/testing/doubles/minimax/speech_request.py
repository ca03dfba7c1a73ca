"""Parses the speech requests of the MiniMax double."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from voxport.testing.doubles.minimax import wire


@dataclass(frozen=True)
class MiniMaxSpeechRequest:
    """A parsed synthesis request."""

    text: str
    voice_id: str
    speed: float
    format: str
    rate: int
    bit_rate: int
    stream: bool
    exclude_aggregated: bool
    as_url: bool

    @classmethod
    def of(cls, body: dict[str, Any]) -> MiniMaxSpeechRequest:
        """Parse a body. Raises Failure."""
        if not body.get("model"):
            raise wire.missing("model")
        if body["model"] not in wire.MODELS:
            raise wire.invalid("model")
        text = body.get("text")
        if not isinstance(text, str) or not text:
            raise wire.missing("text")
        if len(text) >= wire.MAX_TEXT_LENGTH:
            raise wire.invalid("text length")
        voice, audio = body.get("voice_setting") or {}, body.get("audio_setting") or {}
        if not voice.get("voice_id"):
            raise wire.missing("voice_setting.voice_id")
        speed, rate = voice.get("speed", 1.0), audio.get("sample_rate", 32_000)
        bit_rate, kind = audio.get("bitrate", 128_000), audio.get("format", "mp3")
        stream, output = bool(body.get("stream", False)), body.get("output_format", "hex")
        checks = {
            "voice_setting.speed": isinstance(speed, int | float) and 0.5 <= speed <= 2,
            "voice_setting.vol": 0 < voice.get("vol", 1.0) <= 10,
            "voice_setting.pitch": voice.get("pitch", 0) in range(-12, 13),
            "audio_setting.sample_rate": rate in wire.RATES,
            "audio_setting.bitrate": bit_rate in wire.BIT_RATES,
            "audio_setting.format": kind in wire.FORMATS and not (stream and kind == "wav"),
            "audio_setting.channel": audio.get("channel", 1) in (1, 2),
            "language_boost": body.get("language_boost") in (None, *wire.LANGUAGE_BOOSTS),
            "output_format": output in ("hex", "url"),
        }
        for name, is_good in checks.items():
            if not is_good:
                raise wire.invalid(name)
        options = body.get("stream_options") or {}
        return cls(
            text=text,
            voice_id=str(voice["voice_id"]),
            speed=float(speed),
            format=kind,
            rate=rate,
            bit_rate=bit_rate,
            stream=stream,
            exclude_aggregated=bool(options.get("exclude_aggregated_audio", False)),
            as_url=output == "url" and not stream,
        )
