"""Makes a voice from a recording."""
