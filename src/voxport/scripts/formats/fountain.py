"""Reads `fountain`: screenplays as plain text (https://fountain.io/syntax/)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voxport.scripts.formats.builder import ScriptBuilder, is_speakable
from voxport.scripts.formats.encoding import text_lines
from voxport.scripts.script import MAX_CHARACTERS, NARRATOR, Script, ScriptError

_TITLE_KEYS: Final = frozenset(
    [
        *("title", "credit", "author", "authors", "source", "notes", "draft", "draft date", "date", "contact"),
        *("contact info", "copyright", "revision", "format", "language"),
    ]
)
_TITLE_LINE: Final = re.compile(r"([A-Za-z][A-Za-z ]{0,30}):(.*)")
_SCENE: Final = re.compile(r"(?:INT\.?/EXT|EXT\.?/INT|I/E|INT|EXT|EST)[. ]\s*\S.*", re.IGNORECASE)
_SCENE_NUMBER: Final = re.compile(r"\s#[^#\s]{1,20}#$")
_SECTION: Final = re.compile(r"(#{1,6})\s*([^#\s].*)")
_TRANSITION: Final = re.compile(r"[^a-z]{1,60}\bTO:|(?:FADE|CUT|DISSOLVE|IRIS|WIPE)\b[A-Z ]{0,30}[.:]?")
_EXTENSION: Final = re.compile(r"\([^()]*\)")
_EMPHASIS: Final = re.compile(r"\\([*_])|\*+(?=\S)|(?<=\S)\*+|(?<![^\W_])_+(?=\S)|(?<=\S)_+(?![^\W_])")
_MAX_SOURCE_CHARACTERS: Final = MAX_CHARACTERS + 1_000_000
"""With what is not read. Marks of emphasis and comments take up to ten bytes of memory for a character."""
_SPOKEN_NARRATOR: Final = NARRATOR.casefold()


@dataclass(frozen=True)
class _Block:
    """Lines without an empty one between them."""

    number: int
    """Of its first line."""
    lines: list[str]


def read_fountain(text: str) -> Script:
    """Read dialogue by its characters, and action, lyrics and centred text by the Narrator. Scene headings and sections
    are chapters, which are not read aloud. Parentheticals, extensions as (V.O.), transitions, synopses and notes are
    dropped. Raises ScriptError."""
    if len(text) > _MAX_SOURCE_CHARACTERS:
        raise ScriptError(
            f"The text has {len(text):,} characters. At most {_MAX_SOURCE_CHARACTERS:,} are allowed: split it into "
            "several scripts.",
            details={"characters": len(text), "max_characters": _MAX_SOURCE_CHARACTERS},
        )
    lines = text_lines(_without_notes(_without_comments(text.lstrip("\ufeff"))))
    title_page, begin = _title_page(lines)
    blocks = list(_blocks(lines, begin))
    reader = _Reader({name for block in blocks if len(block.lines) > 1 and (name := _cue(block.lines[0].strip()))})
    for block in blocks:
        reader.read(block)
    return reader.builder.build(title=title_page.get("title", ""), author=title_page.get("author", ""))


class _Reader:
    def __init__(self, names: set[str]) -> None:
        self.builder = ScriptBuilder()
        self._names = names
        self._section_level = 0

    def read(self, block: _Block) -> None:
        number, lines = block.number, block.lines
        while lines and self._is_structure(lines[0].strip()):
            number, lines = number + 1, lines[1:]
        if not lines:
            return
        name = _cue(lines[0].strip()) if len(lines) > 1 else None
        if name is not None:
            self._check_dialogue(name, lines, number)
            self._read_dialogue(name, lines[1:], f"line {number}")
        elif len(lines) > 1 or not _is_transition(lines[0].strip()):
            spoken = " ".join(filter(None, map(_action, lines)))
            self.builder.add_paragraph(spoken, f"line {number}")

    def _is_structure(self, line: str) -> bool:
        """Return True for a line that is not read, and begin the chapter that it names."""
        if section := _SECTION.fullmatch(line):
            self._section_level = len(section[1])
            self.builder.add_chapter(_plain(section[2]), self._section_level)
            return True
        if (line.startswith(".") and line[1:2].isalnum()) or _SCENE.fullmatch(line):
            heading = _SCENE_NUMBER.sub("", line.removeprefix("."))
            self.builder.add_chapter(_plain(heading), self._section_level + 1)
            return True
        return line.startswith("=")

    def _check_dialogue(self, name: str, lines: list[str], number: int) -> None:
        """Refuse another character's cue inside of a dialogue: its text would be spoken by the wrong voice."""
        for later, line in enumerate(lines[1:-1], number + 1):
            other = _cue(line.strip())
            if other in self._names and other != name:
                raise ScriptError(
                    f"{other} stands inside of what {name} says. An empty line is missing before it.", f"line {later}"
                )

    def _read_dialogue(self, name: str, lines: list[str], place: str) -> None:
        spoken = " ".join(
            plain for line in lines if not _is_parenthetical(line.strip()) and (plain := _plain(line.lstrip(" \t~")))
        )
        if is_speakable(spoken):
            self.builder.add_line(NARRATOR if name.casefold() == _SPOKEN_NARRATOR else name, spoken, place)
        else:
            self.builder.warn(f"{place[:1].upper()}{place[1:]}: {name} says nothing that can be spoken; left out.")


