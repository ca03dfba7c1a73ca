"""Providers of voices and speech: their interface, the registry, and the built-in ones."""
