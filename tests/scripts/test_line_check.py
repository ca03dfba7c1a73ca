"""The look at a spoken line: good speech passes, and each kind of fault is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.line_check import FAULTS, check
from benchmarks.quality.spoken_lines import BenchLine, SpokenLine, speak
from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.engine import Engine
from voxport.providers.base import SpokenWord
from voxport.scripts.hearing import Take
from voxport.scripts.line_check import check_line

LINES = [
    BenchLine("en-us", "Take the left tunnel, count to forty, and don't look back.", "am_michael"),
    BenchLine("en-us", "Run!", "af_heart"),
    BenchLine("fr-fr", "Comment s'appelait-il, déjà ?", "ff_siwis"),
    BenchLine("ja", "左のトンネルに入って、何が聞こえても振り返るな。", "jf_alpha"),
]


@pytest.fixture(scope="module")
def spoken(engine: Engine) -> list[SpokenLine]:
    voices = [engine.stock_voice(line.voice) for line in LINES]
    takes = [speak(engine, line.text, line.language, voice) for line, voice in zip(LINES, voices, strict=True)]
    return [SpokenLine(n, line, *take) for n, (line, take) in enumerate(zip(LINES, takes, strict=True))]


@pytest.mark.slow
def test_good_lines_pass(spoken: list[SpokenLine]) -> None:
    for line in spoken:
        assert check(line, line.samples) == ()
        assert check(line, line.samples, has_words=False) == ()


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(spoken: list[SpokenLine], fault: str) -> None:
    for line in spoken:
        assert Take(check(line, FAULTS[fault](line))).is_bad, line.line.text


def test_no_audio_is_silence() -> None:
    for samples in (np.zeros(0, np.int16), np.zeros(5, np.int16), np.ones(SAMPLE_RATE, np.int16)):
        assert [one.code for one in check_line(samples, "Hello.", expected_seconds=0.6)] == ["silent"]


def test_a_pause_that_the_text_asks_for_is_no_gap() -> None:
    samples = np.concatenate([tone(1.0), np.zeros(3 * SAMPLE_RATE, np.int16), tone(1.0), silence(0.1)])
    words = [SpokenWord(0, 3, 0, 0.0, 1.0), SpokenWord(5, 8, 0, 4.0, 5.0)]
    asked = check_line(samples, "One, two", expected_seconds=2, words=words, max_pause_seconds=3.0)
    assert "long_gap" not in [one.code for one in asked]
    unasked = check_line(samples, "One, two", expected_seconds=2, words=words)
    assert "long_gap" in [one.code for one in unasked]


def test_a_level_that_the_text_asks_for_is_not_judged() -> None:
    samples = np.concatenate([tone(1.0, peak=400), silence(0.1)])
    found = check_line(samples, "Hush now", expected_seconds=1)
    assert [(one.code, one.is_bad) for one in found] == [("level", True)]
    assert check_line(samples, "Hush now", expected_seconds=1, has_own_level=True) == ()


def test_audio_that_ends_before_its_last_word_is_cut_off() -> None:
    samples = np.concatenate([tone(1.0), silence(0.1)])
    words = [SpokenWord(0, 5, 0, 0.0, 0.9), SpokenWord(6, 11, 0, 0.9, 1.6)]
    found = check_line(samples, "Hello there", expected_seconds=1, words=words, has_own_level=True)
    assert [one.code for one in found] == ["cut_off"]
    words[1] = replace(words[1], end=1.05)
    assert check_line(samples, "Hello there", expected_seconds=1, words=words, has_own_level=True) == ()


def tone(seconds: float, *, peak: int = 5_900) -> Pcm:
    """A buzz at the loudness of speech."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * 150.3 * times) + 0.4 * np.sin(2 * np.pi * 1201.7 * times)
    return np.round(peak * wave / 1.4).astype(np.int16)


def silence(seconds: float) -> Pcm:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)
