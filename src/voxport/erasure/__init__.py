"""Erases profiles: removes their data in order, and reports what could not be removed."""
