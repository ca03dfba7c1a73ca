"""The fit: a speaker's timbre by gradient descent through the network. The only part that needs PyTorch."""

from typing import Final

FIT_STEPS: Final = 12
"""Steps of gradient that make a persistent clone, where the operator says no other number."""
