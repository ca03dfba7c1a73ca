"""Fixtures that keep the adapters from waiting in real time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from voxport.providers import billed_client, upstream


class TurnedTime:
    """Replaces the module `time` of `providers.billed_client`: only `sleep` advances the clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> TurnedTime:
    monkeypatch.setattr(billed_client, "time", clock := TurnedTime())
    return clock


@pytest.fixture(autouse=True, scope="package")
def short_pauses() -> Iterator[None]:
    """Retry free requests without a pause."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(upstream, "_RETRY_PAUSES", (0.0, 0.0))
        yield
