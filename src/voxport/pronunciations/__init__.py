"""Pronunciation dictionaries: how a customer's names and words are read."""
