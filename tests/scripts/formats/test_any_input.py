"""Whatever a file holds, a reader returns a Script or raises ScriptError, and loses nothing."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scripts.epubs import page, parts, zipped
from voxport.scripts.formats.paragraphs import split_paragraph
from voxport.scripts.formats.read import FORMATS, read_script, read_script_items
from voxport.scripts.script import MAX_LINE_CHARACTERS, Script, ScriptError

COLONS = ":： \u3000"
ID = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
characters = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
markup = st.sampled_from(
    ['Ana: ', '[Ana] ', '\n', '\n\n', '# ', '## T', 'id,character,text\n', '|', '"', ',', ';', '\t', '{', '}',
     '[', ']', 'INT. X\n', '@A\n', '/*', '*/', '[[', ']]', '(x)', '~', '>', '<', '- ', '1. ', '```', '***',
     '\\', '![', '](', '[^1]', '[^1]: ', '---\n', 'title: ', '&nbsp;', '<p>', '</p>', "<a id='x' href='#y'>",
     '</a>', '<sup>', '</sup>', '\r', '\x00', '\ufeff', '：', '  ', '{"character": "A", "text": "b"}', '<h1>',
     '</h1>', '<br/>', '<hr/>', '<td>', '</td>', '= ', 'CUT TO:', '\u2028', 'a', '1']
)  # fmt: skip
texts = st.lists(st.one_of(markup, characters), max_size=25).map("".join)
contents = st.one_of(
    texts.map(lambda text: text.encode()), st.binary(max_size=200), texts.map(lambda t: t.encode("utf-16"))
)


def check(script: Script) -> None:
    """Check what is promised of any script."""
    assert script.lines and script.chapters
    assert len({line.id.casefold() for line in script.lines}) == len(script.lines)
    for line in script.lines:
        assert ID.fullmatch(line.id) and line.character and line.place
        assert line.text == line.text.strip() and any(map(str.isalnum, line.text))
        assert len(line.text) <= MAX_LINE_CHARACTERS
        line.text.encode()
    assert [line.chapter for line in script.lines] == sorted(line.chapter for line in script.lines)
    assert {line.chapter for line in script.lines} == set(range(len(script.chapters)))


@pytest.mark.parametrize("script_format", [*FORMATS, None])
@quick
@given(content=contents)
def test_any_bytes_are_a_script_or_an_error(script_format: str | None, content: bytes) -> None:
    try:
        check(read_script(content, script_format))
    except ScriptError as error:
        assert str(error)


@quick
@given(body=texts)
def test_any_page_of_a_book_is_read_or_refused(body: str) -> None:
    try:
        check(read_script(zipped(parts({"a.xhtml": page(body)})), "epub"))
    except ScriptError as error:
        assert str(error)


@quick
@given(st.data())
def test_any_change_of_a_zip_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(zipped(parts({"a.xhtml": page("<p>Text.</p>")})))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check(read_script(bytes(content), "epub"))
    except ScriptError as error:
        assert str(error)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
names = st.sampled_from(["id", "character", "text", "pause_after", "language", "markup", "voice_settings", "speed"])


@quick
@given(st.lists(st.dictionaries(names, json_values, max_size=6), max_size=4))
def test_any_items_are_a_script_or_an_error(items: list[dict[str, object]]) -> None:
    content = "\n".join(map(json.dumps, items)).encode("utf-8", "surrogatepass")
    for is_file in (False, True):
        try:
            check(read_script(content, "jsonl") if is_file else read_script_items(items))
        except ScriptError as error:
            assert str(error)


spoken = st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po", "Zs"], exclude_characters="#*_~|\"'"), max_size=80)


@quick
@given(st.lists(st.tuples(st.sampled_from(["Ana", "Ben K", "Zoë"]), spoken.filter(lambda t: any(map(str.isalnum, t))))))
def test_lines_come_back_in_order_with_nothing_lost(lines: list[tuple[str, str]]) -> None:
    expected = [(name, text.strip()) for name, text in lines]
    if not lines:
        return
    spellings = {
        "lines": "\n".join(f"[{name}] {text}" for name, text in lines),
        "jsonl": "\n".join(json.dumps({"character": name, "text": text}) for name, text in lines),
        "csv": "character;text\n" + "\n".join(f'{name};"{text}"' for name, text in lines),
    }
    for script_format, text in spellings.items():
        script = read_script(text.encode(), script_format)
        found = [(line.character, line.text) for line in script.lines]
        if script_format == "lines":  # a colon behind the bracket belongs to the name
            found = [(name, text.lstrip(COLONS).strip()) for name, text in found]
            assert found == [(name, text.lstrip(COLONS).strip()) for name, text in expected]
        else:
            assert found == expected


@quick
@given(st.text(max_size=3000), st.sampled_from([None, "en", "fr-FR", "zh", "xx"]))
def test_a_split_paragraph_loses_only_blanks_and_marks(text: str, language: str | None) -> None:
    found = "".join(filter(str.isalnum, "".join(split_paragraph(text, language))))
    assert found == "".join(filter(str.isalnum, text))
