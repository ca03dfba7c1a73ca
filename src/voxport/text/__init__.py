"""Prepares text for speech: spells out numbers, names and signs, splits sentences, and converts to symbols."""
