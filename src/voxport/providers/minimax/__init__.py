"""MiniMax, by its HTTP interface."""

from voxport.providers.minimax.adapter import MiniMax

__all__ = ["MiniMax"]
