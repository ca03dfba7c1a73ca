"""Collects the lines and chapters that a reader finds, within the limits of a script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from voxport.scripts.formats.paragraphs import MAX_PART_CHARACTERS, split_paragraph
from voxport.scripts.script import (
    MAX_CHAPTERS,
    MAX_CHARACTERS,
    MAX_LINE_CHARACTERS,
    MAX_LINES,
    MAX_NAME_CHARACTERS,
    NARRATOR,
    Chapter,
    Cover,
    Script,
    ScriptError,
    ScriptLine,
    character_name,
)

HEADING_PAUSE: Final = 1.0
"""Seconds behind a heading that is read."""
SCENE_PAUSE: Final = 2.0
"""Seconds at a scene break: a horizontal rule, or a line of asterisks."""
_MAX_WARNINGS: Final = 50
_MAX_TITLE: Final = 300
_ID: Final = re.compile(r"(?![.-])[A-Za-z0-9._-]{1,64}")
LANGUAGE_CODE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,4}")


class ScriptBuilder:
    """Raises ScriptError as soon as a line is unusable; the limits of the whole script are checked by `build`, so that
    the error can tell how much there is. What exceeds them is counted, not stored."""

    def __init__(self) -> None:
        self._lines: list[ScriptLine] = []
        self._chapters: list[Chapter] = []
        self._place_of_id: dict[str, tuple[str, str]] = {}
        self._warnings: list[str] = []
        self._line_count = self._character_count = self._chapter_count = self._warning_count = 0
        self.language: str | None = None

    def add_chapter(self, title: str, level: int = 1) -> None:
        """Begin a chapter. One without lines is dropped."""
        self._chapter_count += 1
        if self._chapter_count <= 10 * MAX_CHAPTERS:
            self._chapters.append(Chapter(shortened(one_line(title), _MAX_TITLE), max(1, min(level, 6))))

    def add_line(
        self,
        character: str,
        text: str,
        place: str,
        *,
        line_id: str = "",
        pause_after: float | None = None,
        language: str | None = None,
        voice_settings: Mapping[str, float] | None = None,
        markup: str = "none",
        begins_paragraph: bool = True,
    ) -> None:
        character, text = character_name(character), text.strip()
        self._check(character, text, place)
        self._line_count += 1
        self._character_count += len(text)
        if self._line_count > MAX_LINES or self._character_count > MAX_CHARACTERS:
            if self._line_count > 10 * MAX_LINES or self._character_count > 10 * MAX_CHARACTERS:
                self._check_limits()
            return
        if line_id:
            self._take_id(line_id, place)
        if not self._chapters:
            self._chapters.append(Chapter(""))
        self._lines.append(
            ScriptLine(
                id=line_id,
                character=character,
                text=text,
                place=place,
                chapter=len(self._chapters) - 1,
                pause_after=pause_after,
                language=None if language is None else language_code(language, place),
                voice_settings=dict(voice_settings or {}),
                markup=markup,
                begins_paragraph=begins_paragraph,
            )
        )

    def add_paragraph(
        self, text: str, place: str, *, character: str = NARRATOR, pause_after: float | None = None
    ) -> None:
        """Add a paragraph of a book, in several lines if it is long. One without a letter or a digit is a break."""
        if not is_speakable(text):
            if text.strip():
                self.add_break()
            return
        if self._character_count + len(text) > MAX_CHARACTERS:  # too much already: not worth the time to split
            self._line_count += len(text) // MAX_PART_CHARACTERS
            self._character_count += len(text)
            if self._character_count > 10 * MAX_CHARACTERS:
                self._check_limits()
            return
        parts = split_paragraph(text, self.language)
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            self.add_line(
                character, part, place, pause_after=pause_after if is_last else None, begins_paragraph=number == 0
            )

    def add_heading(self, text: str, place: str) -> None:
        self.add_paragraph(one_line(text), place, pause_after=HEADING_PAUSE)

    def add_break(self) -> None:
        """Make the pause behind the last line one of a scene break."""
        if self._lines and self._line_count == len(self._lines):
            last = self._lines[-1]
            self._lines[-1] = replace(last, pause_after=max(last.pause_after or 0.0, SCENE_PAUSE))

    def warn(self, message: str) -> None:
        self._warning_count += 1
        if self._warning_count <= _MAX_WARNINGS:
            self._warnings.append(encodable(message))

    def build(self, *, title: str = "", author: str = "", cover: Cover | None = None) -> Script:
        """Raises ScriptError if there is nothing to speak, or too much."""
        self._check_limits()
        if not self._lines:
            raise ScriptError("The script has no line to speak.")
        title, author = (shortened(one_line(encodable(value)), _MAX_TITLE) for value in (title, author))
        used = sorted({line.chapter for line in self._lines})
        if len(used) > MAX_CHAPTERS:
            raise _too_many("chapters", len(used), MAX_CHAPTERS)
        index = {chapter: number for number, chapter in enumerate(used)}
        chapters = [self._chapters[number] for number in used]
        if not chapters[0].title:
            chapters[0] = replace(chapters[0], title=title)
        if self._warning_count > _MAX_WARNINGS:
            self._warnings.append(f"There are {self._warning_count - _MAX_WARNINGS:,} more remarks.")
        return Script(
            lines=tuple(
                replace(line, id=line.id or self._generated_id(number), chapter=index[line.chapter])
                for number, line in enumerate(self._lines, 1)
            ),
            chapters=tuple(chapters),
            title=title,
            author=author,
            language=self.language,
            cover=cover,
            warnings=tuple(self._warnings),
        )

    def _check(self, character: str, text: str, place: str) -> None:
        if not character:
            raise ScriptError("The line has no character. Say who speaks it.", place)
        if len(character) > MAX_NAME_CHARACTERS:
            raise ScriptError(
                f"The character's name has {len(character):,} characters, more than {MAX_NAME_CHARACTERS}.", place
            )
        if not character.isprintable():
            hidden = next(one for one in character if not one.isprintable())
            raise ScriptError(
                f"The character's name has the invisible character U+{ord(hidden):04X}. Remove it.", place
            )
        if "\0" in text:
            raise ScriptError("The text has the character U+0000, which can't be spoken. Remove it.", place)
        if not text:
            raise ScriptError(f"The line of {character} has no text. Write one, or remove the line.", place)
        if not is_speakable(text):
            raise ScriptError(f"The line of {character} has no letter and no digit, so nothing can be spoken.", place)
        if len(text) > MAX_LINE_CHARACTERS:
            raise ScriptError(
                f"The line has {len(text):,} characters. At most {MAX_LINE_CHARACTERS:,} are allowed: split it.",
                place,
                details={"characters": len(text), "max_characters": MAX_LINE_CHARACTERS},
            )
        if encodable(text) != text:
            raise ScriptError("The text has half a character (a lone surrogate).", place)

    def _check_limits(self) -> None:
        if self._line_count > MAX_LINES:
            raise _too_many("lines", self._line_count, MAX_LINES)
        if self._character_count > MAX_CHARACTERS:
            raise _too_many("characters", self._character_count, MAX_CHARACTERS)
        if self._chapter_count > 10 * MAX_CHAPTERS:
            raise _too_many("chapters", self._chapter_count, MAX_CHAPTERS)

    def _take_id(self, line_id: str, place: str) -> None:
        if _ID.fullmatch(line_id) is None:
            raise ScriptError(
                f"The id {shortened(line_id, 80)!r} can't be a file's name. Ids have at most 64 of A-Z, a-z, 0-9, "
                "dot, dash and underscore, and don't begin with a dot or a dash.",
                place,
            )
        # Without regard to case: on many computers A.mp3 and a.mp3 are one file.
        first = self._place_of_id.setdefault(line_id.casefold(), (place, line_id))
        if first != (place, line_id):
            where, other = first
            same = "also stands" if other == line_id else f"differs only in case from {other!r}"
            raise ScriptError(
                f"The id {line_id!r} {same} in {where}. Each line needs an id of its own.",
                place,
                details={"id": line_id, "places": [where, place]},
            )

    def _generated_id(self, number: int) -> str:
        """Return the line's number; if another line was given it as its id, with a suffix."""
        found, suffix = f"{number:04}", 1
        while found in self._place_of_id:
            suffix += 1
            found = f"{number:04}-{suffix}"
        self._place_of_id[found] = ("", "")
        return found


def is_speakable(text: str) -> bool:
    return any(map(str.isalnum, text))


def one_line(text: str) -> str:
    return " ".join(text.split())


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def encodable(text: str) -> str:
    """Return the text with `?` for each lone surrogate, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def language_code(language: str, place: str) -> str:
    """Raises ScriptError unless it has the form of a BCP 47 code."""
    language = language.strip()
    if LANGUAGE_CODE.fullmatch(language) is None:
        raise ScriptError(f"The language {shortened(encodable(language), 40)!r} is not a code like en-us or fr.", place)
    return language.replace("_", "-")


def _too_many(what: str, count: int, limit: int) -> ScriptError:
    return ScriptError(
        f"The script has {count:,} {what}. At most {limit:,} are allowed: split it into several scripts.",
        details={what: count, f"max_{what}": limit},
    )
