"""A gateway behind a socket, and commands that call it in this process."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from tests.support.server import serving_on
from tests.support.working import working
from voxport.cli.main import main
from voxport.gateway import open_gateway
from voxport.providers.base import StockVoice
from voxport.samples.loader import Audio, Sample, SampleLoader


class SomeSamples(AcceptingSamples):
    """Accepts every recording, unless `is_real`."""

    is_real = False

    def load(self, key: str, *, speech: Any = None, check_cancelled: Any = None) -> Audio:
        return SampleLoader.load(self, key, speech=speech) if self.is_real else super().load(key, speech=speech)

    def check(self, audio: Audio) -> Sample:
        return SampleLoader.check(self, audio) if self.is_real else super().check(audio)


@dataclass
class Served:
    """A customer of a gateway at `url`. `home` is where the commands keep what they keep."""

    customer: GatewayClient
    url: str
    home: Path
    variables: dict[str, str | None] = field(default_factory=dict)

    @property
    def samples(self) -> SomeSamples:
        assert isinstance(self.customer.gateway.samples, SomeSamples)
        return self.customer.gateway.samples

    def run(self, *arguments: str, stdin: str | bytes | None = None, **variables: str | None) -> Result:
        """Run a command with the customer's key in `home`, and nothing of the machine's own settings."""
        nothing: dict[str, str | None] = {name: None for name in os.environ if name.startswith("VOXPORT_")}
        return run(self.home, *arguments, stdin=stdin, env={**nothing, **self.environment, **variables})

    @property
    def environment(self) -> dict[str, str | None]:
        return {
            "VOXPORT_URL": self.url,
            "VOXPORT_API_KEY": self.customer.key,
            **private_folders(self.home),
            **self.variables,
        }

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        with working(self.customer):
            yield

    def charges(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.customer.get("/v2/billing/ledger").json()["data"]
        return [row for row in rows if row["kind"] == "capture"]


def private_folders(home: Path) -> dict[str, str | None]:
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PATH": str(home / "bin"),  # no player
    }


def run(
    folder: Path, *arguments: str, stdin: str | bytes | None = None, env: Mapping[str, str | None] | None = None
) -> Result:
    with contextlib.chdir(folder):
        result = CliRunner().invoke(main, arguments, input=stdin, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.stderr
    return result


def output_of(result: Result) -> Any:
    """The JSON on standard output, of a command that succeeded."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result: Result, exit_code: int, *words: str) -> None:
    """Asserts this exit code, nothing on standard output, and an error with these words."""
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] or result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


@contextlib.contextmanager
def served_gateway(folder: Path) -> Iterator[tuple[GatewayClient, str]]:
    """A gateway with a fake provider, and its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    stock = [StockVoice("af_heart", "Heart", "en-us", "female"), StockVoice("ef_dora", "Dora", "es", "female")]
    gateway = open_gateway(
        settings_for(folder / "data", public_url=url), providers=[FakeProvider(stock=stock)], samples=SomeSamples
    )
    first = open_client(gateway)
    try:
        with serving_on(listener, first):
            yield first, url
    finally:
        gateway.close()
