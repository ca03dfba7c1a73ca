"""MiniMax, through its HTTP API."""

from voxport.providers.minimax.adapter import MiniMax, open_provider

__all__ = ["MiniMax", "open_provider"]
