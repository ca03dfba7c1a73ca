"""Reads `csv`: a table with a header row, as spreadsheets save it, and `id|speaker|text` without one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from voxport.scripts.formats.builder import ScriptBuilder, encodable, one_line, shortened
from voxport.scripts.formats.fields import FILE_FIELDS, add_fields, field_name
from voxport.scripts.script import Script, ScriptError

_SEPARATORS: Final = (",", ";", "\t", "|")
_SEPARATOR_LINE: Final = re.compile(r"\Asep=[,;\t|](?=[\r\n])")
"""How spreadsheets name the separator of a table. An empty line is left of it, so that lines are counted right."""
_COLUMNS: Final = FILE_FIELDS - {"voice_settings"}
_BARE_COLUMNS: Final[Mapping[int, Sequence[str]]] = {2: ("character", "text"), 3: ("id", "character", "text")}
"""Columns of a table without a header, by their number. Its separator is `|`, and its quotes are text."""

_MAX_SEPARATORS: Final = 10_000
"""In a line of text."""


def read_csv(text: str) -> Script:
    """Read a line from each row. Separators are comma, semicolon, tab and `|`. A column that is not known is left out
    with a warning. Raises ScriptError."""
    builder = ScriptBuilder()
    text = _SEPARATOR_LINE.sub("", text.lstrip("\ufeff"))
    separator = header_separator(text)
    rows = _rows(text, separator or "|", has_quotes=separator is not None)
    columns = _header(rows, builder) if separator else _bare_columns(text)
    chapter = ""
    for place, cells in rows:
        if any(cell.strip() for cell in cells[len(columns) :]):
            raise ScriptError(
                f"The row has {len(cells)} cells, but the table has {len(columns)} columns. A text with the separator "
                "in it stands in double quotes.",
                place,
            )
        fields = {name: cell for name, cell in zip(columns, cells, strict=False) if name in _COLUMNS}
        title = one_line(fields.pop("chapter", ""))
        if title and title != chapter:
            builder.add_chapter(title)
            chapter = title
        add_fields(builder, fields, place)
    return builder.build()


def header_separator(text: str) -> str | None:
    """Return the separator of a table that begins with a header row, or None if the text does not."""
    first = _first_line(_SEPARATOR_LINE.sub("", text.lstrip("\ufeff")))[:10_000]
    for separator in _SEPARATORS:
        if {"character", "text"} <= {field_name(cell.strip(" \r\"'")) for cell in first.split(separator)}:
            return separator
    return None


def _first_line(text: str) -> str:
    """Return the first line that is not empty."""
    text = text.lstrip("\r\n \t")
    return re.split("[\r\n]", text, maxsplit=1)[0]


def _header(rows: Iterator[tuple[str, list[str]]], builder: ScriptBuilder) -> list[str]:
    place, cells = next(rows)
    names = [field_name(cell) for cell in cells]
    for name in _COLUMNS:
        if names.count(name) > 1:
            raise ScriptError(f"Two columns are the {name} of a line.", place)
    unknown = [cell for cell, name in zip(cells, names, strict=True) if name and name not in _COLUMNS]
    if unknown:
        shown = ", ".join(shortened(encodable(one_line(cell)), 40) for cell in unknown[:20])
        builder.warn(f"Columns that are not read: {shown}. Known are {', '.join(sorted(_COLUMNS))}.")
    return names


def _bare_columns(text: str) -> Sequence[str]:
    first = _first_line(text)
    columns = _BARE_COLUMNS.get(first.count("|") + 1)
    if columns is None:
        seen = ", ".join(repr(shortened(encodable(cell.strip(" \"'")), 30)) for cell in re.split(r"[,;\t|]", first)[:8])
        raise ScriptError(
            f"The first row has {seen}. The table needs a header row with the columns character and text, and as many "
            f"of {', '.join(sorted(_COLUMNS - {'character', 'text'}))} as it has. Only id|character|text needs none.",
            "line 1",
        )
    return columns


def _text_rows(text: str, separator: str) -> Iterator[str]:
    """Yield the lines of the table. Raises ScriptError before one becomes millions of cells."""
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if line.count(separator) > _MAX_SEPARATORS:
            raise ScriptError(f"The row has more than {_MAX_SEPARATORS:,} cells.", f"line {number}")
        yield line


def _rows(text: str, separator: str, *, has_quotes: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the cells of each row that has any."""
    reader = csv.reader(
        _text_rows(text, separator),
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE,
        skipinitialspace=has_quotes,
        strict=has_quotes,
    )
    while True:
        place = f"line {reader.line_num + 1}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ScriptError(
                f"The row can't be read ({error}). A quote inside of a quoted cell is written twice.", place
            ) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield place, cells
