"""Numbers, money, times, identifiers, units and signs that were reported as misread, and similar ones.

The rows are those of `benchmarks/quality/readings.tsv`, from which `benchmarks/quality/readings.py` makes a report's
table.
"""

from __future__ import annotations

import time

import pytest

from benchmarks.quality.readings import Reading, readings
from voxport.text.normalise import normalise_text


@pytest.mark.parametrize("row", readings(), ids=lambda row: f"{row.language} {row.text}")
def test_a_sentence_is_read_as_one_says_it(row: Reading) -> None:
    assert normalise_text(row.text, row.language) == row.expected


HOSTILE = (
    "1.1.1.1.",
    "+ + + ",
    "$$$",
    "1 2 3 ",
    "111 ",
    "111,",
    "code is ",
    "call the ",
    "IVX ",
    "1° ",
    "1-",
    "A1b",
    "x^",
)


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_numbers_take_time_in_proportion_to_their_length(piece: str) -> None:
    def seconds(length: int) -> float:
        start = time.process_time()
        normalise_text(piece * (length // len(piece)), "es")
        return time.process_time() - start

    seconds(1_000)
    longer = seconds(100_000)
    assert longer < 12 * 0.05 or longer < 12 * seconds(20_000)
