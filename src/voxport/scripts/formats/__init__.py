"""Readers of the spellings of a script, and of books."""
