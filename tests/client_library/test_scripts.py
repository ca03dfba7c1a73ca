"""`client.scripts`: a script from lines or a file, what it would cost, and its lines."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.client_library.in_process import blocking, for_asyncio
from tests.support.client import GatewayClient
from tests.support.fake_provider import FakeProvider
from tests.support.working import working
from voxport.providers.base import StockVoice
from voxport_client import CastMember, ScriptLine, ValidationError

SCRIPT: list[ScriptLine] = [
    {"character": "Ana", "text": "Who is there?", "pause_after": 0.4},
    {"character": "Ben", "text": "Nobody.", "id": "nobody"},
    {"character": "Ana", "text": "Then who spoke?"},
]
CAST: dict[str, CastMember | str] = {"Ana": "hum", "Ben": {"voice_id": "buzz", "voice_settings": {"speed": 1.2}}}


@pytest.fixture(autouse=True)
def two_voices(fake_provider: FakeProvider) -> None:
    fake_provider.stock = [StockVoice(name, name, "en-us", "female") for name in ("hum", "buzz")]


def test_a_script_is_estimated_rendered_and_listed_a_page_at_a_time(customer: GatewayClient) -> None:
    client = blocking(customer)
    found = client.scripts.estimate(script=SCRIPT, cast=CAST)
    assert (found.lines, found.spoken, [one.character for one in found.characters]) == (3, 3, ["Ana", "Ben"])
    assert customer.balance()["held"] == 0
    with working(customer):
        pending = client.scripts.render(script=SCRIPT, cast=CAST, outputs=["lines", "joined", "stems"])
        result = pending.wait()
    assert (result.lines, result.spoken, result.reused) == (3, 3, 0)
    assert {"joined", "manifest", "stems/Ana", "stems/Ben"} == set(result.files)
    assert client.media.read_url(result.files["joined"].url or "")[:2] == b"\xff\xf3"
    lines = list(client.scripts.lines(pending.id, limit=2))
    assert [one.text for one in lines] == ["Who is there?", "Nobody.", "Then who spoke?"]
    assert lines[1].id == "nobody"
    assert sum(one.tokens for one in lines) == pending.get().token_cost == Decimal("0.03")


def test_a_file_is_uploaded_as_a_document(customer: GatewayClient, tmp_path: Path) -> None:
    client = blocking(customer)
    (tmp_path / "lines.txt").write_text("Ana: Who is there?\nBen: Nobody.\n")
    with working(customer):
        result = client.scripts.render(path=tmp_path / "lines.txt", cast=CAST).wait()
    assert result.lines == 2
    (file,) = client.media.list(kind="upload")
    assert "/document/" in file.key
    assert file.content_type == "text/plain"
    (tmp_path / "play.txt").write_text("Ana: Who is there?\nCleo: Me.\n")
    with pytest.raises(ValidationError, match=r"Line 2: 'Cleo' is not in the cast"):
        client.scripts.estimate(path=tmp_path / "play.txt", cast=CAST)


def test_the_asyncio_client_does_the_same_and_a_key_is_charged_once(customer: GatewayClient) -> None:
    async def run() -> None:
        async with for_asyncio(customer) as client:
            keys = [
                (await client.scripts.render(script=SCRIPT, cast=CAST, max_tokens_cost=1.5, idempotency_key="once")).id
                for _ in range(2)
            ]
            assert keys[0] == keys[1]
            with working(customer):
                await client.jobs.wait(keys[0])
            assert [line.state async for line in client.scripts.lines(keys[0])] == ["spoken"] * 3

    asyncio.run(run())
    assert customer.balance()["balance"] == pytest.approx(99.97)
