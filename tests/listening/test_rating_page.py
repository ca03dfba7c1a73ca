"""The page of the listening test in a real browser, opened from a file: it plays, keeps votes and saves them."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.quality import listen
from benchmarks.quality.listening.clips import KINDS, LEVEL_LUFS, HeardSpeaker, heard_speaker
from benchmarks.quality.listening.page_folder import write_page
from benchmarks.quality.listening.votes import read_votes
from tests.support.browser import TIMEOUT_MS, WatchedPage, running_chromium, serious_findings
from tests.support.speechlike import speechlike
from voxport.audio.arrays import FloatArray
from voxport.audio.loudness import gated_blocks, lufs

pytestmark = pytest.mark.slow

ABOUT = {"tree": {"commit": "abc"}, "settings": {"sentences": 2}}
SPEAKERS = ("ana", "ben")
LIKENESS = {"recording": 95, "stock": 10, "instant": 40, "old": 60, "new": 80}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two speakers and two screens each, of signals like speech. `<` in the text must do no harm."""
    folder = tmp_path_factory.mktemp("listening") / "page"
    return write_page(folder, [_speaker(name) for name in SPEAKERS], ABOUT, ["A </script> corpus, CC BY 4.0"])


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def watched(chromium: Browser) -> Iterator[WatchedPage]:
    with chromium.new_context() as context:
        watched = WatchedPage(context.new_page())
        yield watched
        assert watched.errors() == []
        assert {url.split(":")[0] for url in watched.requested} <= {"file", "data", "blob"}


@pytest.fixture
def tab(watched: WatchedPage) -> Page:
    return watched.page


def test_a_rater_hears_rates_and_saves_and_the_votes_are_read_back(
    page: Path, watched: WatchedPage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tab = watched.page
    tab.goto(page.as_uri())
    tab.fill("#rater", "Ana | 1")
    _click(tab, "start")
    for number in range(4):
        assert tab.evaluate("document.getElementById('rating-title').textContent") == f"{number + 1} of 4"
        _rate_screen(tab, number)
        _click(tab, "next")
    assert tab.evaluate("document.getElementById('done-text').textContent") == "You rated 4 of 4 screens."
    with tab.expect_download() as download:
        _click(tab, "save")
    assert download.value.suggested_filename == "votes-Ana-1.json"
    saved = tmp_path / "votes-Ana-1.json"
    download.value.save_as(saved)

    (votes,) = read_votes([saved])
    assert votes.page.about()["tree"] == ABOUT["tree"]
    assert [screen.number for screen in votes.screens] == [1, 2, 3, 4]
    for screen in votes.screens:
        assert {candidate.kind for candidate in screen.candidates} == set(KINDS)
        for candidate in screen.candidates:
            assert (candidate.likeness, candidate.plays) == (LIKENESS[candidate.kind], 1)
    listen.main(["--votes", str(saved)])
    printed = capsys.readouterr().out
    assert "| new above old | 4 of 4 | 0 | 100 (100 to 100) % | 20.0 (20.0 to 20.0) |" in printed
    assert "| Ana   1 | headphones | 4 of 4 |" in printed

    assert any(url.endswith(".wav") for url in watched.requested)


def test_the_keyboard_alone_plays_rates_and_moves(page: Path, tab: Page) -> None:
    _start(tab, page)
    for letter in "abcde":
        tab.keyboard.press(letter)
        tab.wait_for_function(f"document.activeElement.id === 'likeness-{letter.upper()}'")
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("4")
    candidates = tab.evaluate("session.screens[0].candidates")
    assert [(each["likeness"], each["naturalness"]) for each in candidates] == [(51, 4)] * 5
    tab.keyboard.press("r")
    tab.wait_for_function("session.screens[0].anchorPlays === 1")
    tab.keyboard.press("n")
    assert tab.evaluate("session.position") == 1
    tab.keyboard.press("p")
    assert tab.evaluate("session.position") == 0
    tab.evaluate("document.getElementById('shortcuts').click()")
    tab.keyboard.press("n")
    assert tab.evaluate("session.position") == 0, "the keys are off"


def test_a_clip_is_rated_only_once_it_was_heard_and_a_screen_is_left_only_when_all_are_rated(
    page: Path, tab: Page
) -> None:
    _start(tab, page)
    assert tab.evaluate("[...document.querySelectorAll('.candidate input')].every(input => input.disabled)")
    _click(tab, "next")
    assert tab.evaluate("document.getElementById('message').textContent") == "Clip A has not been played yet."
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Play clip A"
    assert tab.evaluate("session.position") == 0


def test_a_reload_keeps_the_votes_and_the_place_and_the_order(page: Path, tab: Page) -> None:
    _start(tab, page)
    _rate_screen(tab, 0)
    _click(tab, "next")
    before = tab.evaluate("JSON.stringify(session.screens.map(s => s.candidates))")
    tab.reload()
    assert tab.evaluate("document.getElementById('resume').textContent") == "Go on (1 of 4 rated)"
    _click(tab, "resume")
    assert tab.evaluate("document.getElementById('rating-title').textContent") == "2 of 4"
    assert tab.evaluate("JSON.stringify(session.screens.map(s => s.candidates))") == before


def test_each_rater_has_an_order_of_his_own_that_the_seed_repeats(page: Path, tab: Page) -> None:
    tab.goto(page.as_uri())
    orders = [
        tab.evaluate(f"JSON.stringify(Session.create({seed}).screens.map(s => s.candidates.map(c => c.clip)))")
        for seed in (1, 2, 1)
    ]
    assert orders[0] == orders[2] != orders[1]
    firsts = tab.evaluate(
        "Array.from({length: 300}, (_, seed) => Session.votes(Session.create(seed)).screens[0].candidates[0].kind)"
    )
    assert all(30 < firsts.count(kind) < 95 for kind in KINDS), "each is first about as often"


def test_the_page_fits_a_phone_and_can_be_used_with_a_screen_reader(page: Path, tab: Page) -> None:
    tab.set_viewport_size({"width": 320, "height": 640})
    _start(tab, page)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    expect(tab.get_by_role("button", name="Play clip A")).to_be_visible(timeout=TIMEOUT_MS)
    expect(tab.get_by_role("radio", name="5, excellent").first).to_be_attached()
    assert serious_findings(tab) == []


def test_no_kind_can_be_read_in_the_files_of_the_page(page: Path) -> None:
    for path in [page, page.parent / "page" / "data.js"]:
        content = path.read_text("utf-8")
        assert not [kind for kind in ("stock", "instant", 'recording"', '"old', '"new') if kind in content]
    names = [path.stem for path in (page.parent / "clips").iterdir()]
    assert len(names) == len(SPEAKERS) * (1 + 2 * len(KINDS))
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in names)


