"""Remembers which stored file answers which call of core-tts, so that an identical call needs no provider."""
