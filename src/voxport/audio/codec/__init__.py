"""Decodes and encodes audio files, with ffmpeg."""
