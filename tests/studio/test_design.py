"""A voice that is mixed on the page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.studio.studio_env import PHONE, OpenTab, StudioEnv, StudioTab, clone_by_api
from tests.support.browser import serious_findings
from tests.support.client import GatewayClient
from tests.support.server import wait_until
from voxport.providers.base import StockVoice

pytestmark = [pytest.mark.slow, pytest.mark.folder_only("a browser sends files past the gateway on S3")]
STOCK = [StockVoice("hum", "Hum", "en-us", "female"), StockVoice("buzz", "Buzz", "fr-fr", "male")]


def voices_of(tab: StudioTab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tab.customer.get("/v1/proxy/core-tts-voices?cloned=true").json()["data"]["voices"]
    return found


def slide(tab: StudioTab, label: str, value: str) -> None:
    tab.page.get_by_role("slider", name=re.compile(f"^{label}:")).fill(value)


def tab_with_draft(open_tab: OpenTab, studio: StudioEnv) -> StudioTab:
    studio.provider.stock = STOCK
    tab = open_tab()
    tab.go("Design")
    tab.press("Listen")
    tab.wait_for_audio("audio.currentTime > 0", ".design audio")
    assert len(voices_of(tab)) == 1
    return tab


@pytest.mark.parametrize("size", [{"viewport": {"width": 1280, "height": 900}}, PHONE], ids=["desktop", "phone"])
def test_a_mix_is_heard_at_the_usual_price_and_then_saved_and_deleted_with_its_clone(
    open_tab: OpenTab, studio: StudioEnv, visitor: GatewayClient, sample: bytes, size: dict[str, Any]
) -> None:
    studio.provider.stock = STOCK
    clone_by_api(visitor, sample)
    tab = open_tab(**size)
    tab.expected = lambda error: "409" in error
    tab.go("Design")
    tab.sees("about 0.04 tokens")
    slide(tab, "Share of voice 2", "25")
    slide(tab, "Pitch", "-2")
    slide(tab, "Tone", "0.4")
    tab.sees("67 %")
    tab.sees("−2 semitones")
    tab.sees("brighter by 40 %")
    tab.press("Listen")
    tab.wait_for_audio("audio.currentTime > 0", ".design audio")
    tab.sees("0.02 tokens")
    (draft, clone) = voices_of(tab)
    assert (draft["name"], draft["kind"], draft["recipe"]["pitch"]) == ("Draft", "mix", -2)
    assert [part["weight"] for part in draft["recipe"]["mix"]] == [50, 25]
    assert serious_findings(tab.page) == []
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.page.evaluate(width) == 0
    slide(tab, "Pace", "0.8")
    tab.press("Add a voice")
    tab.page.get_by_label("Name", exact=True).fill("Narrator")
    tab.press("Save the voice")
    tab.sees("Narrator is in your library.")
    tab.page.get_by_label("Name", exact=True).fill("narrator")
    tab.sees("You have a voice of this name already.")
    (mix, _) = voices_of(tab)  # and no draft
    assert (mix["name"], mix["recipe"]["rate"], len(mix["recipe"]["mix"])) == ("Narrator", 0.8, 3)
    tab.go("Library")
    tab.page.locator(".card", has_text="Ana").get_by_role("button", name="Delete").click()
    tab.page.locator(".card", has_text="Ana").get_by_role("button", name="Delete", exact=True).click()
    tab.sees("It can be heard in mixes: Narrator.")
    tab.press("Delete with the mixes")
    tab.press("Delete with the mixes")
    tab.sees("No clones yet.")
    assert voices_of(tab) == []
    assert clone["name"] == "Ana"


def test_a_draft_that_is_left_is_deleted_and_a_refusal_is_shown(open_tab: OpenTab, studio: StudioEnv) -> None:
    tab = tab_with_draft(open_tab, studio)
    with tab.page.expect_response(lambda answer: answer.request.method == "DELETE") as deleted:
        tab.go("Library")
    assert deleted.value.ok
    assert voices_of(tab) == []
    tab.go("Design")
    slide(tab, "Share of voice 1", "0")
    slide(tab, "Share of voice 2", "0")
    expect(tab.page.get_by_role("button", name="Listen")).to_be_disabled()


@pytest.mark.parametrize("leave", ["reload", "close"])
def test_a_draft_goes_when_its_tab_is_closed_or_loaded_again(open_tab: OpenTab, studio: StudioEnv, leave: str) -> None:
    tab = tab_with_draft(open_tab, studio)
    getattr(tab.page, leave)()
    wait_until(lambda: voices_of(tab) == [], seconds=20, what="the draft to go")
