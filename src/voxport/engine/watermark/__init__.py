"""The mark: an inaudible, keyed pattern in all that the engine speaks, and the test for it. `docs/engine.md`, "The
mark", has the measurements; decisions 0013 and 0014 say why it is made so, and what it can't do."""

from voxport.engine.watermark.detector import Detection, detect
from voxport.engine.watermark.marker import Watermarker, add_watermark

__all__ = ["Detection", "Watermarker", "add_watermark", "detect"]
