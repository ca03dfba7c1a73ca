"""samples/check: tells of a recording what a clone of it would find, before one is paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voxport.accounts.service import Principal
from voxport.samples.check import SampleReport
from voxport.samples.loader import SampleLoader, SampleSource
from voxport.samples.quality import Quality, quality


@dataclass(frozen=True)
class CheckedSample:
    report: SampleReport
    quality: Quality


class SampleChecks:
    def __init__(self, samples: SampleLoader) -> None:
        self._samples = samples

    def locate(self, caller: Principal, audio_url: str) -> SampleSource:
        """Validate the URL as a clone does. Raises AudioUrlUnusable, NotFound, BadSignature."""
        return self._samples.locate_recording(caller.profile_id, audio_url)

    def check(self, caller: Principal, source: SampleSource, *, check_cancelled: Callable[[], None]) -> CheckedSample:
        """Load and check the part of the recording that a clone would use. Stores and charges nothing;
        `check_cancelled` may end it by raising. Raises as a clone fails: NotFound, AudioUrlUnusable, TooLarge,
        SampleUnusable, Unavailable."""
        audio = self._samples.load_source(caller.profile_id, source, check_cancelled=check_cancelled)
        check_cancelled()
        sample = self._samples.check(audio)
        return CheckedSample(sample.report, quality(sample.report))
