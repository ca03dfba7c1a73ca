"""watermark/detect: detects whether the local engine spoke the recording behind an audioUrl."""

from __future__ import annotations

from voxport.accounts.service import Principal
from voxport.audio.arrays import SAMPLE_RATE
from voxport.engine import Detection, detect
from voxport.samples.loader import SampleLoader, SampleSource


class Watermarks:
    def __init__(self, samples: SampleLoader) -> None:
        self._samples = samples

    def locate(self, caller: Principal, audio_url: str) -> SampleSource:
        """Validate the URL. Raises AudioUrlUnusable, NotFound, BadSignature."""
        return self._samples.locate_recording(caller.profile_id, audio_url)

    def detect(self, caller: Principal, source: SampleSource) -> Detection:
        """Look for the watermark in the part of the recording that would be used as a sample. The part need not
        contain speech: silence has no watermark. Raises NotFound, AudioUrlUnusable, TooLarge,
        SampleUnusable (not audio, or damaged)."""
        return detect(self._samples.load_source(caller.profile_id, source, speech="preferred"), SAMPLE_RATE)
