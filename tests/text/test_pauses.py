"""`<break time="2s"/>` makes a pause of two seconds."""

from __future__ import annotations

import pytest

from voxport.engine.kokoro.planner import plan
from voxport.text.pauses import MAX_PAUSE_SECONDS, MAX_TOTAL_SECONDS
from voxport.text.phonemizer import Phonemizer
from voxport.text.sentences import clean_markup_text, clean_text


@pytest.mark.parametrize(
    ("text", "pauses"),
    [
        ('Wait. <break time="2s"/> Go now.', [("Wait.", 2.0), ("Go now.", 0.0)]),
        ("Wait <BREAK strength='x' time='750ms' /> go.", [("Wait", 0.8), ("go.", 0.0)]),
        ('One.<break time="200ms"/>\n\nTwo.', [("One.", 0.6), ("Two.", 0.0)]),
        ('One.\n<break time="1.5s"/>\n- Two.', [("One.", 1.5), ("Two.", 0.0)]),
        ('A.<break time="1s"/> <break time="2s"/>B.', [("A.", 2.0), ("B.", 0.0)]),
        (
            '<break time="1s"/>Hi.<break time="9999s"/>Bye.<break time="1s"/>',
            [("Hi.", MAX_PAUSE_SECONDS), ("Bye.", 0.0)],
        ),
        ('Hi <break time="soon"/> there.', [("Hi there.", 0.0)]),
    ],
)
def test_a_break_pauses_for_its_time(text: str, pauses: list[tuple[str, float]], phonemizer: Phonemizer) -> None:
    assert [(chunk.text, chunk.pause_after) for chunk in plan(text, "en-us", phonemizer)] == pauses
    early = plan(text, "en-us", phonemizer, short_first_chunk=True)
    assert [(chunk.text, chunk.pause_after) for chunk in early] == pauses


def test_a_pause_comes_behind_all_of_a_sentence_that_is_cut(phonemizer: Phonemizer) -> None:
    text = f'{"One of the words, and another of them, " * 12}are here.<break time="3s"/>Then go.'
    for short_first_chunk in (False, True):
        *_, last, end = plan(text, "en-us", phonemizer, short_first_chunk=short_first_chunk)
        assert (last.pause_after, end.text) == (3.0, "Then go.")


def test_the_pauses_of_a_text_are_bounded_in_all(phonemizer: Phonemizer) -> None:
    chunks = plan('So.<break time="3s"/>' * 200, "en-us", phonemizer)
    asked = sum(chunk.pause_after for chunk in chunks if chunk.pause_after == MAX_PAUSE_SECONDS)
    assert asked == MAX_TOTAL_SECONDS


@pytest.mark.parametrize("text", ["Hi\ue114 there", "Hi &#xe114;there", "Hi &amp;#xe114; there"])
def test_nobody_writes_the_mark_of_a_pause(text: str) -> None:
    assert "\ue114" not in clean_markup_text(text)
    assert "\ue114" not in clean_text(text)
