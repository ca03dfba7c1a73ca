"""The Studio in a real Chromium: the whole way of a customer, against a gateway whose provider speaks a tone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cloning.test_sample_check import wav
from tests.support.chromium import Chromium, running_chromium
from tests.support.client import PUBLIC_URL, GatewayClient, open_client
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.jobs import work
from tests.support.server import serving
from tests.support.speechlike import speechlike
from voxport.errors import SampleUnusable
from voxport.providers.base import SAMPLE_RATE
from voxport.studio.sign_in_links import SignInLinks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.folder_only("a browser sends files past the gateway on S3, where the bucket needs a CORS rule"),
]

FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
OTHER_NAME = "studio.test"
"""A name of this machine that the browser does not know as such."""


@pytest.fixture
def path() -> str:
    """The path of the gateway's public address."""
    return ""


@pytest.fixture
def customer(make_gateway: Any, path: str) -> GatewayClient:
    provider = FakeProvider(samples=2 * SAMPLE_RATE, pieces=2)
    return open_client(with_fake_provider(make_gateway, provider, public_url=PUBLIC_URL + path).gateway)


@pytest.fixture
def url(customer: GatewayClient, path: str) -> Iterator[str]:
    with serving(customer) as port:
        yield f"http://127.0.0.1:{port}{path}"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with running_chromium(
        tmp_path / "chromium", *FAKE_MICROPHONE, f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1"
    ) as browser:
        yield browser


def press(browser: Chromium, label: str) -> None:
    """Press the last button or link with this text, once it is there."""
    is_it = f"one => one.textContent.trim() === {json.dumps(label)} && !one.disabled"
    found = f"[...document.querySelectorAll('button, a.button')].findLast({is_it})"
    browser.wait_for(f"!!{found}")
    browser.run(f"{found}.click()")


def sees(browser: Chromium, text: str) -> None:
    browser.wait_for(f"document.body.innerText.includes({json.dumps(text)})")


def go(browser: Chromium, screen: str) -> None:
    browser.run(f"location.hash = '#/{screen}'")
    browser.wait_for(f"document.querySelector('[aria-current=page]')?.getAttribute('href') === '#/{screen}'")


def sign_in(browser: Chromium, client: GatewayClient, url: str) -> None:
    link = SignInLinks(client.gateway.settings.data_dir).create(client.profile_id, url)
    browser.open(link.page)
    browser.wait_for("!!document.querySelector('textarea')")


def test_a_customer_signs_in_speaks_clones_and_looks(
    customer: GatewayClient, url: str, browser: Chromium, tmp_path: Path
) -> None:
    browser.open(f"{url}/")
    browser.wait_for("location.pathname === '/studio' && !!document.querySelector('.sign-in input')")
    browser.fill(".sign-in input", "vxp_wrong")
    press(browser, "Sign in")
    sees(browser, "The API key is mistyped")
    sign_in(browser, customer, url)
    assert browser.run("location.hash") == "#/speak", "the token is out of the address"

    browser.fill("textarea", "The ferry leaves at seven.")
    sees(browser, "tokens (at most")
    press(browser, "Speak")
    sees(browser, "0.02 tokens, 2 s")
    player = "document.querySelector('.take audio')"
    browser.wait_for(f"{player}.duration > 1.9 && !{player}.error && {player}.src.includes('/v1/blobs/')")
    assert customer.balance()["credits"] == 99.98

    go(browser, "clone")
    browser.wait_for("!!document.querySelector('#sample-file')")
    sample = tmp_path / "ana.wav"
    sample.write_bytes(wav(speechlike(4)))
    browser.choose_file("#sample-file", sample)
    sees(browser, "Excellent")
    assert customer.balance()["credits"] == 99.98, "the check is free"
    browser.fill("form .field:nth-of-type(1) input", "Ana")
    browser.fill("form .field:nth-of-type(2) input", "Ana Lopez")
    browser.click("form input[type=checkbox]")
    press(browser, "Clone for 5.00 tokens")
    sees(browser, "Waiting for its turn")
    (job,) = customer.get("/v2/jobs").json()["data"]
    work(customer, job["id"])
    sees(browser, "Ana is ready")
    press(browser, "Hear it (about 0.03 tokens)")
    browser.wait_for("document.querySelectorAll('audio').length === 2")
    assert customer.balance()["credits"] == 94.96
    consents = customer.gateway.consents.page(profile_id=customer.profile_id, limit=10, cursor=None).rows
    assert [one.speaker for one in consents] == ["Ana Lopez"]

    go(browser, "library")
    sees(browser, "My clones")
    press(browser, "Delete")
    sees(browser, "Delete Ana for good?")
    press(browser, "Delete")
    sees(browser, "No clones yet")
    go(browser, "jobs")
    sees(browser, "Clone · Ana")
    go(browser, "usage")
    sees(browser, "94.96")
    browser.wait_for("document.querySelectorAll('.chart rect:not(.none)').length === 1")
    go(browser, "keys")
    sees(browser, "Until")
    press(browser, "Sign out")
    browser.wait_for("!!document.querySelector('.sign-in')")
    assert browser.run("JSON.stringify(Object.keys(sessionStorage))") == "[]"

    hosts = {one for one in browser.requested() if not one.startswith((url, "data:", "blob:", "file:"))}
    assert hosts == set(), "no other host is asked"
    assert [one for one in browser.errors() if "401" not in one] == [], "401 is the wrong key's"


