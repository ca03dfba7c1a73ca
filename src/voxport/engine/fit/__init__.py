"""Fits a speaker's timbre by gradient descent through the network. This is the only part that needs PyTorch."""

from typing import Final

FIT_STEPS: Final = 20
"""Default number of gradient steps of a persistent clone."""
