"""axe-core on every screen, with something on it, light and dark, on a desktop and a phone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.studio.studio_env import ADMIN_KEY, PHONE, OpenTab, StudioTab
from tests.studio.test_blind_test import ROUND
from tests.support.browser import serious_findings

pytestmark = [pytest.mark.slow, pytest.mark.folder_only("a browser sends files past the gateway on S3")]

SIZES: dict[str, dict[str, Any]] = {"desktop": {"viewport": {"width": 1280, "height": 900}}, "phone": PHONE}


@pytest.mark.parametrize("size", SIZES)
def test_no_screen_has_a_serious_finding_and_none_is_wider_than_its_window(
    open_tab: OpenTab, sample: bytes, size: str
) -> None:
    tab = open_tab(signed_in=False, **SIZES[size])
    tab.expected = lambda error: "readyz" in error  # the provider has no engine that could be ready
    page = tab.page
    page.goto(f"{tab.url}/studio")
    expect(page.locator(".sign-in")).to_be_visible()
    check(tab)
    tab.sign_in()
    tab.speak()
    tab.sees("0.02 tokens, 2 s")
    page.get_by_text("Earlier files").click()
    tab.sees(" · mp3 · ")
    check(tab)
    tab.go("Clone")
    check(tab)
    tab.choose_file("ana.wav", sample)
    tab.waits_for_verdict()
    check(tab)
    tab.order()
    check(tab)
    tab.press(ROUND)
    tab.sees("Which sounds most like the person?")
    check(tab)
    tab.go("Design")
    tab.sees("Mix these voices")
    check(tab)
    tab.go("Library")
    tab.press("Edit")
    tab.sees("Separated by commas.")
    check(tab)
    tab.press("Delete")
    tab.sees("Delete Ana for good?")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    check(tab)
    tab.go("Jobs")
    tab.sees("Clone · Ana")
    check(tab)
    tab.go("Usage")
    expect(page.locator(".chart")).to_be_visible()
    check(tab)
    tab.go("Keys")
    tab.press("Make a key")
    tab.sees("This is the only time that the key is shown.")
    check(tab)
    page.goto(f"{tab.url}/studio#/operator")
    page.get_by_label("Operator's key").fill(ADMIN_KEY)
    check(tab)
    tab.press("Look")
    tab.sees("Audit log")
    check(tab)


def check(tab: StudioTab) -> None:
    """Runs all rules in the light scheme, and in the dark one those that depend on it."""
    page = tab.page
    for scheme, rules in (("light", None), ("dark", ["color-contrast", "link-in-text-block"])):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
        assert serious_findings(page, rules) == [], (page.url, scheme)
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], page.url
