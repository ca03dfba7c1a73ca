"""What a recogniser heard, against the text of a line."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE
from voxport.scripts.hearing import Take, compare_heard, is_better
from voxport.scripts.line_check import Finding
from voxport.scripts.recogniser import open_recogniser


@pytest.mark.parametrize(
    ("text", "heard", "language"),
    [
        ("Who is there?", "who is there", "en-us"),
        ("It costs $3.50.", "It costs three dollars and fifty cents.", "en-us"),
        ("Meet me at three.", "Meet me at 3.", "en-us"),
        ("Run, Kaelithrax!", "Run Kay Lithracks.", "en-us"),
        ("Xyr'thul awakens.", "Zerthool awakens", "en-us"),
        ("No.", "Now.", "en-us"),
        ("Über die Straße", "UBER DIE STRASSE", "en-us"),
        ("Le numéro 21", "Le numéro vingt et un.", "fr-fr"),
        ("……", "Thank you.", "en-us"),
        ("यह दवा खाने के बाद लीजिए।", "یہ دوا کھانے کے بعد لیجئے", "hi"),
        ("Silêncio!", "Silêncio silêncio silêncio silêncio silêncio", "pt-br"),
    ],
)
def test_what_sounds_right_passes(text: str, heard: str, language: str) -> None:
    assert compare_heard(text, heard, language).findings == ()


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Take the left tunnel, count to forty, and don't look back.", "Take the left tunnel."),
        ("The bridge is out; we'll have to swim.", "Thanks for watching, and please subscribe to the channel."),
        ("Nobody answered.", ""),
        ("No.", ""),
        ("Who is there?", "Who is there? Who is there? Who is there?"),
    ],
)
def test_what_sounds_wrong_is_bad_and_says_what_was_heard(text: str, heard: str) -> None:
    take = compare_heard(text, heard, "en-us")
    assert take.is_bad
    assert [one.code for one in take.findings] == ["misheard"]
    assert (heard or "No word") in take.findings[0].message


def test_sounds_forgive_what_is_spelt_in_another_way() -> None:
    sounds = {"橋の端を走る": "haɕi no haɕi o haɕiɾɯ", "箸の橋をはしる": "haɕi no haɕi o haɕiɾɯ"}
    take = compare_heard("橋の端を走る", "箸の橋をはしる", "ja", sounds=lambda texts: [sounds[text] for text in texts])
    assert (take.findings, take.error_rate) == ((), 0.0)


def test_a_very_long_transcript_is_shown_in_part() -> None:
    take = compare_heard("Yes, my lady.", "no " * 500, "en-us")
    assert len(take.findings[0].message) < 300


def test_the_better_take_is_kept_and_the_earlier_one_of_equals() -> None:
    bad, note = Finding("cut_off", "x"), Finding("level", "x", is_bad=False)
    good, worse, noted = Take(error_rate=0.05), Take(error_rate=0.3), Take((note,), 0.05)
    assert is_better(good, Take((bad,)))
    assert is_better(good, worse)
    assert is_better(good, noted)
    assert not is_better(good, Take(error_rate=0.051))
    assert not is_better(Take((bad,)), worse)


def test_without_a_setting_there_is_no_recogniser() -> None:
    assert open_recogniser(None, model=None) is None


def test_a_recogniser_that_is_not_installed_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(ValueError, match=r"no package brings 'nobody'.*installed: .*faster-whisper"):
        open_recogniser("nobody", model=None)


def test_faster_whisper_without_a_model_says_what_it_needs(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    for model in (None, tmp_path):
        with pytest.raises(ValueError, match="VOXPORT_RECOGNISER"):
            open_recogniser("faster-whisper", model=model)


def test_a_package_of_the_operator_brings_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "acme_ears-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-ears\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[voxport.recognisers]\nacme = acme_ears:open_it\n")
    (tmp_path / "acme_ears.py").write_text(
        "class Ears:\n    def transcribe(self, samples, language):\n        return f'{len(samples)} {language}'\n"
        "def open_it(*, model):\n    return Ears()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme_ears", raising=False)
    recogniser = open_recogniser("acme", model=None)
    assert recogniser is not None
    assert recogniser.transcribe(np.zeros(SAMPLE_RATE, np.int16), "en-us") == "24000 en-us"
