"""The examples of docs/scripts-formats.md are scripts."""

from __future__ import annotations

import re

import pytest

from tests.docs.snippets import ROOT
from voxport.scripts.formats.read import FORMATS, read_script

PAGE = (ROOT / "docs" / "scripts-formats.md").read_text("utf-8")
EXAMPLES = {
    (title, number): text
    for title, section in re.findall(r"^## (\w+)\n(.*?)(?=^## \w+\n|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    for number, text in enumerate(re.findall(r"^```text\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
}


def test_each_spelling_has_a_section_and_each_of_text_an_example() -> None:
    titles = re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)
    assert titles == list(FORMATS)
    assert {title for title, _ in EXAMPLES} == {*FORMATS} - {"epub"}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_is_read_and_its_format_is_found(example: tuple[str, int]) -> None:
    script_format, text = example[0], EXAMPLES[example]
    script = read_script(text.encode(), script_format)
    spoken = [(line.character, line.text) for line in script.lines]
    assert any(said.startswith("Who is there?") for _, said in spoken)
    assert read_script(text.encode(), None) == script
