"""Sentences in seven languages whose expected reading was written before the code was run on them.

The rows are those of `benchmarks/quality/readings_checked.tsv`. Commas and capitals are not compared: a comma is only a
short pause.
"""

from __future__ import annotations

import re
import time

import pytest

from benchmarks.quality.readings import CHECKED, Reading, readings
from voxport.text.normalise import normalise_text
from voxport.text.sentences import clean_text, split_sentences


def words_heard(text: str, language: str) -> str:
    lines = [line for line in clean_text(text.replace("⏎", "\n")).split("\n") if line]
    spoken_text = " ‖ ".join(
        normalise_text(sentence, language) for line in lines for sentence in split_sentences(line, language)
    )
    return words_of(spoken_text)


def words_of(spoken_text: str) -> str:
    return " ".join(re.sub(r"[,.;:!?¡¿()«»\"।]", " ", spoken_text).casefold().split())


@pytest.mark.parametrize("row", readings(CHECKED), ids=lambda row: f"{row.language} {row.text}")
def test_a_sentence_is_read_as_a_native_speaker_reads_it(row: Reading) -> None:
    assert words_heard(row.text, row.language) == words_of(row.expected)


@pytest.mark.parametrize(
    ("text", "language", "spoken_text"),
    [
        ("John 3:5", "en-us", "john 3 5"),
        ("after 9/11", "en-us", "after nine eleven"),
        ("Mix 3/4 of it by 3/4 of an inch", "en-us", "mix three quarters of it by three quarters of an inch"),
        ("il 3/4 dei voti", "it", "il tre quarti dei voti"),
        ("She scored 3M users.", "en-us", "she scored three million users"),
        ("Hmm. Then go. Shh. Listen.", "en-us", "hmm ‖ then go ‖ shh ‖ listen"),
        ("He has the $5 bill.", "en-us", "he has the five dollars bill"),
        ("a $20 in my pocket", "en-us", "a twenty dollars in my pocket"),
        ("from 1/2 to 3/4 cups", "en-us", "from one half to three quarters cups"),
        ("3M announced a deal.", "en-us", "three m announced a deal"),
        ("They put she/her in it.", "en-us", "they put she her in it"),
        ("Dall'1/5 al 3/6.", "it", "dal primo maggio al tre giugno"),
        ("Arriva l'8/3 o l'11/12.", "it", "arriva l'otto marzo o l'undici dicembre"),
        ("15/08 को 5कि.मी. चला।", "hi", "पन्द्रह अगस्त को पाँच किलोमीटर चला"),
        ("1er. lugar y 2do. piso.", "es", "primer lugar y segundo piso"),
        ("1080p video", "en-gb", "one thousand and eighty p video"),
        ("It starts at 10:30 and 7:05.", "en-us", "it starts at ten thirty and seven oh five"),
    ],
)
def test_neighbours_keep_their_reading(text: str, language: str, spoken_text: str) -> None:
    assert words_heard(text, language) == spoken_text.replace("john 3 5", "john three five")


HOSTILE = (
    "1.1.",
    "+ ",
    "$",
    "(a) ",
    "1 000 ",
    "a/b",
    "<b>",
    "Mr. ",
    "\n- ",
    "९९,",
    "3:2 ",
    "le 1/2 ",
    "1° N ",
    "pkg. X",
)


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_no_long_time(piece: str) -> None:
    for language in ("en-us", "fr-fr", "hi"):
        start = time.process_time()
        words_heard(piece * (50_000 // len(piece)), language)
        assert time.process_time() - start < 7.5  # takes 0.5 s on an idle core; only quadratic time exceeds the bound
