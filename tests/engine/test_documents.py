"""Documents: how their chunks are planned, and what is heard of their styles."""

from __future__ import annotations

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.loudness import LoudnessNormalizer
from voxport.audio.pitch import median_f0
from voxport.engine import Chunk, Engine, TextNotSpeakable, apply_levels
from voxport.engine.kokoro.document_planner import plan_document
from voxport.engine.kokoro.planner import MAX_CHUNK_TOKENS
from voxport.engine.kokoro.synthesis import Synthesis
from voxport.text.phonemes import vocabulary
from voxport.text.phonemizer import Phonemizer
from voxport.text.pronunciation import Rule, document_of_text
from voxport.text.ssml.document import Document
from voxport.text.ssml.parser import parse_ssml

_SYMBOLS = {token: symbol for symbol, token in vocabulary().items()}


def ssml(text: str) -> Document:
    return parse_ssml(text, language="en-us", languages=lambda code: {"fr": "fr-fr"}.get(code))


def symbols(chunk: Chunk) -> str:
    return "".join(_SYMBOLS[token] for token in chunk.tokens)


def planned(text: str, phonemizer: Phonemizer) -> list[Chunk]:
    return list(plan_document(ssml(text), "en-us", phonemizer, with_words=True))


def test_a_break_is_kept_to_the_millisecond_and_keeps_the_melody_up(phonemizer: Phonemizer) -> None:
    first, second = planned('Hello <break time="350ms"/> there.', phonemizer)
    assert (first.pause_seconds(1.0), first.pause_seconds(2.0)) == (0.35, 0.35)
    assert symbols(first).endswith(",")
    assert second.pause_seconds(1.0) == 0.0
    (first, _) = planned('Hello <break time="2s"/> there.', phonemizer)
    assert symbols(first).endswith(".")


def test_breaks_add_up_also_before_the_first_word_and_around_marks(phonemizer: Phonemizer) -> None:
    (chunk,) = planned('<break time="1s"/>… <break time="2s"/>Hello.', phonemizer)
    assert chunk.exact_lead == 3.0
    assert Chunk.from_json(chunk.to_json()) == chunk
    first, second = planned('<break time="1s"/>Hi <break time="1s"/>! <break time="2s"/>there. You.', phonemizer)
    assert (first.exact_lead, first.exact_pause) == (1.0, 3.0)
    assert second.exact_lead == 0.0


def test_an_entity_is_read_as_its_character(phonemizer: Phonemizer) -> None:
    (written,) = planned("The café of O'Brien, in Rome.", phonemizer)
    (chunk,) = planned("The caf&#233; of O&apos;Brien,\nin <!-- a city -->Rome.", phonemizer)
    assert chunk.tokens == written.tokens


def test_what_replaces_a_word_is_spoken_within_its_sentence(phonemizer: Phonemizer) -> None:
    (chunk,) = planned(
        'The <sub alias="World Wide Web">WWW</sub>, by Dr. <phoneme ph="ˈiːfə">Aoife</phoneme>!', phonemizer
    )
    assert symbols(chunk) == "ðə wˈɜɹld wˈId wˈɛb, bI dˈɑktəɹ ˈifə!"


def test_words_are_those_of_the_text_as_it_was_sent(phonemizer: Phonemizer) -> None:
    text = '<p>One &amp; <emphasis>two</emphasis> <sub alias="x y">W 3 C</sub></p> end'
    chunks = planned(text, phonemizer)
    words = [text[word.start_char : word.end_char] for chunk in chunks for word in chunk.words]
    assert words == ["One", "two", "W 3 C", "end"]


def test_a_voice_has_chunks_of_its_own_and_a_language_is_read_by_its_own_rules(phonemizer: Phonemizer) -> None:
    chunks = planned('One. <voice name="ann">Two <lang xml:lang="fr">bonjour</lang>.</voice> Three.', phonemizer)
    assert [chunk.voice for chunk in chunks] == [None, "ann", None]
    assert "bɔ̃ʒˈuʁ" in symbols(chunks[1])


def test_a_long_sentence_is_split_and_no_word_of_it_is_lost(phonemizer: Phonemizer) -> None:
    text = "and so it goes on, " * 60 + "until it <emphasis>ends</emphasis>."
    chunks = planned(text, phonemizer)
    assert all(len(chunk.tokens) <= MAX_CHUNK_TOKENS for chunk in chunks)
    words = [word for chunk in chunks for word in chunk.words]
    assert len(words) == 60 * 5 + 3
    assert {word.sentence for word in words} == {0}


