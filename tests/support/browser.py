"""A browser of this machine, driven by Playwright, and pages that note what went wrong in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
TIMEOUT_MS = 60_000


@contextmanager
def running_chromium(*more_options: str) -> Iterator[Browser]:
    """Starts the installed Chromium; skips the test where there is none. Playwright's event loop runs in this thread
    until the end of the block, so nothing else in it may call `asyncio.run` until then."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*_OPTIONS, *more_options], timeout=TIMEOUT_MS
        )
        try:
            yield browser
        finally:
            browser.close()


class WatchedPage:
    """A page, with the URLs that it requested and the errors of its console and its scripts.

    `expected` says of an error whether the test provokes it; such an error is left out.
    """

    def __init__(self, page: Page, expected: Callable[[str], bool] = lambda _: False) -> None:
        self.page = page
        self.expected = expected
        self.requested: set[str] = set()
        self._errors: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("request", lambda request: self.requested.add(request.url))
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("console", self._on_console)

    def errors(self) -> list[str]:
        return [error for error in self._errors if not self.expected(error)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(f"{message.text} ({message.location.get('url', '')})")


def serious_findings(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds on the page as it is, of the impacts `serious` and `critical`, each with its elements; by
    these rules, or by all."""
    # `preload` would read the style sheets again, which a page from a file may not.
    options: dict[str, Any] = {"preload": False}
    if rules is not None:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['html']}: {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
