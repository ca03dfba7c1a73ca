"""The blind test after a clone: the ear chooses between stock, instant and fitted, and pays for each clip once."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.cloning.test_sample_check import wav
from tests.studio.studio_env import StudioEnv, StudioTab
from tests.support.speechlike import speechlike
from voxport.audio.loudness import gated_blocks, lufs
from voxport.billing.verify import verify
from voxport.errors import ProviderFailed

pytestmark = [pytest.mark.slow, pytest.mark.folder_only("a browser reads files past the gateway on S3")]

KINDS = {"Hum (stock voice)", "Instant clone", "Ana (fitted clone)"}
ROUND = re.compile(r"^Make round \d for about 2\.\d+ tokens$")


def choose(tab: StudioTab, letter: str) -> None:
    """Plays all three and chooses one, with the keyboard alone."""
    page = tab.page
    for each in "ABC":
        button = page.get_by_role("button", name=f"Play {each}")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=f"Stop {each}")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("radio", name=letter, exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")


def test_the_ear_chooses_in_two_rounds_then_sees_which_was_which_and_speaks_with_it(
    studio: StudioEnv, tab: StudioTab, sample: bytes
) -> None:
    tab.clone(sample)
    page = tab.page
    tab.sees(
        re.compile(r"This round costs about 2\.\d+ tokens \(at most \d+\.\d+\); 2\.00 of them are the instant clone")
    )
    assert tab.customer.balance()["credits"] == 95.0, "nothing is spent before the button"
    tab.press(ROUND)
    expect(page.get_by_role("heading", name="Round 1")).to_be_focused()
    assert tab.customer.balance()["credits"] == 92.96, "an instant clone and two takes of two seconds"
    blind = page.locator(".blind")
    for name in ("Hum", "Instant", "fitted", "stock"):
        expect(blind).not_to_contain_text(name)
    expect(page.get_by_role("radio", name="A", exact=True)).to_be_disabled()
    choose(tab, "B")
    expect(blind).not_to_contain_text("fitted clone")
    tab.press(ROUND)
    expect(page.get_by_role("heading", name="Round 2")).to_be_focused()
    choose(tab, "B")
    tab.press("Show which was which")
    rows = page.locator(".blind tbody tr")
    expect(rows).to_have_count(2)
    chosen = []
    for row in range(2):
        cells = rows.nth(row).locator("td").all_inner_texts()
        assert set(cells[2:]) == KINDS
        assert cells[1] == f"B: {cells[3]}"
        chosen.append(cells[3])
    tab.sees("You chose" if chosen[0] == chosen[1] else "A tie: you chose each of")
    assert tab.customer.balance()["credits"] == 90.92
    tab.press("Speak with Hum")
    expect(page.get_by_role("combobox", name="Voice")).to_have_value("hum")
    assert verify(tab.customer.gateway.database) == []


def test_a_round_that_fails_in_part_makes_only_the_rest_when_it_is_tried_again(
    studio: StudioEnv, tab: StudioTab, sample: bytes
) -> None:
    tab.expected = lambda error: "502" in error or "503" in error
    tab.clone(sample)

    studio.provider.failure = ProviderFailed("The voice broke.")  # only clones and speech that begins now
    tab.press(ROUND)
    tab.sees("The voice broke.")
    assert tab.customer.balance() == {"balance": 95.0, "credits": 95.0, "held": 0.0, "currency": "token"}
    studio.provider.failure = None
    studio.provider.can_clone = True

    tab.page.route("**/v1/blobs/**", lambda route: route.abort())
    tab.expected = lambda error: "ERR_FAILED" in error or "502" in error or "503" in error
    tab.press(ROUND)
    tab.sees("its file could not be read")
    assert tab.customer.balance()["credits"] == 92.96
    tab.page.unroute("**/v1/blobs/**")
    tab.press(ROUND)
    expect(tab.page.get_by_role("heading", name="Round 1")).to_be_visible()
    assert tab.customer.balance()["credits"] == 92.96, "what was paid for is not made again"


def test_clips_are_brought_to_the_loudness_of_the_softest(tab: StudioTab) -> None:
    clips = [0.1 * speechlike(3, 1), 0.9 * speechlike(2, 2), 0.4 * speechlike(2, 3), np.zeros(24_000, np.float32)]
    files = [base64.b64encode(wav(clip)).decode() for clip in clips]
    gains = tab.page.evaluate(
        """async (files) => {
            const root = document.querySelector("script[type=module]").src.replace("main.js", "loudness.js");
            const { matched } = await import(root);
            const decoded = files.map((file) => Uint8Array.from(atob(file), (one) => one.charCodeAt(0)).buffer);
            return (await matched(decoded)).map(({ gain }) => gain);
        }""",
        files,
    )
    adjusted = [(clip * gain).astype(np.float32) for clip, gain in zip(clips[:3], gains[:3], strict=True)]
    levels = [lufs(float(gated_blocks(clip).mean())) for clip in adjusted]
    assert levels == pytest.approx([levels[0]] * 3, abs=0.3)
    assert gains[0] == 1
    assert gains[3] == 1, "silence stays silence"
    assert max(gains) == 1, "nothing is made louder, so nothing clips"
