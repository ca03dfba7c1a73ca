"""Loads, checks and selects the recordings that voices are made from."""
