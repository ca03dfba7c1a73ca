"""ElevenLabs, through its HTTP API (no SDK)."""

from voxport.providers.elevenlabs.adapter import ElevenLabs, open_provider

__all__ = ["ElevenLabs", "open_provider"]
