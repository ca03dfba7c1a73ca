"""Japanese and Chinese; skipped if their packages are absent."""

from __future__ import annotations

import subprocess
import sys

import pytest

from voxport.engine import LANGUAGES, TextNotSpeakable
from voxport.engine.kokoro.planner import plan
from voxport.text.languages import ESPEAK_LANGUAGES, MISAKI_LANGUAGES
from voxport.text.phonemes import vocabulary
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols

pytestmark = pytest.mark.skipif(
    not set(MISAKI_LANGUAGES) <= set(LANGUAGES), reason="Japanese and Chinese are not installed: run `make eastasian`"
)

GOLDEN = {
    "zh": (
        "渡轮早上七点离开小岛，全村的人都来了。",
        "tu↘lwə↗n ʦau↓ʂa↘ŋ ʨʰi→tjɛ↓n li↗kʰai→ ɕjau↓tau↓, ʨʰɥɛ↗nʦʰwə→n tɤ ɻə↗n tou→ lai↗ lɤ.",
    ),
    "ja": ("フェリーは朝七時に島を出て、帰ってくる。", "ɸeɾʲiː βa asa ɕiʨiʥi ɲi ɕima o dete, kaeʔte kɯɾɯ."),
}


@pytest.mark.parametrize("language", MISAKI_LANGUAGES)
def test_a_sentence_becomes_the_symbols_that_the_network_learnt(language: str, phonemizer: Phonemizer) -> None:
    text, symbols = GOLDEN[language]
    assert sentence_symbols([text], language, phonemizer) == [symbols]
    assert set(symbols) <= set(vocabulary())


@pytest.mark.parametrize(
    ("language", "text"),
    [("zh", "价格是35.5元，今天是2026年11月25日。"), ("ja", "今日は2026年11月25日で、35人が来た。")],
)
def test_numbers_are_read(language: str, text: str, phonemizer: Phonemizer) -> None:
    (symbols,) = sentence_symbols([text], language, phonemizer)
    assert not any(character.isdigit() for character in symbols)
    assert set(symbols) <= set(vocabulary())


@pytest.mark.parametrize(("language", "text"), [("zh", "我用 Python 写程序。"), ("ja", "私は Python を使います。")])
def test_english_words_in_between_are_read_as_english(language: str, text: str, phonemizer: Phonemizer) -> None:
    (symbols,) = sentence_symbols([text], language, phonemizer)
    assert phonemizer.symbols(["Python"], "en-us")[0] in symbols
    assert "Python" not in symbols


@pytest.mark.parametrize(("language", "mark"), [("zh", "。"), ("ja", "。")])
def test_a_long_text_without_spaces_is_cut_at_its_sentences(language: str, mark: str, phonemizer: Phonemizer) -> None:
    sentence = GOLDEN[language][0]
    chunks = plan(sentence * 30, language, phonemizer)
    assert len(chunks) > 8
    assert all(chunk.text.endswith(mark) for chunk in chunks)
    assert "".join(chunk.text.replace(" ", "") for chunk in chunks) == sentence * 30
    one_sentence = sentence.replace("。", "，") * 30
    assert all(1 <= len(chunk.tokens) <= 220 for chunk in plan(one_sentence, language, phonemizer))
    unbroken = sentence[:5] * 300
    assert all(1 <= len(chunk.tokens) <= 220 for chunk in plan(unbroken, language, phonemizer))


@pytest.mark.parametrize(("language", "foreign"), [("zh", "नाव सुबह सात बजे"), ("ja", "Привет, как дела")])
def test_another_alphabet_is_refused(language: str, foreign: str, phonemizer: Phonemizer) -> None:
    with pytest.raises(TextNotSpeakable) as refusal:
        plan(foreign, language, phonemizer)
    assert set(MISAKI_LANGUAGES) <= set(refusal.value.spoken)


def test_chinese_kana_is_not_chinese_and_hanzi_alone_is_both(phonemizer: Phonemizer) -> None:
    with pytest.raises(TextNotSpeakable):
        plan("フェリーがでる", "zh", phonemizer)
    assert plan("東京大学", "ja", phonemizer) and plan("東京大学", "zh", phonemizer)


def test_without_the_packages_neither_is_offered() -> None:
    program = (
        "import importlib.util as u; found = u.find_spec;"
        "u.find_spec = lambda name, *rest: None if name == 'misaki' else found(name, *rest);"
        "from voxport.engine import LANGUAGES, stock_voice_list;"
        f"assert LANGUAGES == {ESPEAK_LANGUAGES!r};"
        "assert not {voice.language for voice in stock_voice_list()} & {'ja', 'zh'}"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
