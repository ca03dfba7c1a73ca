"""The sample check uses little memory, however many samples arrive at once."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.client import GatewayClient
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import decode
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.measurements import measure
from voxport.cli.synthetic import write_speaker
from voxport.samples.loader import SampleLoader


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> npt.NDArray[np.float32]:
    path = tmp_path_factory.mktemp("speaker") / "speaker.wav"
    write_speaker(path)
    return decode(path, ffmpeg=ffmpeg)


def test_a_minute_is_measured_in_a_few_times_its_own_size(speaker: npt.NDArray[np.float32]) -> None:
    minute = np.resize(speaker, 60 * SAMPLE_RATE)
    tracemalloc.start()
    try:
        measure(minute, SAMPLE_RATE, [(0, len(minute))])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * minute.nbytes


def test_two_samples_are_checked_at_once_and_the_others_wait(
    client: GatewayClient, speaker: npt.NDArray[np.float32]
) -> None:
    guard, inside, max_inside = threading.Lock(), 0, 0
    both = threading.Barrier(2)

    def embed(clips: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        nonlocal inside, max_inside
        with guard:
            inside += 1
            max_inside = max(max_inside, inside)
        both.wait(20)
        with guard:
            inside -= 1
        return np.full((len(clips), 4), 0.5, np.float32)

    parts = client.gateway
    samples = SampleLoader(
        parts.settings, parts.catalog, parts.storage, parts.media, parts.signer, find_ffmpeg(), embed
    )
    part = speaker[: 6 * SAMPLE_RATE]
    with ThreadPoolExecutor(6) as pool:
        reports = [found.report for found in pool.map(samples.check, [part] * 6)]
    assert max_inside == 2
    assert len({report.speech_seconds for report in reports}) == 1
