"""Adds and detects the watermark, an inaudible keyed pattern in all speech of the engine.

`docs/engine.md` ("The mark") has the measurements; decisions 0013 and 0014 explain its design and its limits.
"""

from voxport.engine.watermark.detector import Detection, detect
from voxport.engine.watermark.marker import Watermarker, add_watermark

__all__ = ["Detection", "Watermarker", "add_watermark", "detect"]