def _cue(line: str) -> str | None:
    """Return the name of a character cue: capitals, or anything behind `@`."""
    if line.startswith("@"):
        name = line[1:]
    elif line.startswith(("!", "~", ">", ".", "#", "=")):
        return None
    else:
        name = line
    name = _plain(_EXTENSION.sub(" ", name.rstrip("^ \t")))
    is_capital = (
        any(map(str.isupper, name))
        and not any(map(str.islower, name.replace("ß", "")))
        and not name.endswith((":", "!", "?"))
    )
    return name if name and (line.startswith("@") or is_capital) else None


def _is_parenthetical(line: str) -> bool:
    return line.startswith("(") and line.endswith(")")


def _is_transition(line: str) -> bool:
    return (line.startswith(">") and not line.endswith("<")) or _TRANSITION.fullmatch(line) is not None


def _action(line: str) -> str:
    line = line.strip()
    if line.startswith(">") and line.endswith("<"):
        line = line[1:-1]
    return _plain(line[1:] if line[:1] in ("!", "~") else line)


def _plain(text: str) -> str:
    """Remove the marks of emphasis. A mark between blanks (5 * 3) or inside a word (a_b) is text."""
    return " ".join(_EMPHASIS.sub(lambda found: found[1] or "", text).split())


def _without_comments(text: str) -> str:
    """Remove `/* … */`. One of several lines ends a dialogue, as an empty line does."""
    return _without(text, "/*", "*/", "comment", "")


def _without_notes(text: str) -> str:
    """Remove `[[…]]`. A dialogue goes on behind one."""
    return _without(text, "[[", "]]", "note", "  ")


def _without(text: str, opening: str, closing: str, kind: str, line: str) -> str:
    """Remove parts of a text, but not the line breaks inside; `line` is what is left of each line between two. What
    stands alone in its line leaves two blanks, which end no dialogue."""
    parts: list[str] = []
    at = 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start + 2)
        if end < 0:
            raise ScriptError(f"The {kind} {opening} has no end. Write {closing} behind it.", _place(text, start))
        breaks = len(text_lines(text[start:end])) - 1
        parts += [text[at:start], "  ", f"\n{line}" * breaks]
        at = end + 2
    return "".join([*parts, text[at:]])


def _place(text: str, at: int) -> str:
    return f"line {len(text_lines(text[:at]))}"


def _title_page(lines: list[str]) -> tuple[dict[str, str], int]:
    """Return the values of the title page, and where the script begins."""
    begin = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    first = _TITLE_LINE.match(lines[begin]) if begin < len(lines) else None
    if first is None or first[1].casefold() not in _TITLE_KEYS:
        return {}, begin
    values: dict[str, list[str]] = {}
    key = ""
    for number in range(begin, len(lines)):
        line = lines[number]
        if not line.strip():
            return _joined(values), number
        found = None if line[:1] in " \t" else _TITLE_LINE.match(line)
        if found is not None:
            key = found[1].casefold()
        values.setdefault(key, []).append(_plain(found[2] if found is not None else line))
    return _joined(values), len(lines)


def _joined(values: dict[str, list[str]]) -> dict[str, str]:
    joined = {key: " ".join(filter(None, parts)) for key, parts in values.items()}
    return {**joined, "author": joined.get("author") or joined.get("authors", "")}


def _blocks(lines: list[str], begin: int) -> Iterator[_Block]:
    """Yield the blocks. A line of two blanks is a pause within a dialogue, no end."""
    block = _Block(begin, [])
    for number, line in enumerate(lines[begin:], begin + 1):
        if line.strip() or (block.lines and len(line) >= 2 and not line.strip(" ")):
            if not block.lines:
                block = _Block(number, [])
            block.lines.append(line)
        elif block.lines:
            yield block
            block = _Block(number, [])
    if block.lines:
        yield block
