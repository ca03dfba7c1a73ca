from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeClient
from tests.support.catalog import catalog_file
from tests.support.client import GatewayClient


@pytest.fixture
def make_short(make_client: MakeClient, tmp_path: Path) -> GatewayClient:
    """A customer of a gateway whose texts are limited to ten characters."""
    return make_client(catalog_file=catalog_file(tmp_path, text_characters=10))
