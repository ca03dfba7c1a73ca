"""The Studio behind a balancer: a ticket is known to one HTTP process, and a take is heard wherever calls arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.studio.studio_env import OpenTab, StudioEnv
from tests.support.client import GatewayClient
from tests.support.server import serving
from voxport.app import create_app

pytestmark = [pytest.mark.slow, pytest.mark.folder_only("a browser reads files past the gateway on S3")]


@pytest.fixture(scope="module")
def second_url(studio_gateway: StudioEnv) -> Iterator[str]:
    """The address of a second HTTP server of the same gateway, with tickets of its own."""
    gateway = studio_gateway.first.gateway
    with serving(GatewayClient(gateway, create_app(gateway.settings, gateway=gateway), "0")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("path", "error"), [("/studio/live/", "/studio/live/"), ("/studio/takes", "none")], ids=["the sound", "the call"]
)
def test_a_take_is_heard_by_itself_though_a_part_of_it_reached_another_process(
    open_tab: OpenTab, second_url: str, path: str, error: str
) -> None:
    tab = open_tab()
    # The browser names the 404, or that the answer came from another address than it asked.
    tab.expected = lambda message: error in message
    tab.known_hosts = (second_url,)

    def to_the_other(route: Any) -> None:
        route.continue_(url=route.request.url.replace(tab.url, second_url))

    tab.page.route(f"**{path}**", to_the_other)
    tab.speak()
    tab.sees("0.02 tokens, 2 s")
    tab.wait_for_audio("audio.src.includes('/v1/blobs/') && audio.currentTime > 1")
    assert tab.customer.balance()["credits"] == 99.98
