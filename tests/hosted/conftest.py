"""A gateway between a customer and two doubles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import MakeGateway
from tests.support.hosted import House, house


@pytest.fixture
def home(make_gateway: MakeGateway) -> Iterator[House]:
    with house(make_gateway()) as opened:
        yield opened