def test_a_take_is_heard_while_it_is_made_and_then_its_file_from_the_same_place(
    customer: GatewayClient, url: str, browser: Chromium
) -> None:
    is_heard = threading.Event()
    provider = customer.gateway.providers.get("local")
    assert isinstance(provider, FakeProvider)
    provider.samples, provider.pieces = 8 * SAMPLE_RATE, 8

    def wait_for_listener(number: int) -> None:
        if number == 5:
            is_heard.wait(60)

    provider.on_piece = wait_for_listener
    sign_in(browser, customer, url)
    browser.fill("textarea", "The ferry leaves at seven.")
    press(browser, "Speak")
    player = "document.querySelector('.take audio')"
    browser.wait_for(f"{player}?.currentTime > 0.5")
    assert "/studio/live/" in browser.run(f"{player}.src")
    assert customer.balance()["held"] > 0, "the call goes on"
    browser.run(f"{player}.pause()")
    is_heard.set()
    browser.wait_for(f"{player}.src.includes('/v1/blobs/') && {player}.duration > 7.9 && {player}.currentTime > 0.4")
    assert browser.run(f"{player}.paused")
    assert browser.errors() == []


def test_a_recording_from_the_microphone_is_checked(customer: GatewayClient, url: str, browser: Chromium) -> None:
    sign_in(browser, customer, url)
    go(browser, "clone")
    press(browser, "Record")
    browser.wait_for("parseInt(document.querySelector('[role=timer]')?.textContent) >= 2")
    assert browser.run("document.querySelector('[role=meter]').getAttribute('aria-valuenow')") is not None
    press(browser, "Stop")
    sees(browser, "Excellent")
    (uploaded,) = customer.get("/v1/media").json()["data"]
    assert uploaded["content_type"].startswith("audio/")
    assert uploaded["size_bytes"] > 5_000
    assert browser.errors() == []


@pytest.mark.parametrize("path", ["/voice"])
def test_without_https_the_page_says_that_the_address_has_no_microphone_and_does_all_the_rest(
    customer: GatewayClient, url: str, browser: Chromium, tmp_path: Path
) -> None:
    other = url.replace("127.0.0.1", OTHER_NAME)
    sign_in(browser, customer, other)
    assert browser.run("isSecureContext") is False
    browser.fill("textarea", "The ferry leaves at seven.")
    press(browser, "Speak")
    sees(browser, "0.02 tokens, 2 s")
    player = "document.querySelector('.take audio')"
    browser.wait_for(f"{player}.duration > 1.9 && {player}.src.startsWith({json.dumps(other)})")
    go(browser, "clone")
    sees(browser, "This address has no microphone")
    sample = tmp_path / "ana.wav"
    sample.write_bytes(wav(speechlike(4)))
    browser.choose_file("#sample-file", sample)
    sees(browser, "Excellent")
    assert browser.errors() == []


def test_what_goes_wrong_is_said_in_the_gateway_s_words(
    customer: GatewayClient, url: str, browser: Chromium, tmp_path: Path
) -> None:
    sign_in(browser, customer, url)
    go(browser, "clone")
    browser.wait_for("!!document.querySelector('#sample-file')")
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    browser.choose_file("#sample-file", empty)
    sees(browser, "The file is empty.")
    samples: Any = customer.gateway.samples
    samples.failure = SampleUnusable("The recording is silent.", details={"reason": "silent"})
    silent = tmp_path / "silent.wav"
    silent.write_bytes(wav(np.zeros(48_000)))
    browser.choose_file("#sample-file", silent)
    sees(browser, "The recording is silent.")
    press(browser, "Take another recording")
    browser.wait_for("!!document.querySelector('#sample-file')")

    with customer.gateway.database.transaction() as tx:
        for row in customer.gateway.accounts.list_keys(customer.profile_id):
            customer.gateway.accounts.revoke_key(tx, row.id)
    go(browser, "usage")
    browser.wait_for("!!document.querySelector('.sign-in')")
    sees(browser, "The API key was revoked.")


def test_a_link_that_was_used_leads_to_the_sign_in(customer: GatewayClient, url: str, browser: Chromium) -> None:
    link = SignInLinks(customer.gateway.settings.data_dir).create(customer.profile_id, url)
    SignInLinks(customer.gateway.settings.data_dir).redeem(link.url.partition("=")[2])
    browser.open(link.url)
    browser.wait_for("!!document.querySelector('.sign-in')")
    sees(browser, "This link was used before")
