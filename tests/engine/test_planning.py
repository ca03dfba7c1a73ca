"""Planning: from a text to chunks, each of which is one run of the network."""

from __future__ import annotations

import pytest

from voxport.engine import LANGUAGES, Chunk, TextNotSpeakable
from voxport.engine.kokoro.planner import MAX_CHUNK_TOKENS, plan, plan_stream
from voxport.text.normalise import normalise_text
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols as all_sentence_symbols


def sentence_symbols(sentence: str, language: str, phonemizer: Phonemizer) -> str:
    (symbols,) = all_sentence_symbols([normalise_text(sentence, language)], language, phonemizer)
    return symbols


SENTENCE = "The rain fell softly on the roof of the little house by the river."


def test_a_short_text_is_one_chunk_without_a_pause_behind_it(phonemizer: Phonemizer) -> None:
    (chunk,) = plan("Hello there, my friend.", "en-us", phonemizer)
    assert chunk.text == "Hello there, my friend."
    assert chunk.pause_after == 0.0


def test_a_long_text_keeps_its_sentences_whole_and_every_word(phonemizer: Phonemizer) -> None:
    text = " ".join([SENTENCE, "He came.", "She went, and nobody saw her."] * 40)
    chunks = plan(text, "en-us", phonemizer)
    assert " ".join(chunk.text for chunk in chunks) == text
    assert all(chunk.text.endswith(".") for chunk in chunks)
    assert all(100 <= len(chunk.tokens) <= 160 for chunk in chunks[:-1])
    assert all(chunk.pause_after > 0 for chunk in chunks[:-1])


def test_a_paragraph_is_followed_by_a_longer_pause_than_a_sentence(phonemizer: Phonemizer) -> None:
    paragraph = " ".join([SENTENCE] * 8)
    pauses = [chunk.pause_after for chunk in plan(f"{paragraph}\n\n{paragraph}", "en-us", phonemizer)]
    assert max(pauses[:-1]) > min(pauses[:-1]) > 0
    assert pauses[-1] == 0.0


def test_a_sentence_that_is_too_long_is_cut_at_its_commas(phonemizer: Phonemizer) -> None:
    text = ", ".join(["and then the children walked along the river"] * 30) + "."
    chunks = plan(text, "en-us", phonemizer)
    assert len(chunks) > 1
    assert all(chunk.text.endswith((",", ".")) for chunk in chunks)
    assert all(len(chunk.tokens) <= MAX_CHUNK_TOKENS for chunk in chunks)


def test_a_text_without_any_punctuation_is_cut_between_words(phonemizer: Phonemizer) -> None:
    words = ["river"] * 600
    chunks = plan(" ".join(words), "en-us", phonemizer)
    assert " ".join(chunk.text for chunk in chunks).split() == words
    assert all(len(chunk.tokens) <= MAX_CHUNK_TOKENS for chunk in chunks)


def test_one_word_of_6000_letters_still_fits_the_network(phonemizer: Phonemizer) -> None:
    chunks = plan("abc" * 2000, "en-us", phonemizer)
    assert "".join(chunk.text for chunk in chunks) == "abc" * 2000
    assert all(0 < len(chunk.tokens) <= MAX_CHUNK_TOKENS for chunk in chunks)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (
            "When the sun came up over the quiet village, nobody was awake, not even the dogs.",
            "When the sun came up over the quiet village,",
        ),
        (f"She said that the meeting of the whole committee would take place here. {SENTENCE}", None),
        ("Yes. And then we all went home, because it was late. It rained.", None),
        (f"{SENTENCE} {SENTENCE}", SENTENCE),
    ],
)
def test_the_first_chunk_of_a_stream_is_a_few_words(text: str, first: str | None, phonemizer: Phonemizer) -> None:
    chunks = plan(text, "en-us", phonemizer, short_first_chunk=True)
    assert 15 <= len(chunks[0].tokens) <= 75
    assert first in (None, chunks[0].text)
    assert " ".join(chunk.text for chunk in chunks) == text
    assert chunks[-1].pause_after == 0.0


def test_a_stream_gives_its_first_chunk_before_the_rest_is_phonemised(phonemizer: Phonemizer) -> None:
    asked: list[str] = []

    class RecordingPhonemizer(Phonemizer):
        def symbols(self, texts: list[str], language: str) -> list[str]:
            asked.extend(texts)
            return phonemizer.symbols(texts, language)

    stream = plan_stream(" ".join([SENTENCE] * 500), "en-us", RecordingPhonemizer())
    next(stream)
    assert len(asked) < 100
    assert len(list(stream)) > 50
    assert len(asked) >= 500


