"""Recordings that a voice is made of: their check, their choice."""
