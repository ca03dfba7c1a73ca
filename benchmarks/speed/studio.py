"""Measures how soon the Studio can be used, and how much memory a browser takes to send a video of 1 GB from it.

    python benchmarks/speed/studio.py [--runs 5]

The provider is a double, and the browser an installed Chromium. Prints the median from opening a one-time link to
the text field, each time in a new session without a cache; and by how much the browser's processes grew while they sent
the video (the sum of their resident memory, sampled five times a second).
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Browser, expect

from benchmarks.support import describe_machine
from tests.studio.studio_env import PHONE, LenientSamples, StudioTab
from tests.support.browser import TIMEOUT_MS, running_chromium
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProvider
from tests.support.server import serving
from voxport.gateway import open_gateway

VIDEO_BYTES = 1_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs; the median is printed")
    runs = parser.parse_args().runs
    print(describe_machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gateway = open_gateway(settings_for(folder / "data"), providers=[FakeProvider()], samples=LenientSamples)
        customer = open_client(gateway)
        with serving(customer) as port, running_chromium() as browser:
            url = f"http://127.0.0.1:{port}"
            seconds = [_seconds_to_usable(browser, customer, url) for _ in range(runs)]
            print(f"usable: median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")
            with (folder / "holiday.mp4").open("wb") as video:
                video.truncate(VIDEO_BYTES)
            grown, took = _megabytes_to_send(browser, customer, url, folder / "holiday.mp4")
            print(f"a video of 1 GB: sent in {took:.0f} s, the browser grew by {grown:.0f} MB")
        gateway.close()


def _seconds_to_usable(browser: Browser, customer: GatewayClient, url: str) -> float:
    with browser.new_context() as context:
        tab = StudioTab(context.new_page(), customer, url)
        begin = time.monotonic()
        tab.sign_in()
        return time.monotonic() - begin


def _megabytes_to_send(browser: Browser, customer: GatewayClient, url: str, video: Path) -> tuple[float, float]:
    with browser.new_context(**PHONE) as context:
        tab = StudioTab(context.new_page(), customer, url)
        tab.sign_in()
        tab.go("Clone")
        before, begin = _megabytes(), time.monotonic()
        with _sampled() as samples:
            tab.page.locator("#sample-file").set_input_files(video)
            expect(tab.page.get_by_role("alert")).to_be_visible(timeout=5 * TIMEOUT_MS)  # it holds no media
        return max(samples) - before, time.monotonic() - begin


@contextlib.contextmanager
def _sampled() -> Iterator[list[float]]:
    samples, has_ended = [_megabytes()], threading.Event()

    def sample() -> None:
        while not has_ended.wait(0.2):
            samples.append(_megabytes())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        has_ended.set()
        thread.join()


def _megabytes() -> float:
    """Resident memory of the browser's processes."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "chrom" in process.name():
                total += process.memory_info().rss
    return total / 1e6


if __name__ == "__main__":
    main()
