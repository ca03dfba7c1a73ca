"""Writes pictures of the Studio for README and docs/studio.md, with the real engine and a clone of a recording.

    .venv/bin/python scripts/write_studio_pictures.py RECORDING [--all FOLDER]

RECORDING is half a minute of speech. Writes the five pictures of docs/img; with --all, instead every screen to FOLDER,
light and dark, of a desktop and a phone. Needs an installed Chromium; uses pngquant, if it is there, for small files.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
from playwright.sync_api import Browser, Page, expect, sync_playwright

from voxport.studio.sign_in_links import SignInLinks
from voxport.testing.running_gateway import LiveGateway, running_gateway

DOCS: Final = Path(__file__).resolve().parents[1] / "docs" / "img"
ADMIN_KEY: Final = "an operator's key of the pictures of the Studio"
FIT_STEPS: Final = "4"  # the pictures show no likeness
SIZES: Final[dict[str, dict[str, Any]]] = {
    "desktop": {"viewport": {"width": 1200, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}
SENTENCES: Final = (
    "The harbour wakes before the town does, and somebody is always painting a boat.",
    "On a clear morning, when the light lies flat on the water, I can hear them both.",
)
SCRIPT: Final = """Narrator: The harbour wakes before the town does.
Ana: Who is there?
Ben: Nobody. Only the wind, and the gulls that argue over the nets.
Ana: Then who spoke?
Narrator: And nobody answered.
"""
IN_DOCS: Final = {
    "desktop-light-round": "studio-blind",
    "desktop-light-checked": "studio-clone",
    "desktop-light-script": "studio-script",
    "desktop-dark-speak": "studio-speak",
    "phone-light-usage": "studio-usage",
}
_TIMEOUT_MS: Final = 180_000
_COLORS: Final = "128"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--all", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures: Path = arguments.all or folder / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        settings = {"VOXPORT_ADMIN_KEY": ADMIN_KEY, "VOXPORT_FIT_STEPS": FIT_STEPS}
        with running_gateway(folder / "gateway", ready=True, **settings) as gateway, _chromium() as browser:
            _Photographer(gateway, browser, arguments.recording, pictures, every=arguments.all is not None).work()
        for picture in sorted(pictures.glob("*.png")):
            _shrink(picture)
            if arguments.all is None:
                shutil.copy(picture, DOCS / f"{IN_DOCS[picture.stem]}.png")
                print(DOCS / f"{IN_DOCS[picture.stem]}.png", picture.stat().st_size)


class _Photographer:
    def __init__(self, gateway: LiveGateway, browser: Browser, recording: Path, folder: Path, *, every: bool) -> None:
        self._gateway = gateway
        self._browser = browser
        self._recording = recording
        self._folder = folder
        self._every = every
        self._size = ""

    def work(self) -> None:
        for self._size, options in SIZES.items():
            with self._browser.new_context(reduced_motion="reduce", **options) as context:
                page = context.new_page()
                page.set_default_timeout(_TIMEOUT_MS)
                expect.set_options(timeout=_TIMEOUT_MS)
                page.goto(f"{self._gateway.url}/studio")
                expect(page.locator(".sign-in")).to_be_visible()
                self._take(page, "sign-in")
                self._sign_in(page)
                self._show_clone(page)
                self._show_speak(page)
                self._show_script(page)
                self._show_design(page)
                for screen in ("Library", "Jobs", "Usage", "Keys"):
                    self._go(page, screen)
                    if screen == "Library":
                        page.get_by_role("button", name="Preview", exact=False).first.click()
                        expect(page.locator("audio").first).to_be_visible()
                    self._take(page, screen.lower())
                page.goto(f"{self._gateway.url}/studio#/operator")
                page.get_by_label("Operator's key").fill(ADMIN_KEY)
                page.get_by_role("button", name="Look").click()
                expect(page.get_by_text("Audit log")).to_be_visible()
                page.get_by_role("button", name="Check now").click()
                expect(page.get_by_text("Every booking is right.", exact=True)).to_be_visible()
                self._take(page, "operator")

    def _sign_in(self, page: Page) -> None:
        with httpx2.Client(headers={"Authorization": f"Bearer {ADMIN_KEY}"}) as operator:
            profiles = operator.get(f"{self._gateway.url}/v2/admin/profiles").json()["data"]
        link = SignInLinks(self._gateway.data_dir).create(profiles[0]["id"], self._gateway.url)
        page.goto(link.url)
        expect(page.get_by_role("textbox", name="Text")).to_be_visible()

    def _show_clone(self, page: Page) -> None:
        self._go(page, "Clone")
        self._take(page, "clone")
        page.locator("#sample-file").set_input_files(self._recording)
        page.get_by_label("Name of the voice").fill("Ana")
        page.get_by_label("Who speaks").fill("Ana Lopez")
        page.get_by_role("checkbox").check()
        expect(page.locator(".verdict")).to_be_visible()
        page.evaluate("document.activeElement.blur()")
        self._take(page, "checked")
        page.get_by_role("button", name="Clone for").click()
        expect(page.get_by_text("Ana is ready")).to_be_visible()
        self._take(page, "ready")
        page.get_by_role("button", name="Make round 1").click()
        page.get_by_role("button", name="Play A").click()
        expect(page.get_by_role("button", name="Stop A")).to_be_visible()
        page.locator(".blind").scroll_into_view_if_needed()
        self._take(page, "round")
        for letter in "BC":
            page.get_by_role("button", name=f"Play {letter}").click()
        page.get_by_role("radio", name="B", exact=True).check()
        page.get_by_role("button", name="Choose").click()
        page.get_by_role("button", name="Show which was which").click()
        page.locator(".blind").scroll_into_view_if_needed()
        self._take(page, "blind")

    def _show_speak(self, page: Page) -> None:
        self._go(page, "Speak")
        for sentence in SENTENCES:
            page.get_by_role("textbox", name="Text").fill(sentence)
            page.get_by_role("button", name="Speak").click()
            expect(page.locator(".take").first.get_by_role("button", name="Download")).to_be_visible()
        expect(page.locator(".estimate")).to_contain_text("About")
        self._take(page, "speak")

    def _show_script(self, page: Page) -> None:
        self._go(page, "Script")
        page.get_by_role("textbox", name="Script", exact=True).fill(SCRIPT)
        render = page.get_by_role("button", name="Render for about")
        expect(render).to_be_enabled()
        page.evaluate("document.activeElement.blur()")
        self._take(page, "writing")
        render.click()
        page.get_by_role("button", name="Redo line 4").click()
        page.get_by_role("textbox", name="New text of line 4").fill("Then who was it that spoke?")
        page.get_by_role("button", name="Take this text").click()
        expect(page.get_by_text("1 to speak")).to_be_visible()
        page.get_by_role("button", name="Only the wind").click()
        expect(page.locator(".lines [aria-current]")).to_contain_text("Only the wind")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 230)")
        self._take(page, "script")

    def _show_design(self, page: Page) -> None:
        self._go(page, "Design")
        page.get_by_role("slider", name="Pitch").fill("-2")
        page.get_by_role("button", name="Listen").click()
        expect(page.locator(".design audio")).to_be_visible()
        self._take(page, "design")

    def _go(self, page: Page, screen: str) -> None:
        page.get_by_role("navigation").get_by_role("link", name=screen, exact=True).click()
        expect(page.locator("[aria-current=page]")).to_have_text(screen)

    def _take(self, page: Page, name: str) -> None:
        schemes: tuple[Any, ...] = ("light", "dark")
        for scheme in schemes:
            stem = f"{self._size}-{scheme}-{name}"
            if self._every or stem in IN_DOCS:
                expect(page.get_by_text("Loading …")).to_have_count(0)
                page.evaluate("document.querySelectorAll('audio').forEach((audio) => audio.pause())")
                if self._every:  # the whole page, whose head sticks to the top of the window
                    page.evaluate("scrollTo(0, 0)")
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.screenshot(path=self._folder / f"{stem}.png", full_page=self._every and name not in ("library",))


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise SystemExit("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def _shrink(picture: Path) -> None:
    """Reduce the picture to few colours by pngquant, or leave it where that is missing."""
    program = shutil.which("pngquant")
    if program is not None:
        subprocess.run([program, "--force", "--strip", "--ext", ".png", _COLORS, str(picture)], check=True)


if __name__ == "__main__":
    main()
