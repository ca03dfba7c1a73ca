"""Uploads are removed after their days, wherever they are stored."""

from __future__ import annotations

from tests.conftest import MakeClient
from tests.support.client import GatewayClient
from tests.support.server import wait_until


def test_an_upload_is_swept_after_its_days(make_client: MakeClient) -> None:
    client = make_client(upload_keep_days=4.2 / 86_400, upload_expiry_seconds=4)
    client.upload()
    client.upload_slot()
    swept = 0

    def both_are_gone() -> bool:
        nonlocal swept
        swept += client.gateway.media.sweep()
        return swept == 2

    wait_until(both_are_gone, seconds=10, what="the sweep")
    assert list(client.gateway.storage.list()) == []


def test_a_young_upload_is_not_swept(alone: GatewayClient) -> None:
    slot = alone.upload()
    assert alone.gateway.media.sweep() == 0
    assert alone.http.get(slot["public_url"]).status_code == 200
