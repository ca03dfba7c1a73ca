"""Scripts as text: lines, tables, JSON lines, screenplays; and which of them a file is."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from voxport.scripts.formats.read import read_script, read_script_items
from voxport.scripts.script import MAX_CHARACTERS, MAX_LINE_CHARACTERS, MAX_LINES, Script, ScriptError


def read(text: str | bytes, script_format: str | None, name: str = "") -> Script:
    return read_script(text.encode() if isinstance(text, str) else text, script_format, name=name)


def said(script: Script) -> list[tuple[str, str]]:
    return [(line.character, line.text) for line in script.lines]


def refused(text: str | bytes, script_format: str | None, name: str = "") -> str:
    with pytest.raises(ScriptError) as caught:
        read(text, script_format, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Ana: Who is there?", ("Ana", "Who is there?")),
        ("[Ana] Who is there?", ("Ana", "Who is there?")),
        ("[Ana]: Who is there?", ("Ana", "Who is there?")),
        ("**Ana:** Who is there?", ("Ana", "Who is there?")),
        ("**Ana**: Who is there?", ("Ana", "Who is there?")),
        ("Ana：誰？だ", ("Ana", "誰？だ")),
        ("Ana:no blank", ("Ana", "no blank")),
        ("\tDr. Müller:\tIt is 10:30: go!", ("Dr. Müller", "It is 10:30: go!")),
        ("Mu\u0308ller  the   Elder: x", ("Müller the Elder", "x")),
        ("[Robot 7] 3: ready", ("Robot 7", "3: ready")),
        ("Note: see https://example.com", ("Note", "see https://example.com")),
        ("Ana: # no comment", ("Ana", "# no comment")),
    ],
)
def test_a_line_names_its_character(line: str, expected: tuple[str, str]) -> None:
    assert said(read(line, "lines")) == [expected]


@pytest.mark.parametrize(
    "line",
    ["and goes on", "10:30 we leave", "https://example.com/a", "At 10:30 we leave", '"Go!" he said: now', ": no name",
     "[] x", "[1] a note", "**Ana", "Ana", f"{'a' * 101}: x", "What? No: x"],
)  # fmt: skip
def test_a_line_without_a_character_is_refused_with_its_number(line: str) -> None:
    message = refused(f"Ana: Hello.\n\n{line}\n", "lines")
    assert message.startswith("Line 3: A text line without a character") and "[Ana]" in message


def test_comments_and_empty_lines_are_skipped_and_titles_begin_chapters() -> None:
    script = read("# a remark\nAna: One.\n\n## The door\r\n#another\rBen: Two.\n### Inside\nAna: Three.", "lines")
    assert [(chapter.title, chapter.level) for chapter in script.chapters] == [("", 1), ("The door", 1), ("Inside", 2)]
    assert script.warnings == ("Lines that begin with # are not read: 2 were left out.",)
    assert [(line.id, line.place, line.chapter) for line in script.lines] == [
        ("0001", "line 2", 0),
        ("0002", "line 6", 1),
        ("0003", "line 8", 2),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_with_a_mark_are_read(encoding: str, newline: str) -> None:
    content = newline.join(["Ana: Größe", "Zoë: ok\u2028still"]).encode(encoding)
    assert said(read(content, "lines")) == [("Ana", "Größe"), ("Zoë", "ok\u2028still")]


@pytest.mark.parametrize("content", ["Ana: Hi\nZoë: é".encode("latin-1"), "Ana: Hi\nZoë: é".encode("utf-16-le")])
def test_other_encodings_are_refused_with_advice(content: bytes) -> None:
    assert "UTF-8" in refused(content, "lines")


def test_latin_1_is_refused_with_its_line() -> None:
    assert refused("Ana: Hi\nZoë: é".encode("latin-1"), "lines").startswith("Line 2: ")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_table_of_any_separator_is_read(separator: str) -> None:
    rows = [
        ["ID", "Speaker", "Text", "Pause After", "lang", "speed", "Chapter"],
        ["a1", "Ana", f'"Say ""no""{separator} or\nnot"', '"0,4"', "fr", "1.2", "One"],
        [""] * 7,
        ["", "Ben", "Yes.", "", "", "", "Two"],
    ]
    script = read("\ufeff" + "\r\n".join(separator.join(row) for row in rows), None)
    first, second = script.lines
    assert (first.id, first.text, first.pause_after) == ("a1", f'Say "no"{separator} or\nnot', 0.4)
    assert (first.language, first.voice_settings, first.place) == ("fr", {"speed": 1.2}, "line 2")
    assert (second.id, second.place, second.chapter, second.pause_after) == ("0002", "line 5", 1, None)
    assert [chapter.title for chapter in script.chapters] == ["One", "Two"]


@pytest.mark.parametrize("begin", ["sep=;\r\n", "\ufeffsep=;\n", ""])
@pytest.mark.parametrize("line_break", ["\r", "\n", "\r\n"])
def test_a_table_as_spreadsheets_save_it_is_read(begin: str, line_break: str) -> None:
    script = read(begin + line_break.join(["character;text", "Ana;Who is there?", "Ben;Nobody."]), None)
    assert said(script) == [("Ana", "Who is there?"), ("Ben", "Nobody.")]


def test_a_row_behind_the_line_of_the_separator_is_counted_right() -> None:
    assert refused("sep=;\ncharacter;text\nAna;\n", None).startswith("Line 3: ")


@pytest.mark.parametrize(
    ("content", "script_format"),
    [
        ("[" + "{}," * 1_000_000 + "{}]", "jsonl"),
        ("{" + ",".join(f'"{number}":1' for number in range(1_000_001)) + "}", "jsonl"),
        ("Hello.\n" + "\n" * 1_000_000, "markdown"),
        ('{"character": "Ana", "text": "Hi."}\n' + "\r\n" * 1_000_000, "jsonl"),
    ],
)
def test_what_would_take_much_memory_is_counted_first(content: str, script_format: str) -> None:
    assert "may have 1,000,000" in refused(content, script_format)


def test_cells_and_a_screenplay_that_would_take_much_memory_are_counted_first() -> None:
    assert "Line 2: The row has more than 10,000 cells" in refused("character,text\n" + "," * 20_000, "csv")
    assert "5,100,000 characters. At most 5,000,000" in refused("*a " * 1_700_000, "fountain")


def test_an_invisible_character_of_a_name_is_named() -> None:
    assert "U+200B" in refused("character,text\nA\u200bna,Hi.\n", "csv")


def test_a_table_of_dialogue_is_read() -> None:
    script = read("Line ID,Character Name,Dialogue\nINN_001,Ana,Who is there?\n", None)
    assert [(line.id, line.character, line.text) for line in script.lines] == [("INN_001", "Ana", "Who is there?")]


def test_a_header_that_is_not_known_is_shown() -> None:
    assert "The first row has 'ID', 'Role', 'Words'" in refused("ID,Role,Words\n1,Ana,Hi.\n", "csv")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("word/document.xml", "Word document: save it"), ("xl/workbook.xml", "CSV"), ("content.xml", "LibreOffice")],
)
def test_another_archive_is_named_with_what_to_do(name: str, expected: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/other")
        archive.writestr(name, "<a/>")
    assert expected in refused(content.getvalue(), None, "script.docx")


def test_bars_without_a_header_are_id_speaker_and_text_with_their_quotes() -> None:
    assert [(x.id, x.character, x.text) for x in read('a|Ana|"Go", he said\nb|Ben|Yes', None).lines] == [
        ("a", "Ana", '"Go", he said'),
        ("b", "Ben", "Yes"),
    ]


def test_an_unknown_column_is_left_out_with_a_warning() -> None:
    script = read("character,text,Scene note,\nAna,Hi,angry,\n", "csv")
    assert said(script) == [("Ana", "Hi")]
    assert len(script.warnings) == 1 and "Scene note" in script.warnings[0]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("character,text\nAna,Hello, you\n", "Line 2: The row has 3 cells"),
        ("character,text\nAna,\n", "Line 2: The line of Ana has no text"),
        ('character,text\nAna,"open\n', "Line 2: The row can't be read"),
        ("character,text,speed\nAna,Hi,fast\n", "Line 2: The speed 'fast' is not a number"),
        ("character,text,speed\nAna,Hi,9\n", "Line 2: The speed is '9'; it may be 0.5 to 2"),
        ("character,text,pause_after\nAna,Hi,inf\n", "Line 2: The pause_after is 'inf'"),
        ("character,text,speaker\nAna,Hi,Ben\n", "Two columns are the character"),
        ("name;phone\nAna;1\n", "Line 1: The first row has 'name', 'phone'. The table needs a header row"),
        ("id,character,text\na,Ana,Hi\nA,Ana,Yo\n", "Line 3: The id 'A' differs only in case from 'a' in line 2"),
        ("id,character,text\na,Ana,Hi\n\na,Ana,Yo\n", "Line 4: The id 'a' also stands in line 2"),
        ("id,character,text\n../x,Ana,Hi\n", "Line 2: The id '../x' can't be a file's name"),
        ("id,character,text\n.x,Ana,Hi\n", "Line 2: The id '.x' can't"),
        ("character,text,markup\nAna,Hi,html\n", "Line 2: The markup 'html' is not known"),
        ("character,text,language\nAna,Hi,in french\n", "Line 2: The language 'in french' is not a code"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(table: str, expected: str) -> None:
    assert expected in refused(table, "csv")


def test_json_lines_are_read() -> None:
    rows = [
        {"id": 7, "voice": "Ana", "text": "Hi", "lang": "es", "speed": 1.5, "pause_after": 1, "markup": "ssml"},
        {"character": "Ben", "text": "Yo", "out": "x.wav", "voice_settings": {"stability": 0.2}},
    ]
    script = read("\n\n".join(map(json.dumps, rows)), None)
    first, second = script.lines
    assert (first.id, first.language, first.markup, first.pause_after) == ("7", "es", "ssml", 1.0)
    assert (second.voice_settings, second.place) == ({"stability": 0.2}, "line 3")
    assert "'out' (line 3)" in script.warnings[0]
    assert said(read(json.dumps(rows, indent=1), None)) == said(script)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "3", '{"text": "Hi"}', '{"character": "A", "text": 3}', '{"character": "A", "text": "x", "speed": NaN}',
     '{"character": "A", "text": "x", "text": "y"}', '{"character": "A", "voice": "B", "text": "x"}',
     '{"character": "A", "text": "\\ud800 x"}', '{"character": "\\u0000A", "text": "x"}', "[" * 100_000,
     '{"character": "A", "text": "x", "speed": ' + "9" * 5000 + "}", '{"character": "A", "text": "x", "speed": true}',
     '{"a":' * 50_000, '{"character": "A", "text": "x", "pause_after": 1e999}'],
)  # fmt: skip
def test_bad_json_is_refused(line: str) -> None:
    assert refused(line, "jsonl")


def test_the_array_of_a_request_is_read_with_places_of_its_own() -> None:
    items: list[dict[str, object]] = [
        {"id": "0002", "character": "Ana", "text": "a"},
        {"character": "Ben", "text": "b", "pause_after": 0.4},
    ]
    script = read_script_items(items)
    assert [(x.id, x.place) for x in script.lines] == [("0002", "script[0]"), ("0002-2", "script[1]")]
    with pytest.raises(ScriptError, match=r"Script\[1\]: The field 'txt' is not known"):
        read_script_items([items[0], {"character": "Ana", "text": "x", "txt": 1}])
    with pytest.raises(ScriptError, match=r"The id 'x' also stands in script\[0\]"):
        read_script_items([{"id": "x", "character": "Ana", "text": "a"}] * 2)
    with pytest.raises(ScriptError, match=r"no letter and no digit"):
        read_script_items([{"character": "Ana", "text": "…!"}])


SCREENPLAY = """Title: **The Ferry**
Credit: Written by
Author: Ana Müller
    and Ben

