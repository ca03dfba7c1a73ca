"""Cleaning a text and splitting it into sentences."""

from __future__ import annotations

import pytest

from voxport.engine import LANGUAGES, TextNotSpeakable
from voxport.text.foreign_words import unspeakable_words, without_unspeakable
from voxport.text.sentences import check_alphabet, clean_text, split_clauses, split_sentences


def test_control_characters_are_whitespace_and_invisible_ones_vanish() -> None:
    assert clean_text("one\0two\tthree\x1b four") == "one two three four"
    assert clean_text("co\u00adoper\u200bate") == "cooperate"


def test_an_empty_line_ends_a_paragraph_and_a_line_break_behind_a_short_line_stays() -> None:
    assert clean_text("a title\n\nthe first line\nthe second") == "a title\n\nthe first line\nthe second"


def test_look_alike_letters_become_plain_ones_and_decomposed_ones_are_composed() -> None:
    assert clean_text("Ｈｅｌｌｏ 𝐰𝐨𝐫𝐥𝐝 ﬁne cafe\u0301") == "Hello world fine café"


def test_a_sentence_ends_at_its_mark_and_takes_the_closing_quote_along() -> None:
    assert split_sentences('He said "no." She left! Why?', "en-us") == ['He said "no."', "She left!", "Why?"]


def test_a_dot_inside_a_number_an_abbreviation_or_behind_an_initial_ends_no_sentence() -> None:
    text = "Dr. Smith paid $3.50 to J. Doe at 5 p.m. on example.com."
    assert split_sentences(text, "en-us") == [text]


def test_clauses_keep_the_mark_that_ends_them() -> None:
    assert split_clauses("first, second; 1,000 third — last") == ["first,", "second;", "1,000 third —", "last"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Привет, как дела?", "en-us"),
        ("今日はいい天気です", "fr-fr"),
        ("مرحبا بالعالم", "it"),
        ("नमस्ते दुनिया", "en-gb"),
        ("Привет", "hi"),
        ("ok, но это русский текст", "es"),
    ],
)
def test_a_text_in_an_alphabet_that_the_language_cannot_speak_is_refused_with_what_is_spoken(
    text: str, language: str
) -> None:
    with pytest.raises(TextNotSpeakable) as refusal:
        check_alphabet(text, language)
    assert refusal.value.language == language
    assert refusal.value.spoken == LANGUAGES
    assert all(spoken in str(refusal.value) for spoken in LANGUAGES)


def test_a_language_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(TextNotSpeakable, match="'de' is not spoken"):
        check_alphabet("Guten Tag", "de")


@pytest.mark.parametrize("text", ["...!?", "😀🎉", "", "   ", "—", "*** ###"])
def test_marks_and_emoji_alone_are_nothing_to_speak(text: str) -> None:
    with pytest.raises(TextNotSpeakable, match="nothing to speak"):
        check_alphabet(text, "en-us")


def test_letters_that_no_voice_reads_are_left_out_and_named() -> None:
    text = "The city of 東京, and Москва, and the number π"
    check_alphabet(text, "en-us")
    assert without_unspeakable(text, "en-us").split() == [
        "The",
        "city",
        "of",
        ",",
        "and",
        "Москва,",
        "and",
        "the",
        "number",
        "π",
    ]
    assert unspeakable_words(text, "en-us") == ["東京"]


def test_hindi_takes_devanagari_and_latin_alike() -> None:
    check_alphabet("नमस्ते world", "hi")
    check_alphabet("hello world", "hi")


def test_an_abbreviation_that_can_stand_last_ends_a_sentence_before_a_capital() -> None:
    assert split_sentences("Figs, nuts, etc. Then we left.", "en-us") == ["Figs, nuts, etc.", "Then we left."]
    assert split_sentences("He said no. Five left; see No. 5.", "en-us") == ["He said no.", "Five left; see No. 5."]


def test_the_abbreviations_of_one_language_are_words_in_another() -> None:
    assert split_sentences("Il est. Tu es.", "fr-fr") == ["Il est.", "Tu es."]
    assert split_sentences("El Sr. Gil, p. ej. aquí.", "es") == ["El Sr. Gil, p. ej. aquí."]