def test_the_same_text_gives_the_same_chunks_however_it_is_asked_for(phonemizer: Phonemizer) -> None:
    text = f"{SENTENCE} Mr. Hill paid $3.50, and left.\n\n{SENTENCE} " * 20
    assert plan(text, "en-us", phonemizer) == list(plan_stream(text, "en-us", phonemizer, short_first_chunk=False))
    short = [plan(text, "en-us", phonemizer, short_first_chunk=True) for _ in range(2)]
    assert short[0] == short[1]


@pytest.mark.parametrize("piece", ["a.", "1,", "(", "a/", "111 ", "I ", "a, "])
def test_hostile_text_is_planned_within_the_network(piece: str, phonemizer: Phonemizer) -> None:
    text = piece * (2_000 // len(piece)) + "a"
    chunks = plan(text, "en-us", phonemizer)
    assert "".join("".join(chunk.text.split()) for chunk in chunks)[-1] == "a"
    assert all(0 < len(chunk.tokens) <= MAX_CHUNK_TOKENS for chunk in chunks)


@pytest.mark.parametrize("text", ["?!...", "😀", "\0\0", "Привет всем"])
def test_what_cannot_be_spoken_is_refused(text: str, phonemizer: Phonemizer) -> None:
    with pytest.raises(TextNotSpeakable):
        plan(text, "en-us", phonemizer)


def test_punctuation_reaches_the_network_where_it_stood(phonemizer: Phonemizer) -> None:
    symbols = sentence_symbols('Well, "no" (he said) — why?', "en-us", phonemizer)
    assert [c for c in symbols if c in ',"()—?'] == [",", '"', '"', "(", ")", "—", "?"]


def test_marks_inside_a_number_are_left_to_the_reading_of_the_number(phonemizer: Phonemizer) -> None:
    assert sentence_symbols("3.5 and 1,000", "en-us", phonemizer) == "θɹˈi pˈYnt fˈIv ænd wˈʌn θˈWzənd"


def test_an_abbreviation_is_read_in_full(phonemizer: Phonemizer) -> None:
    assert sentence_symbols("Dr. Brown", "en-us", phonemizer) == sentence_symbols("doctor Brown", "en-us", phonemizer)


@pytest.mark.parametrize(
    ("language", "word", "symbols"),
    [
        ("en-us", "joyful water", "ʤˈYfᵊl wˈɔTəɹ"),
        ("en-us", "throw", "θɹˈO"),
        ("en-us", "I saw a cat", "ˌI sˈɔ ɐ kˈæt"),
        ("en-gb", "throw", "θɹˈQ"),
        ("en-gb", "the bird there", "ðə bˈɜːd ðˈɛː"),
        ("es", "mucho", "mˈuʧo"),
        ("fr-fr", "bonjour", "bɔ̃ʒˈuʁ"),
        ("it", "pizza", "pˈiʦːa"),
        ("pt-br", "olá", "olˈa"),
        ("hi", "नमस्ते", "nəmˈʌsteː"),
    ],
)
def test_each_language_is_written_in_the_symbols_that_kokoro_learnt(
    language: str, word: str, symbols: str, phonemizer: Phonemizer
) -> None:
    assert sentence_symbols(word, language, phonemizer) == symbols


def test_british_and_american_english_differ(phonemizer: Phonemizer) -> None:
    texts = [plan("The water is there.", language, phonemizer)[0].tokens for language in ("en-us", "en-gb")]
    assert texts[0] != texts[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_latin_text_can_be_planned_in_every_language(language: str, phonemizer: Phonemizer) -> None:
    assert plan("Radio Roma, 25.", language, phonemizer)[0].tokens


def test_a_chunk_survives_json() -> None:
    chunk = Chunk("Olá", (1, 2, 3), 0.25)
    assert Chunk.from_json(chunk.to_json()) == chunk


def test_the_phonemizer_starts_again_after_it_was_killed(phonemizer: Phonemizer) -> None:
    before = phonemizer.symbols(["hello"], "en-us")
    child = phonemizer._child
    assert child is not None
    child.kill()
    child.wait()
    assert phonemizer.symbols(["hello"], "en-us") == before
