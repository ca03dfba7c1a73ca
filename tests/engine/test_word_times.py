"""Which tokens speak each word of a text, and when they are heard."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.engine import LANGUAGES, Chunk, Engine, Synthesis
from voxport.engine.kokoro.chunk import ProsodySpan
from voxport.engine.kokoro.planner import plan
from voxport.text.phonemes import vocabulary
from voxport.text.phonemizer import Phonemizer

_SYMBOLS = {token: symbol for symbol, token in vocabulary().items()}


def spoken_words(text: str, language: str, phonemizer: Phonemizer) -> list[tuple[str, str]]:
    """Return each word as it stands in `text`, and its symbols without stress."""
    return [
        (text[word.start_char : word.end_char], _sounds(chunk, word.start, word.end))
        for chunk in plan(text, language, phonemizer, with_words=True)
        for word in chunk.words
    ]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en-us", "Of the end.", [("Of", "ʌv"), ("the", "ðɪ"), ("end", "ɛnd")]),
        ("en-us", "At 7:30!", [("At", "æt"), ("7:30", "sɛvən θɜɹTi")]),
        ("en-us", "For $3.50.", [("For", "fɔɹ"), ("$3.50", "θɹi dɑləɹz ænd fɪfti sɛnts")]),
        ("fr-fr", "Les amis d'hier.", [("Les", "lez"), ("amis", "ami"), ("d'hier", "djɛʁ")]),
        ("es", "¿Qué hora es?", [("Qué", "ke"), ("hora", "oɾa"), ("es", "es")]),
        ("it", "L'8 marzo.", [("L'8", "lɔtːo"), ("marzo", "marʦo")]),
        ("pt-br", "A 2ª vez.", [("A", "a"), ("2ª", "seɡũŋdæ"), ("vez", "ves")]),
        ("hi", "आज 5 है।", [("आज", "aːɟ"), ("5", "pãnc"), ("है", "hɛː")]),
    ],
)  # fmt: skip
def test_each_word_has_the_symbols_that_speak_it(
    language: str, text: str, expected: list[tuple[str, str]], phonemizer: Phonemizer
) -> None:
    assert spoken_words(text, language, phonemizer) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See [the docs](http://the.docs/now) now.", ["See", "the", "docs", "now"]),
        ("# Title\n\n- one\n- two", ["Title", "one", "two"]),
        ("“Really?” she said — twice…", ["Really", "she", "said", "twice"]),
        ("Cafe\u0301 is a soft\u00adhyphen, ﬁne.", ["Cafe\u0301", "is", "a", "soft\u00adhyphen", "ﬁne"]),
        ("word word, word.", ["word", "word", "word"]),
    ],
)
def test_words_are_found_in_the_text_as_it_was_sent(text: str, expected: list[str], phonemizer: Phonemizer) -> None:
    assert [word for word, _ in spoken_words(text, "en-us", phonemizer)] == expected


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_words_of_a_language_without_blanks_are_found(language: str, phonemizer: Phonemizer) -> None:
    if language not in LANGUAGES:
        pytest.skip("its packages are not installed")
    text = {"ja": "今日は天気がいいです。", "zh": "我们今天三点见面。"}[language]
    words = spoken_words(text, language, phonemizer)
    assert "".join(word for word, _ in words) == text.rstrip("。")
    assert len(words) >= 4
    assert all(symbols for _, symbols in words)


def test_words_of_a_long_text_keep_their_order_and_their_sentence(phonemizer: Phonemizer) -> None:
    text = "\n\n".join(["The rain fell on the roof. It was late, and 12 people slept."] * 60)
    chunks = plan(text, "en-us", phonemizer, with_words=True)
    words = [word for chunk in chunks for word in chunk.words]
    assert [text[word.start_char : word.end_char] for word in words] == text.replace(".", "").replace(",", "").split()
    assert [word.sentence for word in words] == sorted(word.sentence for word in words)
    assert words[-1].sentence == 119
    assert all(0 <= word.start < word.end <= len(chunk.tokens) for chunk in chunks for word in chunk.words)


@pytest.mark.slow
def test_a_slower_word_lengthens_only_itself(engine: Engine) -> None:
    (chunk,) = engine.plan("The old ferry leaves at seven.", "en-us", with_words=True)
    voice, ferry = engine.stock_voice("af_heart"), chunk.words[2]
    plain = engine.speak_timed(chunk, voice)
    slow = engine.speak_timed(replace(chunk, prosody=(ProsodySpan(ferry.start, ferry.end, rate=0.5),)), voice)
    lengths, slow_lengths = np.diff(plain.token_starts), np.diff(slow.token_starts)
    assert slow_lengths[ferry.start : ferry.end].sum() == pytest.approx(
        2 * lengths[ferry.start : ferry.end].sum(), rel=0.25
    )
    # The last word and its dot end in the silence that is trimmed.
    after = slice(ferry.end, chunk.words[-1].start)
    np.testing.assert_array_equal(slow_lengths[after], lengths[after])


@pytest.mark.slow
def test_the_last_token_ends_with_the_audio(engine: Engine) -> None:
    chunk = engine.plan("A single line, and a little more.", "en-us")[0]
    spoken = engine.speak_timed(chunk, engine.stock_voice("af_heart"))
    assert len(spoken.token_starts) == len(chunk.tokens) + 1
    assert (np.diff(spoken.token_starts) >= 0).all()
    assert spoken.audio.size - spoken.token_starts[-1] < 0.3 * SAMPLE_RATE


@pytest.mark.slow
def test_words_start_where_their_hiss_does(engine: Engine) -> None:
    """Between a vowel and a hiss the spectrum shows the boundary without any recogniser."""
    texts = {
        "af_heart": "We saw a sail, a ship, a saint, a shore, a sack and a shed.",
        "bm_george": "We saw a sail, a ship, a saint, a shore, a sack and a shed.",
        "ef_dora": "La sopa, la silla, la sal, la selva, la soga y la señal.",
        "if_sara": "La sera, la sorte, la salsa, la scelta, la siepe, la scena.",
    }
    errors = []
    for voice_id, text in texts.items():
        voice = engine.stock_voice(voice_id)
        (chunk,) = engine.plan(text, voice.language, with_words=True)
        spoken = engine.speak_timed(chunk, voice)
        starts = [word.start for word in chunk.words if text[word.start_char] == "s"]
        errors += [spoken.token_starts[start] / SAMPLE_RATE - _hiss_onset(spoken, start) for start in starts]
    assert len(errors) >= 24
    assert abs(np.median(errors)) <= 0.04


def _hiss_onset(spoken: Synthesis, token: int) -> float:
    """Return when the level above 4 kHz rises through half of its peak around a token's start, in seconds."""
    step = SAMPLE_RATE // 200
    first = max(0, int(spoken.token_starts[token]) - SAMPLE_RATE // 8)
    piece = spoken.audio[first : first + SAMPLE_RATE // 4]
    windows = np.lib.stride_tricks.sliding_window_view(piece, 2 * step)[::step] * np.hanning(2 * step)
    levels = np.sqrt(np.square(np.abs(np.fft.rfft(windows, axis=1)[:, 40:])).sum(axis=1))
    peak = int(levels.argmax())
    below = np.flatnonzero(levels[:peak] < levels[peak] / 2)
    return float(first + (int(below[-1]) + 2 if below.size else 0) * step) / SAMPLE_RATE


def _sounds(chunk: Chunk, start: int, end: int) -> str:
    symbols = "".join(_SYMBOLS[token] for token in chunk.tokens[start:end])
    return unicodedata.normalize("NFC", symbols.translate(dict.fromkeys(map(ord, "ˈˌ"))))
