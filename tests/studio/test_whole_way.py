"""The Studio in a real Chromium: the whole way of a customer, against a gateway whose provider speaks a tone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import MakeGateway
from tests.studio.studio_env import OTHER_NAME, LenientSamples, OpenTab, StudioEnv, StudioTab
from tests.support.client import PUBLIC_URL, GatewayClient, open_client
from tests.support.fake_provider import FakeProvider
from tests.support.server import serving
from voxport.billing.verify import verify
from voxport.providers.base import SAMPLE_RATE
from voxport.studio.sign_in_links import SignInLinks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.folder_only("a browser sends files past the gateway on S3; test_s3.py has that"),
]


def test_a_customer_signs_in_clones_speaks_and_looks(
    visitor: GatewayClient, open_tab: OpenTab, sample: bytes, tmp_path: Path
) -> None:
    tab = open_tab(signed_in=False)
    page = tab.page
    tab.expected = lambda error: "401" in error  # the wrong key's
    page.goto(f"{tab.url}/")
    page.wait_for_url("**/studio")
    page.get_by_label("API key").fill("vxp_wrong")
    tab.press("Sign in")
    tab.sees("The API key is mistyped")
    page.get_by_label("API key").fill(visitor.key)
    tab.press("Sign in")
    expect(page.get_by_role("textbox", name="Text")).to_be_visible()

    tab.clone(sample)
    assert visitor.balance()["credits"] == 95.0, "the check is free, and the clone is charged once"
    consents = visitor.gateway.consents.page(profile_id=visitor.profile_id, limit=10, cursor=None).rows
    assert [one.speaker for one in consents] == ["Ana Lopez"]
    tab.press("Hear it (about 0.03 tokens)")
    expect(page.locator("audio")).to_have_count(2)
    tab.press("Speak with it")

    take = tab.speak()
    tab.sees("0.02 tokens, 2 s")
    tab.wait_for_audio("audio.duration > 1.9 && !audio.error && audio.src.includes('/v1/blobs/')")
    expect(take).to_contain_text("Ana")
    with page.expect_download() as download:
        take.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "take.mp3")
    assert (tmp_path / "take.mp3").stat().st_size > 30_000, "two seconds at 128 kbit/s"
    take.get_by_role("button", name="Delete").click()
    take.get_by_role("button", name="Delete").click()
    expect(page.locator(".take")).to_have_count(0)
    assert visitor.get("/v1/media?kind=speech").json()["data"][1:] == [], "only the line of the clone's screen is left"

    tab.go("Library")
    tab.press("Delete")
    tab.sees("Delete Ana for good?")
    tab.press("Delete")
    tab.sees("No clones yet")
    tab.go("Jobs")
    tab.sees("Clone · Ana")
    tab.go("Usage")
    tab.sees("94.96")
    expect(page.locator(".chart rect:not(.none)")).to_have_count(1)
    tab.go("Keys")
    tab.sees("API keys")
    tab.press("Sign out")
    expect(page.locator(".sign-in")).to_be_visible()
    assert page.evaluate("JSON.stringify(Object.keys(sessionStorage))") == "[]"
    assert verify(visitor.gateway.database) == []


def test_a_link_signs_in_once(studio: StudioEnv, visitor: GatewayClient, open_tab: OpenTab) -> None:
    links = SignInLinks(visitor.gateway.settings.data_dir)
    link = links.create(visitor.profile_id, studio.url)
    tab = open_tab(signed_in=False)
    tab.page.goto(link.page.as_uri())
    expect(tab.page.get_by_role("textbox", name="Text")).to_be_visible()
    assert tab.page.evaluate("location.hash") == "#/speak", "the token is out of the address"
    again = open_tab(signed_in=False)
    again.expected = lambda error: "403" in error
    again.page.goto(link.url)
    again.sees("This link was used before")


def test_a_take_is_heard_while_it_is_made_and_then_its_file_from_the_same_place(
    studio: StudioEnv, tab: StudioTab
) -> None:
    is_heard = threading.Event()
    studio.provider.samples, studio.provider.pieces = 8 * SAMPLE_RATE, 8

    def wait_for_listener(number: int) -> None:
        if number == 5:
            is_heard.wait(60)

    studio.provider.on_piece = wait_for_listener
    tab.speak()
    tab.wait_for_audio("audio.currentTime > 0.5")
    assert "/studio/live/" in tab.page.evaluate("document.querySelector('.take audio').src")
    assert tab.customer.balance()["held"] > 0, "the call goes on"
    tab.page.evaluate("document.querySelector('.take audio').pause()")
    is_heard.set()
    tab.wait_for_audio("audio.src.includes('/v1/blobs/') && audio.duration > 7.9 && audio.currentTime > 0.4")
    assert tab.page.evaluate("document.querySelector('.take audio').paused")
    tab.page.evaluate("document.querySelector('.take audio').currentTime = 6")
    tab.wait_for_audio("!audio.seeking && audio.currentTime === 6")


def test_a_recording_from_the_microphone_is_checked(tab: StudioTab, sample: bytes) -> None:
    tab.go("Clone")
    tab.press("Record")
    tab.page.wait_for_function("() => parseInt(document.querySelector('[role=timer]')?.textContent) >= 4")
    assert tab.page.get_by_role("meter").get_attribute("aria-valuenow") is not None
    tab.press("Stop")
    tab.waits_for_verdict()
    (uploaded,) = tab.customer.get("/v1/media").json()["data"]
    assert uploaded["content_type"].startswith("audio/")
    assert uploaded["size_bytes"] > 5_000


def test_without_https_under_a_path_the_page_says_that_there_is_no_microphone_and_does_all_the_rest(
    make_gateway: MakeGateway, open_tab: OpenTab, sample: bytes
) -> None:
    provider = FakeProvider(samples=2 * SAMPLE_RATE, pieces=2)
    gateway = make_gateway(providers=[provider], samples=LenientSamples, public_url=f"{PUBLIC_URL}/voice")
    customer = open_client(gateway)
    with serving(customer) as port:
        other = f"http://{OTHER_NAME}:{port}/voice"
        tab = open_tab(customer=customer, url=other)
        assert tab.page.evaluate("isSecureContext") is False
        tab.speak()
        tab.sees("0.02 tokens, 2 s")
        tab.wait_for_audio(f"audio.duration > 1.9 && audio.src.startsWith('{other}')")
        tab.go("Clone")
        tab.sees("This address has no microphone")
        tab.choose_file("ana.wav", sample)
        tab.waits_for_verdict()
        tab.page.close()
