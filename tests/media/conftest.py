"""Fixtures of the media tests: customers with a gateway of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeClient
from tests.support.catalog import catalog_file
from tests.support.client import GatewayClient


@pytest.fixture
def alone(make_client: MakeClient) -> GatewayClient:
    """The only customer of a gateway, so that its storage holds only the test's files."""
    return make_client()


@pytest.fixture
def small(make_client: MakeClient, tmp_path: Path) -> GatewayClient:
    """A customer whose uploads are limited to 100,000 bytes of audio and 200,000 of video."""
    return make_client(catalog_file=catalog_file(tmp_path, upload_audio_bytes=100_000, upload_video_bytes=200_000))
