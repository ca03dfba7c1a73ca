"""Prices, limits and texts come from one catalog file."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tests.conftest import MakeClient
from tests.support.catalog import catalog_file
from tests.support.client import GatewayClient
from voxport.catalog import CatalogError, load_catalog


def test_the_catalogue_has_the_prices_that_the_contract_says(client: GatewayClient) -> None:
    body = client.get("/v1/catalog").json()
    assert body["status"] == "success"
    rows = {row["service"]: row for row in body["data"]["services"]}
    assert {name: (row["unit_type"], row["unit_price"]) for name, row in rows.items()} == {
        "core-voice-clone": ("item", 5.0),
        "core-instant-clone-tts": ("item", 2.0),
        "core-tts": ("second", 0.01),
        "core-tts-voices": ("item", 0.0),
        "upload-media": ("item", 0.0),
    }
    for row in rows.values():
        assert set(row) == {"service", "unit_type", "unit_price", "description", "limits"}
        assert row["description"]
    assert rows["core-tts"]["limits"]["text_characters"] == 5000
    assert rows["upload-media"]["limits"] == {
        "upload_audio_bytes": 200 << 20,
        "upload_video_bytes": 1 << 30,
        "upload_document_bytes": 100 << 20,
    }


def test_an_operators_prices_are_what_is_told_and_held(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(catalog_file=catalog_file(tmp_path, prices={"core-voice-clone": "0.123457"}))
    rows = json.loads(client.get("/v1/catalog").text, parse_float=Decimal)["data"]["services"]
    assert {row["service"]: row["unit_price"] for row in rows}["core-voice-clone"] == Decimal("0.123457")
    body = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
    assert client.post("/v1/proxy/core-voice-clone", body).status_code == 202
    assert client.balance()["held"] == 0.123457


def test_a_service_may_be_free(make_client: MakeClient, tmp_path: Path) -> None:
    poor = make_client("0", catalog_file=catalog_file(tmp_path, prices={"core-voice-clone": "0"}))
    body = {"audioUrl": "https://media.example.com/a.wav", "provider": "local"}
    assert poor.post("/v1/proxy/core-voice-clone", body).status_code == 202


def test_a_price_without_quotes_stays_what_was_written(tmp_path: Path) -> None:
    path = catalog_file(tmp_path)
    path.write_text(path.read_text().replace("unit_price: '0.01'", "unit_price: 0.01"))
    assert "unit_price: 0.01" in path.read_text()
    assert load_catalog(path).price("core-tts") == Decimal("0.01")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unit_price: '5.0'", "unit_price: '-5.0'"),
        ("unit_price: '5.0'", "unit_price: '5.0000001'"),
        ("unit_price: '5.0'", "unit_price: .nan"),
        ("unit_price: '5.0'", "unit_price: .inf"),
        ("unit_price: '5.0'", "unit_price: dear"),
        ("unit_price: '5.0'", "price: '5.0'"),
        ("core-voice-clone:", "core-voice-cloning:"),
        ("text_characters: 5000", "text_characters: 0"),
        ("text_characters: 5000", "text_character: 5000"),
        ("unit_type: second", "unit_type: minute"),
        ("services:", "services: ["),
    ],
)
def test_a_catalogue_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = catalog_file(tmp_path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CatalogError, match=r"catalog\.yaml"):
        load_catalog(path)


@pytest.mark.parametrize("content", ["", "[]", "services: {}", "\x00", "a: &a [*a]"])
def test_what_is_no_catalogue_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(content)
    with pytest.raises(CatalogError):
        load_catalog(path)


def test_a_catalogue_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"none\.yaml"):
        load_catalog(tmp_path / "none.yaml")


def test_an_operators_file_that_names_no_limits_of_a_service_has_those_of_the_package(tmp_path: Path) -> None:
    path = catalog_file(tmp_path, text_characters=77)
    content = yaml.safe_load(path.read_text())
    for service in content["services"].values():
        del service["limits"]
    path.write_text(yaml.safe_dump(content))
    shipped, own = load_catalog(), load_catalog(path)
    for name in shipped.services:
        limits = {one: 77 if one == "text_characters" else value for one, value in shipped.limits_of(name).items()}
        assert own.limits_of(name) == limits


def test_a_limit_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = catalog_file(tmp_path)
    path.write_text(path.read_text().replace("- text_characters\n", "- text_character\n"))
    with pytest.raises(CatalogError, match="text_character"):
        load_catalog(path)
