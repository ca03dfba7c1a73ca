"""The adaptive norms ("AdaIN") of Kokoro's decoder: each scales and shifts its channels by the style.

A voice may add offsets to these scales and shifts: [37396], norm by norm in ADAIN_CHANNELS' order, each with the
offsets of its scales first. They cost no time, as they are added where the style's own maps are made.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray

ADAIN_INPUT: Final = "adain_offsets"
"""The decoder's input for the offsets, float32 [1, ADAIN_SIZE]."""


def _channels() -> dict[str, int]:
    channels = {"encode.norm1": 514, "encode.norm2": 1024}
    for block in range(4):
        channels |= {f"decode.{block}.norm1": 1090, f"decode.{block}.norm2": 512 if block == 3 else 1024}
    for stage, size in enumerate((256, 128)):
        for name in (f"noise_res.{stage}", *(f"resblocks.{3 * stage + kernel}" for kernel in range(3))):
            channels |= {f"generator.{name}.adain{half}.{n}": size for n in range(3) for half in (1, 2)}
    return channels


ADAIN_CHANNELS: Final = _channels()
"""The number of channels of each norm, by its path in Kokoro's source, in the order of use."""
ADAIN_SIZE: Final = 2 * sum(ADAIN_CHANNELS.values())
NO_OFFSETS: Final[FloatArray] = np.zeros(ADAIN_SIZE, np.float32)
"""The offsets of a stock voice. Do not modify it."""


def adain_slices() -> dict[str, slice]:
    """The part of the offsets that belongs to each norm, its scales and then its shifts."""
    slices, start = {}, 0
    for path, channels in ADAIN_CHANNELS.items():
        slices[path] = slice(start, start + 2 * channels)
        start += 2 * channels
    return slices
