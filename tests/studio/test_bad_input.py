"""What goes wrong at the page: each says what happened and what to do, and nothing is charged twice."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.cloning.test_sample_check import wav
from tests.conftest import MakeGateway
from tests.studio.studio_env import PHONE, LenientSamples, OpenTab, StudioEnv, StudioTab, clone_by_api
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import FakeProvider
from tests.support.jobs import work
from tests.support.server import serving, serving_on
from voxport.audio.codec.mp3 import Mp3Encoder
from voxport.billing.verify import verify
from voxport.errors import ProviderUnavailable
from voxport.providers.base import SAMPLE_RATE

pytestmark = [pytest.mark.slow, pytest.mark.folder_only("a browser sends files past the gateway on S3")]

GIB = 1 << 30


def expect_error(tab: StudioTab, *parts: str) -> None:
    """The browser logs the failure that the test provokes."""
    tab.expected = lambda error: any(part in error for part in parts)


def captures(customer: GatewayClient) -> list[float]:
    """What was charged, oldest first."""
    rows = customer.get("/v2/billing/ledger").json()["data"]
    assert verify(customer.gateway.database) == []
    return [-row["tokens"] for row in reversed(rows) if row["kind"] == "capture"]


def revoke_session(customer: GatewayClient) -> None:
    with customer.gateway.database.transaction() as tx:
        for row in customer.gateway.accounts.list_keys(customer.profile_id):
            if row.name == "Studio":
                customer.gateway.accounts.revoke_key(tx, row.id)


def test_without_credits_nothing_is_made(studio: StudioEnv, open_tab: OpenTab, sample: bytes) -> None:
    poor = studio.first.another_customer(credits="0")
    tab = open_tab(customer=poor)
    expect_error(tab, "402")
    tab.speak()
    tab.sees(re.compile("credits|tokens"))
    expect(tab.page.locator(".take [role=alert]")).to_contain_text("0")
    tab.go("Clone")
    tab.choose_file("ana.wav", sample)
    tab.sees("These are not enough.")
    assert captures(poor) == []


def test_a_revoked_key_leads_to_the_sign_in_with_the_reason(tab: StudioTab) -> None:
    expect_error(tab, "401")
    customer = tab.customer
    with customer.gateway.database.transaction() as tx:
        for row in customer.gateway.accounts.list_keys(customer.profile_id):
            customer.gateway.accounts.revoke_key(tx, row.id)
    tab.page.get_by_role("link", name="Usage", exact=True).click()
    expect(tab.page.locator(".sign-in")).to_be_visible()
    tab.sees("The API key was revoked.")


def test_a_provider_that_is_down_costs_nothing_and_can_be_asked_again(studio: StudioEnv, tab: StudioTab) -> None:
    expect_error(tab, "503")
    studio.provider.failure = ProviderUnavailable("The provider local does not answer. Try again in a minute.")
    take = tab.speak()
    expect(take.get_by_role("alert")).to_contain_text("The provider local does not answer.")
    assert captures(tab.customer) == []
    studio.provider.failure = None
    take.get_by_role("button", name="Try again").click()
    tab.sees("0.02 tokens, 2 s")
    assert captures(tab.customer) == [0.02]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.wav", b"", "The file is empty."),
        ("notes.wav", b"These are notes, and no sound at all. " * 50, "This is no audio or video that can be read."),
        ("cut.mp4", b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 3000, "The file is damaged or incomplete."),
        ("silence.wav", wav(np.zeros(5 * SAMPLE_RATE)), "The recording is silent."),
    ],
)
def test_a_file_that_can_t_be_cloned_says_why_before_anything_is_paid(
    tab: StudioTab, name: str, content: bytes, sentence: str
) -> None:
    expect_error(tab, "400")
    tab.go("Clone")
    tab.choose_file(name, content)
    tab.sees(sentence)
    assert captures(tab.customer) == []
    assert tab.customer.get("/v2/jobs").json()["data"] == []


def test_a_video_over_the_limit_is_refused_before_it_is_sent(open_tab: OpenTab, tmp_path: Path) -> None:
    tab = open_tab(**PHONE)
    video = tmp_path / "holiday.mp4"
    with video.open("wb") as file:
        file.truncate(GIB + 1)
    tab.go("Clone")
    before = set(tab.requested)
    tab.page.locator("#sample-file").set_input_files(video)
    tab.sees(re.compile(r"The file has 1\.\d+ GB"))
    tab.sees("Cut it")
    assert not [url for url in tab.requested - before if "upload-media" in url]


def test_an_upload_that_breaks_off_is_sent_again_by_a_button(tab: StudioTab, sample: bytes) -> None:
    expect_error(tab, "ERR_FAILED")
    tab.page.route(
        "**/v1/blobs/**", lambda route: route.abort() if route.request.method == "PUT" else route.continue_()
    )
    tab.go("Clone")
    tab.choose_file("ana.wav", sample)
    tab.sees("The connection broke while the file was sent. Nothing was charged: send it again.")
    tab.page.unroute("**/v1/blobs/**")
    tab.press("Try again")
    tab.waits_for_verdict()
    assert captures(tab.customer) == []


def test_an_answer_that_is_lost_is_asked_for_again_and_charged_once(tab: StudioTab) -> None:
    expect_error(tab, "ERR_FAILED")
    lost = 0

    def lose_answers(route: Any) -> None:
        """The call arrives, and its answer does not."""
        nonlocal lost
        route.fetch()
        lost += 1
        route.abort()

    tab.page.route("**/studio/takes", lose_answers)
    tab.page.clock.install()
    take = tab.speak()
    for _ in range(200):
        if take.get_by_role("alert").count():
            break
        tab.page.clock.run_for(1000)
    expect(take.get_by_role("alert")).to_contain_text("What was paid for is not charged again: try again.")
    assert lost == 4, "three times by itself"
    tab.page.unroute("**/studio/takes")
    take.get_by_role("button", name="Try again").click()
    tab.sees("0.02 tokens, 2 s")
    assert captures(tab.customer) == [0.02]


def test_an_order_whose_answer_was_lost_is_paid_once_by_a_later_key_too(tab: StudioTab) -> None:
    expect_error(tab, "ERR_FAILED", "401")
    asked = 0

    def lose_the_first(route: Any) -> None:
        """The call arrives; its answer does not, and the key ends before the call is sent again."""
        nonlocal asked
        asked += 1
        if asked > 1:
            route.continue_()
            return
        route.fetch()
        revoke_session(tab.customer)
        route.abort()

    tab.page.route("**/studio/takes", lose_the_first)
    tab.speak()
    expect(tab.page.locator(".sign-in")).to_be_visible()
    tab.sign_in()
    tab.speak()
    tab.sees("0.02 tokens, 2 s")
    assert captures(tab.customer) == [0.02]


def test_with_twenty_orders_unsettled_a_new_one_is_not_begun(tab: StudioTab) -> None:
    tab.page.evaluate("""() => {
      const at = Date.now();
      const calls = Array.from({ length: 20 }, (_, number) => ({ order: `${number}`, key: `${number}`, body: {}, at }));
      sessionStorage.setItem("voxport-unsettled", JSON.stringify(calls));
    }""")
    take = tab.speak()
    expect(take.get_by_role("alert")).to_contain_text("20 orders have no answer yet.")
    assert captures(tab.customer) == []
    kept = tab.page.evaluate("JSON.parse(sessionStorage.getItem('voxport-unsettled')).length")
    assert kept == 20


@pytest.mark.parametrize("signs_out", [False, True])
def test_another_profile_in_the_same_tab_finds_nothing_of_the_first(
    studio: StudioEnv, tab: StudioTab, signs_out: bool
) -> None:
    tab.go("Library")
    tab.page.get_by_role("button", name=re.compile("^Preview")).first.click()
    expect(tab.page.locator("audio")).to_have_count(1)
    tab.go("Speak")
    tab.speak("A text of the first.")
    tab.sees("0.02 tokens, 2 s")
    tab.page.get_by_role("textbox", name="Text").fill("A draft of the first.")
    tab.page.evaluate("sessionStorage.setItem('voxport-unsettled', '[]')")
    if signs_out:
        tab.press("Sign out")
    tab.customer = studio.first.another_customer()
    tab.sign_in()
    tab.sees("100")
    expect(tab.page.get_by_role("textbox", name="Text")).to_have_value("")
    expect(tab.page.locator(".take")).to_have_count(0)
    assert tab.page.evaluate("sessionStorage.getItem('voxport-unsettled')") is None
    tab.go("Library")
    expect(tab.page.get_by_role("button", name=re.compile("^Preview")).first).to_be_visible()
    expect(tab.page.locator("audio")).to_have_count(0)


def test_a_page_that_is_loaded_again_in_the_middle_of_a_call_pays_once(studio: StudioEnv, tab: StudioTab) -> None:
    expect_error(tab, "ERR_")
    has_begun, goes_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        has_begun.set()
        goes_on.wait(60)

    studio.provider.on_piece = wait
    tab.speak()
    assert has_begun.wait(60)
    tab.page.reload()
    tab.sees("The page was closed while this was spoken.")
    goes_on.set()
    tab.press("Try again")
    tab.sees("0.02 tokens, 2 s")
    assert captures(tab.customer) == [0.02]


def test_a_sound_that_breaks_off_goes_on_in_the_file_from_there(studio: StudioEnv, tab: StudioTab) -> None:
    has_broken = threading.Event()

    def wait(number: int) -> None:
        if number == 1:
            has_broken.wait(60)

    studio.provider.on_piece = wait
    studio.provider.samples = 4 * SAMPLE_RATE
    encoder = Mp3Encoder()
    first_second = encoder.encode(np.full(SAMPLE_RATE, 1000, np.int16)) + encoder.finish()
    tab.page.route(
        "**/studio/live/**", lambda route: route.fulfill(body=first_second, headers={"Content-Type": "audio/mpeg"})
    )
    tab.speak()
    tab.wait_for_audio("audio.ended")
    has_broken.set()
    tab.wait_for_audio("audio.src.includes('/v1/blobs/') && audio.played.length && audio.currentTime > 1.5")
    assert tab.page.evaluate("document.querySelector('.take audio').played.start(0)") > 0.8, "it did not start again"
    assert captures(tab.customer) == [0.04]


def test_two_takes_of_the_same_text_at_once_are_two(studio: StudioEnv, tab: StudioTab) -> None:
    goes_on = threading.Event()

    def wait(_: int) -> None:
        goes_on.wait(60)

    studio.provider.on_piece = wait
    tab.speak()
    tab.press("Speak")
    expect(tab.page.locator(".take")).to_have_count(2)
    goes_on.set()
    expect(tab.page.get_by_text("0.02 tokens, 2 s")).to_have_count(2)
    assert len(tab.customer.get("/v1/media?kind=speech").json()["data"]) == 2


def test_in_two_tabs_what_one_deletes_is_gone_in_the_other_and_said(
    visitor: GatewayClient, open_tab: OpenTab, sample: bytes
) -> None:
    clone_by_api(visitor, sample)
    first, second = open_tab(), open_tab()
    expect(second.page.get_by_role("combobox", name="Voice").locator("option", has_text="Ana")).to_be_attached()
    first.go("Library")
    first.press("Delete")
    first.press("Delete")
    first.sees("No clones yet")
    expect_error(second, "404")
    take = second.speak()
    expect(take.get_by_role("alert")).to_be_visible()
    expect(second.page.get_by_role("combobox", name="Voice")).to_have_value("hum")
    assert captures(first.customer) == [5.0]


def test_a_screen_that_is_opened_while_the_gateway_is_away_says_so_and_comes_with_it(tab: StudioTab) -> None:
    expect_error(tab, "ERR_FAILED", "screens/usage.js")
    pattern = re.compile(r"/screens/usage\.js|/healthz")
    tab.page.route(pattern, lambda route: route.abort())
    tab.go("Usage")
    tab.sees("The gateway does not answer.")
    tab.press("Try again")
    tab.sees("The gateway does not answer.")
    tab.page.unroute(pattern)
    tab.press("Try again")
    tab.sees("Spent in 30 days")


def test_a_page_that_stays_open_over_a_restart_says_so_and_goes_on(
    make_gateway: MakeGateway, open_tab: OpenTab, sample: bytes
) -> None:
    provider = FakeProvider(samples=2 * SAMPLE_RATE, pieces=2)
    customer = open_client(make_gateway(providers=[provider], samples=LenientSamples))
    with serving(customer) as port:
        tab = open_tab(customer=customer, url=f"http://127.0.0.1:{port}")
        expect_error(tab, "ERR_")
        tab.go("Clone")
        tab.choose_file("ana.wav", sample)
        tab.waits_for_verdict()
        tab.page.get_by_label("Name of the voice").fill("Ana")
        tab.page.get_by_label("Who speaks").fill("Ana Lopez")
        tab.page.get_by_role("checkbox").check()
        tab.press(re.compile("^Clone for"))
        tab.sees("Waiting for its turn")
        customer.app.state.event_hub.close()
    tab.sees("The connection to the gateway is lost. The job goes on there")
    with serving_on(socket.create_server(("127.0.0.1", port)), customer):
        expect(tab.page.get_by_text("The connection to the gateway is lost.")).to_have_count(0)
        work(customer, customer.get("/v2/jobs").json()["data"][0]["id"])
        tab.sees("Ana is ready")
        assert captures(customer) == [5.0]
        tab.page.goto("about:blank")
