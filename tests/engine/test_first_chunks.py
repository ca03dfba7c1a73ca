"""The first chunks of a stream: the first audio comes soon, and the next is ready before it has been played."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from voxport.engine.kokoro.planner import plan
from voxport.text.phonemizer import Phonemizer

LONG = "The ferry leaves the island at seven in the morning and the village waves at it from the long pier of stone."


@pytest.fixture(scope="module")
def phonemizer() -> Iterator[Phonemizer]:
    phonemizer = Phonemizer()
    yield phonemizer
    phonemizer.close()


@pytest.mark.parametrize(
    "text",
    [
        f"Yes. {LONG} {LONG}",
        f"Yes. No. Perhaps. {LONG}",
        f"Announcements are read twice, first in the hall and then on the platform. {LONG} {LONG}",
        f"Passengers who wait for the late train are asked to keep their bags with them at all times. {LONG}",
        f"{LONG} {LONG}",
    ],
)
def test_the_first_two_chunks_of_a_stream_are_short(text: str, phonemizer: Phonemizer) -> None:
    chunks = plan(text, "en-us", phonemizer, short_first_chunk=True)
    assert 20 <= len(chunks[0].tokens) <= 80
    assert len(chunks[1].tokens) <= 100
    assert " ".join(chunk.text for chunk in chunks) == text


def test_an_opening_ends_before_the_first_word_that_one_breathes_before(phonemizer: Phonemizer) -> None:
    text = "The old captain of the ferry said that nobody had seen the light before the storm and that it was late."
    chunks = plan(text, "en-us", phonemizer, short_first_chunk=True)
    assert chunks[0].text == "The old captain of the ferry said"


def test_a_file_still_has_chunks_that_are_as_long_as_they_may_be(phonemizer: Phonemizer) -> None:
    chunks = plan(f"Yes. {LONG}", "en-us", phonemizer)
    assert len(chunks) == 1
