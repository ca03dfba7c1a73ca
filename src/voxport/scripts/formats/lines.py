"""Reads `lines`: `Ana: Who is there?` or `[Ana] Who is there?`, as pasted from a chat."""

from __future__ import annotations

import re
from typing import Final

from voxport.scripts.formats.builder import ScriptBuilder
from voxport.scripts.formats.encoding import text_lines
from voxport.scripts.script import MAX_NAME_CHARACTERS, Script, ScriptError

_CHAPTER: Final = re.compile(r"(#{2,6})\s+(\S.*)")
_COLONS: Final = ":："
_NEVER_IN_NAME: Final = frozenset('"“”„«»!?…|<>{}[]*')
_BOLD: Final = ("**", "__")


def read_lines(text: str) -> Script:
    """Read one line of speech from each line. Skips empty lines and `#` comments; `## Title` begins a chapter. Raises
    ScriptError, also for a line that does not say who speaks."""
    builder = ScriptBuilder()
    comments = 0
    for number, line in enumerate(text_lines(text), 1):
        line = line.strip("\ufeff \t\v\f\u00a0")
        if (chapter := _CHAPTER.fullmatch(line)) is not None:
            builder.add_chapter(chapter[2], len(chapter[1]) - 1)
        elif line.startswith("#"):
            comments += 1
        elif line:
            place = f"line {number}"
            found = split_name(line)
            if found is None:
                raise ScriptError(
                    "A text line without a character. Write `Ana: Who is there?` or `[Ana] Who is there?`, the whole "
                    "line in one line of the file.",
                    place,
                )
            builder.add_line(*found, place)
    if comments:
        builder.warn(f"Lines that begin with # are not read: {comments:,} were left out.")
    return builder.build()


def split_name(line: str) -> tuple[str, str] | None:
    """Split a line into the character's name and the text; None if it begins with no name. The colon of a time (10:30)
    or of an address (https://…) ends no name."""
    if line.startswith("["):
        return split_bracketed_name(line)
    for mark in _BOLD:  # **Ana:** and **Ana**:, as language models write
        if line.startswith(mark):
            end = line.find(mark, len(mark), 2 * MAX_NAME_CHARACTERS)
            if end < 0:
                return None
            line = f"{line[len(mark) : end].strip()}{line[end + len(mark) :]}"
            break
    at = min((found for colon in _COLONS if (found := line.find(colon)) >= 0), default=-1)
    if at < 0 or line.startswith("//", at + 1) or (line[at - 1 : at].isdigit() and line[at + 1 : at + 2].isdigit()):
        return None
    name = line[:at].strip()
    return (name, line[at + 1 :].strip()) if is_name(name) and not _NEVER_IN_NAME.intersection(name) else None


def split_bracketed_name(line: str) -> tuple[str, str] | None:
    """Split `[Ana] Who is there?`, also `[Ana]: Who is there?`."""
    end = line.find("]", 1, MAX_NAME_CHARACTERS + 2)
    name = line[1:end].strip()
    if not line.startswith("[") or end < 0 or "[" in name or not is_name(name):
        return None
    rest = line[end + 1 :].strip()
    return name, rest[1:].strip() if rest[:1] in (*_COLONS,) else rest


def is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME_CHARACTERS and any(map(str.isalpha, name))
