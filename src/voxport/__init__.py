"""Voxport: a self-hosted gateway for cloned voices."""

__version__ = "0.1.0"
