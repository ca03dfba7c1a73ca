"""Adds pytest's option `--provider`. pytest reads no options from a package's conftest (`--pyargs`), hence a plugin."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("voxport")
    group.addoption("--provider", help="the conformance suite (voxport.testing.conformance) for this provider only")
