"""The examples of the README and of docs/client.md run as they stand."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from tests.support.server import serving_on
from tests.support.working import working
from voxport.gateway import open_gateway
from voxport.providers.base import StockVoice

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"README.md": 1, "clients/python/README.md": 2, "docs/client.md": 9}


@pytest.fixture
def gateway_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, GatewayClient]]:
    """A gateway with a fake provider and a worker, where the environment of the examples points to."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    provider = FakeProvider(stock=[StockVoice("af_heart", "Heart", "en-us", "female")])
    gateway = open_gateway(
        settings_for(tmp_path / "data", public_url=url), providers=[provider], samples=AcceptingSamples
    )
    customer = open_client(gateway)
    monkeypatch.setenv("VOXPORT_API_KEY", customer.key)
    monkeypatch.setenv("VOXPORT_BASE_URL", url)
    monkeypatch.chdir(tmp_path)
    Path("me.wav").write_bytes(b"RIFF and so on" * 100)
    with serving_on(listener, customer), working(customer):
        yield url, customer
    gateway.close()


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run_one_after_another(
    page: str, gateway_url: tuple[str, GatewayClient], capsys: pytest.CaptureFixture[str]
) -> None:
    url, customer = gateway_url
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert len(blocks) == PAGES[page]
    names: dict[str, object] = {}
    for block in blocks:
        code = block.replace("vxp_…", os.environ["VOXPORT_API_KEY"]).replace("http://127.0.0.1:8000", url)
        exec(compile(code, page, "exec"), names)  # our own page
    assert customer.balance()["held"] == 0
    assert [*Path().glob("*.mp3")] or capsys.readouterr().out
