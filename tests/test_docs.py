"""The documents match the code."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from voxport.catalog import load_catalog
from write_settings_doc import settings_doc

ROOT = Path(__file__).resolve().parent.parent


def test_the_settings_page_is_written_from_the_settings() -> None:
    written = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert written == settings_doc(), "run: python scripts/write_settings_doc.py"


@pytest.mark.parametrize("page", ["README.md", "docs/prices.md"])
def test_a_page_of_prices_tells_those_of_the_catalogue(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    catalog = load_catalog()
    for service in ("core-voice-clone", "core-instant-clone-tts", "core-tts"):
        row = re.search(rf"^\| `{service}`[^|]* \| ([0-9.]+) per", text, re.MULTILINE)
        assert row is not None, service
        assert float(row[1]) == float(catalog.price(service))


def test_the_page_of_prices_says_from_which_clip_on_a_persistent_voice_is_cheaper() -> None:
    text, catalog = (ROOT / "docs" / "prices.md").read_text("utf-8"), load_catalog()
    clone, second, instant = (
        float(catalog.price(service)) for service in ("core-voice-clone", "core-tts", "core-instant-clone-tts")
    )
    for length, seconds in {"5 seconds": 5, "30 seconds": 30, "a minute": 60, "two minutes": 120}.items():
        said = re.search(rf"^\| {length} \| (\d+)\w\w clip on", text, re.MULTILINE)
        assert said is not None, length
        cheaper = [clips for clips in range(1, 50) if clone + clips * second * seconds < clips * instant]
        assert int(said[1]) == cheaper[0], length


def test_the_architecture_page_lists_every_contract_of_the_import_linter() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    names = [contracts[section]["name"] for section in contracts.sections() if ":contract:" in section]
    assert names
    missing = [name for name in names if f"| {name} |" not in page]
    assert not missing


def test_every_link_of_the_documents_leads_to_a_file() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_test_that_the_page_of_the_doubles_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "doubles.md").read_text("utf-8")))
    written = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "testing").glob("*.py"))
    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in written} == set()
