"""Statements that go to the driver take their values as they were declared."""

from __future__ import annotations

import pytest

from voxport.accounts import repository
from voxport.gateway import Gateway


def test_a_value_that_is_not_given_is_no_null(gateway: Gateway) -> None:
    with gateway.database.statements() as tx, pytest.raises(KeyError):
        repository._KEY_BY_ID.first(tx)
