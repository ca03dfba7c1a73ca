"""One gateway and one browser for all tests of the page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.cloning.test_sample_check import wav
from tests.studio.studio_env import ADMIN_KEY, OTHER_NAME, LenientSamples, OpenTab, StudioEnv, StudioTab, opened_tab
from tests.support.browser import running_chromium
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProvider
from tests.support.recordings import speech_folder
from tests.support.server import serving
from tests.support.speechlike import speechlike
from voxport.audio.codec.decode import decode
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.gateway import open_gateway


@pytest.fixture(scope="package")
def sample() -> bytes:
    """Half a minute of speech as WAV: a real recording where there are some, else a signal like speech."""
    folder = speech_folder()
    if folder is None:
        return wav(speechlike(30))
    return _spoken(sorted((folder / "en_libri_2033").glob("*.flac"))[:5])


@pytest.fixture(scope="package")
def chromium(sample: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone hears the sample."""
    microphone = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    microphone.write_bytes(sample)
    with running_chromium(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1",
    ) as browser:
        yield browser


@pytest.fixture(scope="package")
def studio_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioEnv]:
    provider = FakeProvider()
    settings = settings_for(tmp_path_factory.mktemp("studio"), admin_key=ADMIN_KEY)
    gateway = open_gateway(settings, providers=[provider], samples=LenientSamples)
    first = open_client(gateway)
    with serving(first) as port:
        yield StudioEnv(first, provider, f"http://127.0.0.1:{port}")
    gateway.close()


@pytest.fixture
def studio(studio_gateway: StudioEnv) -> StudioEnv:
    studio_gateway.reset()
    return studio_gateway


@pytest.fixture
def visitor(studio: StudioEnv) -> GatewayClient:
    """A new customer with 100 tokens."""
    return studio.first.another_customer()


@pytest.fixture
def open_tab(studio: StudioEnv, visitor: GatewayClient, chromium: Browser) -> Iterator[OpenTab]:
    """Opens tabs of the customer, each with a session of its own; signed in, unless `signed_in` is False."""
    with contextlib.ExitStack() as tabs:

        def open_one(*, signed_in: bool = True, url: str = "", **options: Any) -> StudioTab:
            customer = options.pop("customer", visitor)
            tab = tabs.enter_context(opened_tab(chromium, customer, url or studio.url, **options))
            if signed_in:
                tab.sign_in()
            return tab

        yield open_one


@pytest.fixture
def tab(open_tab: OpenTab) -> StudioTab:
    return open_tab()


def _spoken(paths: list[Path]) -> bytes:
    import numpy as np

    return wav(np.concatenate([decode(path, ffmpeg=find_ffmpeg()) for path in paths]))
