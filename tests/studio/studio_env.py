"""A gateway for the tests of the page in a browser, and a tab of the Studio."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator, expect

from tests.support.browser import TIMEOUT_MS, WatchedPage
from tests.support.client import GatewayClient
from tests.support.fake_provider import FakeProvider
from tests.support.jobs import work
from voxport.errors import SampleUnusable
from voxport.providers.base import SAMPLE_RATE
from voxport.samples.loader import Audio, Sample, SampleLoader
from voxport.studio.sign_in_links import SignInLinks
from voxport.testing.sample_reports import GOOD_REPORT

ADMIN_KEY = "the operator's key of the tests of the Studio"
OTHER_NAME = "studio.test"
"""A name of this machine that the browser does not know as such."""
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


class LenientSamples(SampleLoader):
    """Takes a signal that is only like speech for good speech, and checks everything else as ever."""

    def check(self, audio: Audio) -> Sample:
        try:
            return super().check(audio)
        except SampleUnusable as error:
            if error.details.get("reason") != "too_short":
                raise
            return Sample(audio, GOOD_REPORT)


@dataclass
class StudioEnv:
    """`first` is a customer of the gateway that is served at `url`; its provider speaks a tone of two seconds."""

    first: GatewayClient
    provider: FakeProvider
    url: str

    def reset(self) -> None:
        fresh = FakeProvider(samples=2 * SAMPLE_RATE, pieces=2)
        vars(self.provider).update(vars(fresh))


class StudioTab(WatchedPage):
    """A tab of a customer. Texts and labels are those that a person sees."""

    def __init__(self, page: Any, customer: GatewayClient, url: str) -> None:
        super().__init__(page)
        self.customer = customer
        self.url = url
        self.known_hosts: tuple[str, ...] = ()
        """Addresses besides the gateway's that the page may ask."""

    def sign_in(self) -> None:
        link = SignInLinks(self.customer.gateway.settings.data_dir).create(self.customer.profile_id, self.url)
        self.page.goto(link.url)
        expect(self.page.get_by_role("textbox", name="Text")).to_be_visible(timeout=TIMEOUT_MS)

    def go(self, screen: str) -> None:
        self.page.get_by_role("navigation").get_by_role("link", name=screen, exact=True).click()
        expect(self.page.locator("[aria-current=page]")).to_have_text(screen, timeout=TIMEOUT_MS)

    def press(self, label: str | re.Pattern[str]) -> None:
        """Presses the last button or link with this label, once it is there."""
        role = self.page.get_by_role
        exact = isinstance(label, str)
        role("button", name=label, exact=exact).or_(role("link", name=label, exact=exact)).last.click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.locator("body")).to_contain_text(text, timeout=TIMEOUT_MS)

    def speak(self, text: str = "The ferry leaves at seven.") -> Locator:
        """Has a text spoken, and returns its take."""
        self.page.get_by_role("textbox", name="Text").fill(text)
        self.press("Speak")
        return self.page.locator(".take").first

    def wait_for_audio(self, condition: str, selector: str = ".take audio") -> None:
        """Waits until a condition on the first such player, `audio`, is true."""
        self.page.wait_for_function(
            f"() => {{ const audio = document.querySelector('{selector}'); return audio && ({condition}); }}"
        )

    def choose_file(self, name: str, content: bytes) -> None:
        self.page.locator("#sample-file").set_input_files({"name": name, "mimeType": "audio/wav", "buffer": content})

    def waits_for_verdict(self) -> None:
        """Waits until the recording was checked and found good enough."""
        expect(self.page.locator(".verdict")).to_be_visible(timeout=TIMEOUT_MS)

    def clone(self, content: bytes) -> str:
        """Clones a recording as Ana, from the drop to the voice, and returns the job's id."""
        self.go("Clone")
        self.choose_file("ana.wav", content)
        return self.order()

    def order(self) -> str:
        """Orders the clone of a recording that was chosen, and returns the job's id."""
        self.page.get_by_label("Name of the voice").fill("Ana")
        self.page.get_by_label("Who speaks").fill("Ana Lopez")
        self.page.get_by_role("checkbox").check()
        self.press(re.compile(r"^Clone for"))
        self.sees("Waiting for its turn")
        job_id: str = self.customer.get("/v2/jobs").json()["data"][0]["id"]
        work(self.customer, job_id)
        self.sees("Ana is ready")
        return job_id

    def other_hosts(self) -> set[str]:
        own = (self.url, *self.known_hosts, "data:", "blob:", "file:")
        return {one for one in self.requested if not one.startswith(own)}


@contextmanager
def opened_tab(chromium: Browser, customer: GatewayClient, url: str, **options: Any) -> Iterator[StudioTab]:
    """A tab of its own session, not signed in. At its end there were no errors and no request to another host."""
    with chromium.new_context(permissions=["microphone"], **options) as context:
        tab = StudioTab(context.new_page(), customer, url)
        yield tab
        problems = tab.errors() + sorted(tab.other_hosts())
        assert not problems, problems


OpenTab = Callable[..., StudioTab]


def clone_by_api(customer: GatewayClient, content: bytes, name: str = "Ana") -> str:
    """Clones a recording without the page, and returns the job's id."""
    body = {"audioUrl": customer.upload(content)["public_url"], "provider": "local", "name": name}
    job_id: str = customer.post("/v1/proxy/core-voice-clone", body).json()["job"]["id"]
    work(customer, job_id)
    return job_id
