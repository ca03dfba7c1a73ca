"""A recording to a voice."""
