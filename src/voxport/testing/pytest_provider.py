"""pytest's option `--provider`. A plugin, since pytest reads no options from the conftest of a package (`--pyargs`)."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("voxport")
    group.addoption("--provider", help="the conformance suite (voxport.testing.conformance) for this provider only")
