"""MiniMax, by its HTTP interface."""

from voxport.providers.minimax.adapter import MiniMax, open_provider

__all__ = ["MiniMax", "open_provider"]
