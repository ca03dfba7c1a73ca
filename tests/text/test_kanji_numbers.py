"""Normalising the numbers of Japanese and Chinese texts before they are passed to misaki."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxport.text.eastasian import misaki_symbols
from voxport.text.languages import LANGUAGES
from voxport.text.normalise import normalise_text


@pytest.mark.parametrize(
    ("written", "spoken_text"),
    [
        ("1,250,000円", "百二十五万円"),
        ("300円と1人", "三百円と一人"),
        ("2026年3月4日", "二千二十六年三月よっか"),
        ("11日と2日本", "十一日と二日本"),
        ("3.14と10%", "三点一四と十パーセント"),
        ("午後3:05", "午後三時五分"),
        ("090-1234-5678", "ゼロ九ゼロ、一二三四、五六七八"),
        ("電話09012345678", "電話ゼロ九ゼロ一二三四五六七八"),
        ("٣と⁵と𐩀", "三と五と一"),
    ],
)
def test_a_japanese_number_is_written_in_kanji(written: str, spoken_text: str) -> None:
    assert normalise_text(written, "ja") == spoken_text


@pytest.mark.parametrize(
    ("written", "spoken_text"),
    [
        ("1,250,000元", "1250000元"),
        ("13812345678", "一三八一二三四五六七八"),
        ("010-1234-5678", "零一零、一二三四、五六七八"),
        ("12:30", "12点30分"),
        ("2026年3月4日", "2026年3月4日"),
    ],
)
def test_a_chinese_number_is_one_that_misaki_reads(written: str, spoken_text: str) -> None:
    assert normalise_text(written, "zh") == spoken_text


@pytest.mark.parametrize("language", ["ja", "zh"])
@pytest.mark.parametrize("text", ["9" * 10, "9" * 40, "٣", "⁵" * 12, "㊿" * 7, "𐩀", "0" * 12, "1,000,000,000,000,000"])
def test_no_number_stops_the_front_end(text: str, language: str, tmp_path: Path) -> None:
    if language not in LANGUAGES:
        pytest.skip("not installed")
    assert misaki_symbols(normalise_text(text, language), language, lambda words: words, tmp_path)
