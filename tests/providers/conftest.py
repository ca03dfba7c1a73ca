"""Clocks of the adapters that no test waits for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from voxport.providers import billed_client as hosted
from voxport.providers import upstream


class TurnedTime:
    """In place of the module `time` where a call that was refused for being too much waits: only waiting turns it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> TurnedTime:
    monkeypatch.setattr(hosted, "time", clock := TurnedTime())
    return clock


@pytest.fixture(autouse=True, scope="package")
def short_pauses() -> Iterator[None]:
    """A free question that was not answered is asked again at once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(upstream, "_RETRY_PAUSES", (0.0, 0.0))
        yield
