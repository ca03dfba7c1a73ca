"""Real recordings, and the sample check's reports on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.recordings import Recording, speech_folder
from voxport.audio.codec.decode import decode
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.errors import SampleUnusable
from voxport.samples.check import SampleReport, check


@pytest.fixture(scope="session")
def speech() -> Path:
    folder = speech_folder()
    if folder is None:
        pytest.skip("the folder of real recordings is absent (set VOXPORT_SPEECH_DIR)")
    return folder


@pytest.fixture(scope="session")
def reported(speech: Path, ffmpeg: Path) -> Callable[[Recording], SampleReport]:
    """Returns a function that decodes and checks a recording once, second speakers included. It raises SampleUnusable
    on every call for an unusable recording."""
    embed = SpeakerEncoder(threads=1).embed_each
    found: dict[str, SampleReport | SampleUnusable] = {}

    def report(row: Recording) -> SampleReport:
        if row.path not in found:
            try:
                found[row.path] = check(decode(speech / row.path, ffmpeg=ffmpeg), embed=embed)
            except SampleUnusable as unusable:
                found[row.path] = unusable
        outcome = found[row.path]
        if isinstance(outcome, SampleUnusable):
            raise outcome
        return outcome

    return report
