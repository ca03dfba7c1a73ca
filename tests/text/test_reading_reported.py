"""Texts that were reported as misread, and similar ones, with the expected words of each sentence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from voxport.engine.kokoro.planner import plan
from voxport.text.normalise import normalise_text
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols
from voxport.text.sentences import clean_text, split_sentences

ROWS = Path(__file__).parents[2] / "benchmarks" / "quality" / "readings_reading.tsv"
"""Language, kind, text (⏎ is a line break), and its sentences as spoken, separated by ‖."""


def heard(text: str, language: str) -> str:
    lines = [line for line in clean_text(text.replace("⏎", "\n")).split("\n") if line]
    return " ‖ ".join(
        normalise_text(sentence, language) for line in lines for sentence in split_sentences(line, language)
    )


def rows() -> list[list[str]]:
    return [line.split("\t") for line in ROWS.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("language", "text", "spoken_text"), [(row[0], row[2], row[3]) for row in rows()])
def test_what_is_written_is_said(language: str, text: str, spoken_text: str) -> None:
    assert heard(text, language) == spoken_text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Red\nBlue\nGreen", ["Red", "Blue", "Green"]),
        ("Red\r\nBlue\rGreen", ["Red", "Blue", "Green"]),
        ("Red\u2028Blue\u2029Green", ["Red", "Blue", "", "Green"]),
        ("Red\x0cBlue\x0bGreen\x85Grey", ["Red", "", "Blue", "Green", "Grey"]),
        ("\tRed\n\t\tBlue", ["Red", "Blue"]),
        ("co\u00ad\noperate", ["cooperate"]),
    ],
)
def test_every_kind_of_line_break_is_one(text: str, lines: list[str]) -> None:
    assert clean_text(text).split("\n") == lines


WRAPPED = {
    "en": "It was a bright cold day in the spring, and all the clocks of the\ntown were striking twelve while the old "
    "man walked slowly along the\nriver to the bridge, where nobody had ever seen him before.",
    "fr": "Ce matin-là, le vieux jardinier se leva bien avant le soleil pour\narroser les roses de la grande maison, "
    "car la journée promettait\nd'être la plus chaude de tout l'été dans cette petite ville.",
    "hi": "उस दिन सुबह बूढ़ा माली सूरज निकलने से बहुत पहले उठ गया और बड़े घर\nके बगीचे में गुलाब के पौधों को पानी देने लगा "
    "क्योंकि दिन बहुत गर्म\nहोने वाला था और शहर में कोई बादल नहीं था।",
}


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED)
def test_prose_that_was_wrapped_at_a_margin_is_joined(text: str) -> None:
    assert clean_text(text) == text.replace("\n", " ")


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED)
def test_a_quotation_that_was_wrapped_is_joined(text: str) -> None:
    assert clean_text("> " + text.replace("\n", "\n> ")) == text.replace("\n", " ")


@pytest.mark.parametrize(
    "text",
    [
        "I wandered lonely as a cloud\nThat floats on high o'er vales and hills,\nWhen all at once I saw a crowd,",
        "Groceries for the week that we spend at the lake\nbread\nmilk\neggs",
        "two cups of finely chopped onions\none spoon of salt",
        "Ana: I do not know what you are talking about, my dear\nBob: neither do I, to be quite honest with you now",
    ],
)
def test_verses_lists_and_speakers_keep_their_lines(text: str) -> None:
    assert clean_text(text) == text


def test_lines_are_closed_so_that_one_does_not_run_into_the_next(phonemizer: Phonemizer) -> None:
    (chunk,) = plan("Red\nBlue\nGreen", "en-us", phonemizer)
    (stopped,) = plan("Red. Blue. Green", "en-us", phonemizer)
    assert chunk.tokens == stopped.tokens


@pytest.mark.parametrize("language", ["en-us", "es", "fr-fr", "it", "pt-br", "hi"])
@pytest.mark.parametrize(
    "written",
    ["Hmm", "HMMM", "hmmmm", "Shh", "SHHH", "Brr", "Brrrr", "Zzz", "Psst", "Pfft", "Grr", "Tsk", "Mmm", "Pst"],
)
def test_a_sound_without_a_vowel_is_not_spelt(written: str, language: str, phonemizer: Phonemizer) -> None:
    (symbols,) = sentence_symbols([f"{written}!"], language, phonemizer)
    assert len(symbols) <= 6 and symbols.endswith("!")


@pytest.mark.parametrize("written", ["PST", "SSH", "HTML", "BBC", "mph", "Sh.y"])
def test_letters_that_are_no_sound_are_spelt_as_before(written: str, phonemizer: Phonemizer) -> None:
    assert "ː" not in sentence_symbols([written], "en-us", phonemizer)[0]


@pytest.mark.parametrize("word", ["Москва", "привет мир", "Αθήνα", "नमस्ते", "서울"])
def test_a_word_in_another_alphabet_is_spoken(word: str, phonemizer: Phonemizer) -> None:
    with_word, without = (plan(f"The word {w} is one", "en-us", phonemizer)[0].tokens for w in (word, ""))
    assert len(with_word) >= len(without) + 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["<", "<a ", "<a x=", "<!--", "<script", "&", "&amp", "[", "](", "1. ", "a\n", "\r", "--a ", "/a", "a_", "aB",
     "C:\\", "a.txt", "~/", "Dr. ", "b. ", "Jan ", "A St ", "hm ", "Яa", "> ", "A: ", "\u00ad", "read "],
)  # fmt: skip
def test_hostile_text_is_planned_in_proportion_to_its_length(piece: str, phonemizer: Phonemizer) -> None:
    def seconds(length: int) -> float:
        start = time.process_time()
        plan(piece * (length // len(piece)) + " a", "en-us", phonemizer)
        return time.process_time() - start

    seconds(500)
    longer = seconds(20_000)
    assert longer < 12 * 0.05 or longer < 12 * seconds(4_000)
