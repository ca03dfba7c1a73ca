"""Reads a script in any of its spellings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from voxport.scripts.formats.builder import ScriptBuilder
from voxport.scripts.formats.csv_table import read_csv
from voxport.scripts.formats.detection import detect_format
from voxport.scripts.formats.encoding import decode_text
from voxport.scripts.formats.epub.book import read_epub
from voxport.scripts.formats.fields import LINE_FIELDS, add_fields
from voxport.scripts.formats.fountain import read_fountain
from voxport.scripts.formats.jsonl import read_jsonl
from voxport.scripts.formats.lines import read_lines
from voxport.scripts.formats.markdown import read_markdown
from voxport.scripts.script import Script, ScriptError

_TEXT_READERS: Final[Mapping[str, Callable[[str], Script]]] = {
    "lines": read_lines,
    "csv": read_csv,
    "jsonl": read_jsonl,
    "fountain": read_fountain,
    "markdown": read_markdown,
}
FORMATS: Final = (*_TEXT_READERS, "epub")


def read_script(
    content: bytes, script_format: str | None, *, name: str = "", with_front_matter: bool = False
) -> Script:
    """Read a script in one of FORMATS; None finds the format by `name` (a file's name or URL's path) and content.
    `with_front_matter` also reads a book's cover, title page, table of contents and so on. Raises ScriptError."""
    found = detect_format(content, name) if script_format is None else script_format
    if found == "epub":
        return read_epub(content, with_front_matter=with_front_matter)
    if found not in _TEXT_READERS:
        raise ScriptError(
            f"The format {found[:40]!r} of a script is not known. Known are {', '.join(FORMATS)}.",
            details={"script_format": found[:40], "known": list(FORMATS)},
        )
    return _TEXT_READERS[found](decode_text(content))


def read_script_items(items: Sequence[Mapping[str, object]]) -> Script:
    """Read the array `script` of a request: `id` (optional), `character`, `text`, `pause_after`, `language`,
    `voice_settings`, `markup`. Raises ScriptError."""
    builder = ScriptBuilder()
    for number, item in enumerate(items):
        place = f"script[{number}]"
        unknown = sorted(set(item) - LINE_FIELDS)
        if unknown:
            raise ScriptError(f"The field {str(unknown[0])[:60]!r} is not known.", place)
        add_fields(builder, item, place)
    return builder.build()
