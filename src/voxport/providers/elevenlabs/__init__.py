"""ElevenLabs, by its HTTP interface (no SDK)."""

from voxport.providers.elevenlabs.adapter import ElevenLabs

__all__ = ["ElevenLabs"]
