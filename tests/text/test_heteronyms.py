"""English words that are spelled alike and pronounced differently."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from voxport.text.heteronyms import respell_heteronyms
from voxport.text.heteronyms.rules import RULES
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols

ROWS = [
    line.split("\t") for line in Path(__file__).with_name("heteronyms.tsv").read_text(encoding="utf-8").splitlines()
]
"""Each row: a sentence, the heteronym in it, and the symbols that it must have in American English."""


def plain(symbols: str) -> str:
    """Removes what depends on neighbouring words: secondary stress, and the flap of a `t` between vowels."""
    return symbols.replace("ˌ", "ˈ").replace("T", "t")


@pytest.mark.parametrize(("sentence", "word", "symbols"), ROWS, ids=[row[0] for row in ROWS])
def test_a_heteronym_follows_its_neighbours(sentence: str, word: str, symbols: str, phonemizer: Phonemizer) -> None:
    assert word in RULES or word == "export"
    (spoken_text,) = sentence_symbols([sentence], "en-us", phonemizer)
    assert plain(symbols) in plain(spoken_text)


def test_other_languages_are_left_alone() -> None:
    assert respell_heteronyms("Read the live record", "fr-fr") == "Read the live record"


def test_british_english_follows_the_same_rules(phonemizer: Phonemizer) -> None:
    (spoken_text,) = sentence_symbols(["She read it and they record the close of the day."], "en-gb", phonemizer)
    assert "ɹˈɛd" in spoken_text and "ɹɪkˈɔːd" in spoken_text and "klˈQz" in spoken_text


@pytest.mark.parametrize("word", ["read ", "Read the ", "live-", "lead, ", "tear 'tear "])
def test_a_text_of_heteronyms_takes_time_in_proportion_to_its_length(word: str) -> None:
    def seconds(length: int) -> float:
        text = word * (length // len(word))
        start = time.process_time()
        respell_heteronyms(text, "en-us")
        return time.process_time() - start

    seconds(1_000)
    # Five times the text; quadratic time would be 25 times as long.
    longer = seconds(100_000)
    assert longer < 18 * 0.05 or longer < 18 * seconds(20_000)