FADE IN:

# Act One

INT. HOUSE - NIGHT #1#

A dark *room*. 5 * 3 and a_b stay.
/* cut
ANA
Never said. */

ANA (V.O.)
(whispering)
Who is [[a note]]there?
[[another]]
~La la

= a synopsis

@McBen ^
(beat)
Nobody.

> THE END <

!BANG
it goes

NARRATOR
Later.

.FLASHBACK

BEN (CONT'D)
...

CUT TO:

> FADE OUT
"""


def test_a_screenplay_is_read() -> None:
    script = read(SCREENPLAY, None)
    assert said(script) == [
        ("Narrator", "A dark room. 5 * 3 and a_b stay."),
        ("ANA", "Who is there? La la"),
        ("McBen", "Nobody."),
        ("Narrator", "THE END"),
        ("Narrator", "BANG it goes"),
        ("Narrator", "Later."),
    ]
    assert (script.title, script.author) == ("The Ferry", "Ana Müller and Ben")
    assert [(chapter.title, chapter.level) for chapter in script.chapters] == [("INT. HOUSE - NIGHT", 2)]
    lines = SCREENPLAY.split("\n")
    number = lines.index("BEN (CONT'D)") + 1
    assert script.warnings == (f"Line {number}: BEN says nothing that can be spoken; left out.",)
    assert script.lines[1].place == f"line {lines.index('ANA (V.O.)') + 1}"


def test_a_cue_without_an_empty_line_before_it_is_refused() -> None:
    text = "INT. X\n\nBEN\nYo.\n\nANA\nHi.\nBEN\nHo.\n"
    assert refused(text, "fountain").startswith("Line 8: BEN stands inside of what ANA says")


@pytest.mark.parametrize("text", ["INT. X\n\n/* never ends", "A [[ note"])
def test_an_open_comment_is_refused(text: str) -> None:
    assert "has no end" in refused(text, "fountain")


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("Ana: Hi\nBen: Yo\nwhat\n", "", "Line 3: A text line without"),
        ("One.\n\nTwo.\nNote: four\n", "", "can't be told"),
        ("%PDF-1.7", "book.epub", "a PDF"),
        ("PK\x03\x04", "x.txt", "no EPUB"),
        ("x", "x.epub", "no EPUB"),
        ("x\0", "", "UTF-8"),
        ("", "", "no line"),
        ("Ana: Hi", "x.json", "not JSON"),
    ],
)
def test_a_format_that_can_not_be_found_is_refused(content: str, name: str, expected: str) -> None:
    assert expected in refused(content, None, name)


def test_an_unknown_format_is_refused() -> None:
    assert "Known are lines, csv, jsonl, fountain, markdown, epub" in refused("Ana: Hi", "pdf")


def test_too_much_is_refused_with_number_and_limit() -> None:
    assert f"20,001 lines. At most {MAX_LINES:,}" in refused("Ana: Hi\n" * (MAX_LINES + 1), "lines")
    assert "100,000 lines" in refused("Ana: Hi\n" * 100_000, "lines")
    long = f"Ana: {'a' * MAX_LINE_CHARACTERS}\n"
    assert f"4,005,000 characters. At most {MAX_CHARACTERS:,}" in refused(long * 801, "lines")
    assert "Line 1: The line has 5,001 characters" in refused(f"Ana: {'a' * 5001}", "lines")
