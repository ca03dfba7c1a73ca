"""Audio that is passed on: all of it at once where it is there, and piece by piece where it is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from voxport.errors import ProviderFailed
from voxport.providers.base import SAMPLE_RATE, Utterance
from voxport.providers.relay import relay

TEXT = "The ferry leaves the island."
SPEECH = (8_000 * np.sin(np.arange(2 * SAMPLE_RATE) / 20)).astype("<i2").tobytes()


def relayed(pieces: list[bytes], *, has_arrived: bool, threads: list[int]) -> list[tuple[int, bool]]:
    """Return the size of each piece that is passed on, and whether it is called the last."""

    def source(_: str) -> Iterator[bytes]:
        for piece in pieces:
            threads.append(threading.get_ident())
            yield piece

    passed = relay(Utterance(TEXT, "en"), "pcm", source, lambda: has_arrived)
    return [(len(one.content), one.is_last) for one in passed]


def test_audio_that_is_there_is_read_in_the_callers_thread_and_passed_on_in_one_piece() -> None:
    threads: list[int] = []
    assert relayed([SPEECH], has_arrived=True, threads=threads) == [(len(SPEECH), True)]
    assert set(threads) == {threading.get_ident()}


def test_audio_that_is_waited_for_is_read_on_by_a_thread_of_its_own() -> None:
    threads: list[int] = []
    passed = relayed([SPEECH[:30_000], SPEECH[30_000:]], has_arrived=False, threads=threads)
    assert sum(size for size, _ in passed) == len(SPEECH)
    assert [is_last for _, is_last in passed] == [False] * (len(passed) - 1) + [True]
    assert threads[0] == threading.get_ident() != threads[1]


@pytest.mark.parametrize("has_arrived", [True, False])
@pytest.mark.parametrize(
    "pieces", [[], [bytes(len(SPEECH))], [SPEECH[:-1]], [SPEECH * 20]], ids=["none", "silence", "half a sample", "long"]
)
def test_audio_that_is_none_is_refused_either_way(pieces: list[bytes], has_arrived: bool) -> None:
    with pytest.raises(ProviderFailed):
        relayed(pieces, has_arrived=has_arrived, threads=[])
