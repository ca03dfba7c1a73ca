"""Profiles and their API keys."""
