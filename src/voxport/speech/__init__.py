"""core-tts: text to speech."""