def test_a_document_without_words_is_refused(phonemizer: Phonemizer) -> None:
    with pytest.raises(TextNotSpeakable):
        planned('<break time="1s"/>', phonemizer)


def test_rules_are_spoken_in_plain_text(phonemizer: Phonemizer) -> None:
    document = document_of_text("Nguyen's dog\n\nA line", [Rule("Nguyen", ipa="wɪn")])
    first, second = plan_document(document, "en-us", phonemizer)
    assert symbols(first).startswith("wɪnz dˈ")
    assert first.pause_after > 0.5
    assert symbols(second) == "ɐ lˈIn"


def spoken(engine: Engine, text: str) -> tuple[Chunk, Synthesis]:
    (chunk,) = engine.plan(text, "en-us", document=ssml(text), with_words=True)
    return chunk, engine.speak_timed(chunk, engine.stock_voice("af_heart"))


def part(chunk: Chunk, synthesis: Synthesis, number: int) -> slice:
    word = chunk.words[number]
    return slice(int(synthesis.token_starts[word.start]), int(synthesis.token_starts[word.end]))


@pytest.mark.slow
def test_a_faster_word_is_shorter_and_a_louder_one_louder(engine: Engine) -> None:
    plain, plain_audio = spoken(engine, "My old ferry leaves today.")
    fast, fast_audio = spoken(engine, 'My old <prosody rate="200%">ferry</prosody> leaves today.')
    before, after = part(plain, plain_audio, 2), part(fast, fast_audio, 2)
    assert 0.4 < (after.stop - after.start) / (before.stop - before.start) < 0.7

    loud, loud_audio = spoken(engine, 'My old <prosody volume="-6dB">ferry</prosody> leaves today.')
    where = part(loud, loud_audio, 2)
    middle = slice(where.start + SAMPLE_RATE // 50, where.stop - SAMPLE_RATE // 50)
    levelled = apply_levels(loud_audio.audio, loud, loud_audio.token_starts)
    ratio = np.abs(levelled[middle]).mean() / np.abs(loud_audio.audio[middle]).mean()
    assert 20 * np.log10(ratio) == pytest.approx(-6, abs=0.2)
    np.testing.assert_array_equal(levelled[: where.start - 480], loud_audio.audio[: where.start - 480])


@pytest.mark.slow
def test_a_higher_word_is_higher(engine: Engine) -> None:
    voice = engine.stock_voice("af_heart")
    medians = []
    for pitch in ("-4st", "+4st"):
        text = f'<prosody pitch="{pitch}">Nobody knew where the old man had gone.</prosody>'
        (chunk,) = engine.plan(text, "en-us", document=ssml(text))
        median = median_f0(engine.speak(chunk, voice), SAMPLE_RATE)
        assert median is not None
        medians.append(median)
    # The network follows a change of pitch to three quarters at least.
    assert 6 <= 12 * np.log2(medians[1] / medians[0]) <= 9


@pytest.mark.slow
def test_a_louder_word_is_louder_at_the_loudness_of_speech(engine: Engine) -> None:
    """Its peaks are near full scale already."""
    chunk, synthesis = spoken(engine, 'My old <prosody volume="+6dB">ferry</prosody> leaves today.')
    audio = LoudnessNormalizer().process(synthesis.audio)
    where = part(chunk, synthesis, 2)
    levelled = apply_levels(audio, chunk, synthesis.token_starts)
    energies = [np.square(one[where]).mean() for one in (levelled, audio)]
    assert 4 <= 10 * np.log10(energies[0] / energies[1]) <= 6.1
    assert np.abs(levelled).max() <= 0.81


@pytest.mark.slow
def test_levels_never_clip(engine: Engine) -> None:
    chunk, synthesis = spoken(engine, 'He <prosody volume="+20dB">shouted</prosody> it.')
    assert np.abs(apply_levels(synthesis.audio, chunk, synthesis.token_starts)).max() <= 1.0


def test_a_stream_of_a_document_begins_with_a_short_chunk(phonemizer: Phonemizer) -> None:
    text = "The old man walked to the river, and sat down, and looked at the <emphasis>boats</emphasis>, " * 2
    document = parse_ssml(f"{text}until it was dark. Then he left.", language="en-us", languages=lambda code: code)
    whole = list(plan_document(document, "en-us", phonemizer))
    early = list(plan_document(document, "en-us", phonemizer, short_first_chunk=True))
    assert len(early[0].tokens) <= 80 < len(whole[0].tokens)
    assert " ".join(chunk.text for chunk in early).split() == " ".join(chunk.text for chunk in whole).split()
