"""Keeps the audio of a script's lines, by what makes their sound, so that no line is spoken twice."""
