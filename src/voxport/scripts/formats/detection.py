"""Finds the format of a script by its file's name and its content."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import PurePosixPath
from typing import Final

from voxport.scripts.formats.csv_table import header_separator
from voxport.scripts.formats.encoding import decode_text, text_lines
from voxport.scripts.formats.front_matter import FrontMatter, read_front_matter
from voxport.scripts.formats.lines import split_name
from voxport.scripts.script import ScriptError

_FORMAT_OF_EXTENSION: Final = {
    ".csv": "csv",
    ".epub": "epub",
    ".fountain": "fountain",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".markdown": "markdown",
    ".md": "markdown",
    ".ndjson": "jsonl",
    ".spmd": "fountain",
    ".tsv": "csv",
}
_OTHER_FILES: Final = {
    b"%PDF": "a PDF",
    b"{\\rtf": "an RTF document",
    b"\xd0\xcf\x11\xe0": "a Word document",
    b"\x1f\x8b": "a compressed file",
}
_SCENE: Final = re.compile(r"(?:INT|EXT|EST|I/E)[./ ]|(?:FADE IN:)$", re.IGNORECASE)
_SAMPLE_LINES: Final = 500


def detect_format(content: bytes, name: str = "") -> str:
    """Return the format of a script: by its content where that is plain, by the extension of `name`, else by whether
    its lines name characters. Raises ScriptError if it can't be told."""
    if content.startswith(b"PK"):
        return "epub"
    for start, kind in _OTHER_FILES.items():
        if content.startswith(start):
            raise ScriptError(f"This is {kind}, which is not read. Send the text, or an EPUB.")
    by_name = _FORMAT_OF_EXTENSION.get(PurePosixPath(name.casefold().replace("\\", "/")).suffix)
    if by_name == "epub":
        return by_name
    text = decode_text(content).lstrip("\ufeff")
    if by_name is not None:
        return by_name
    if read_front_matter(text_lines(text))[0] != FrontMatter():
        return "markdown"
    if text.lstrip()[:1] == "{" or re.match(r"\s*+\[\s*+[{\]]", text):
        return "jsonl"
    return "csv" if header_separator(text) else _format_of_prose(text)


def _format_of_prose(text: str) -> str:
    lines = (line.strip() for line in text_lines(text))
    sample = list(islice((line for line in lines if line and not line.startswith("#")), _SAMPLE_LINES))
    if any(_SCENE.match(line) for line in sample):
        return "fountain"
    if sample and all(line.count("|") == 2 for line in sample):
        return "csv"
    named = sum(split_name(line) is not None for line in sample)
    if 2 * named >= len(sample):
        return "lines"
    if 5 * named > len(sample):
        raise ScriptError(
            f"The format can't be told: {named} of {len(sample)} lines name a character. Say script_format: lines for "
            "`Ana: Who is there?`, markdown for a book."
        )
    return "markdown"
