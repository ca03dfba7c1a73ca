"""Erasing a profile: what is removed, in which order, and what could not be."""