def test_all_clips_have_one_loudness(page: Path) -> None:
    for path in (page.parent / "clips").iterdir():
        with wave.open(str(path)) as file:
            audio = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32_767
        assert lufs(float(gated_blocks(audio).mean())) == pytest.approx(LEVEL_LUFS, abs=0.2), path.name


def _speaker(name: str) -> HeardSpeaker:
    recordings = [0.2 * speechlike(seconds, seed) for seed, seconds in enumerate((3.0, 1.0, 1.2))]
    speak: dict[Any, Callable[[str], FloatArray]] = {
        kind: lambda text, seed=seed: (0.05 + 0.2 * seed) * speechlike(1.0, seed + len(text))  # type: ignore[misc]
        for seed, kind in enumerate(KINDS[1:])
    }
    return heard_speaker(name, recordings, speak, ["One < two.", "Three & four."])


def _start(tab: Page, page: Path) -> None:
    tab.goto(page.as_uri())
    _click(tab, "start")


def _click(tab: Page, name: str) -> None:
    tab.click(f"#{name}")


def _rate_screen(tab: Page, number: int) -> None:
    """Play each candidate and rate it by its true kind, which only the test looks up."""
    kinds = [each["kind"] for each in tab.evaluate(f"Session.votes(session).screens[{number}].candidates")]
    for index, kind in enumerate(kinds):
        tab.evaluate(f"document.querySelectorAll('.candidate .play')[{index}].click()")
        tab.wait_for_function(f"session.screens[{number}].candidates[{index}].plays === 1")
        tab.evaluate(
            f"""{{
            const box = document.querySelectorAll('.candidate')[{index}];
            const slider = box.querySelector('input[type=range]');
            slider.value = {LIKENESS[kind]};
            slider.dispatchEvent(new Event('input'));
            box.querySelectorAll('input[type=radio]')[3].click();
            }}"""
        )
