"""Reads `markdown`: books and texts (CommonMark with tables, parsed by markdown-it-py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from voxport.scripts.formats.builder import ScriptBuilder, is_speakable, one_line
from voxport.scripts.formats.encoding import text_lines
from voxport.scripts.formats.front_matter import read_front_matter
from voxport.scripts.formats.lines import split_bracketed_name
from voxport.scripts.script import MAX_CHARACTERS, Script, ScriptError

MAX_SOURCE_CHARACTERS: Final = MAX_CHARACTERS + 1_000_000
"""With markup."""
MAX_SOURCE_LINES: Final = 150_000
"""That are not empty. A block takes a kilobyte of the parser's memory."""
MAX_MARKS: Final = 200_000
"""Of markup in a text: the parser takes up to 20 µs for one. A novel has some ten thousand."""
MAX_PARAGRAPH_CHARACTERS: Final = 100_000
_MARKS: Final = "*_[]`<&|~"
_CHAPTER_LEVELS: Final = 3
_FOOTNOTE: Final = re.compile(r" {0,3}\[\^[^\]\s]{1,60}\]:")
_FOOTNOTE_MARK: Final = re.compile(r"\[\^[^\]\s]{1,60}\]")
_HEADING_ID: Final = re.compile(r"\s\{[#.][^{}]{0,80}\}$")
_TASK: Final = re.compile(r"\[[ xX]\]\s")
_BREAK_TAG: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)


def read_markdown(text: str) -> Script:
    """Read headings of three levels as chapters (and aloud), paragraphs, items, quotations and rows of tables by the
    Narrator, or by whom `[Ana] …` names at the begin of a line. Drops marks of emphasis, addresses of links, HTML, code
    and footnotes; warns of the last three. Raises ScriptError."""
    _check_size(text)
    front, lines = read_front_matter(text_lines(text.lstrip("\ufeff")))
    builder = ScriptBuilder()
    builder.language = front.language
    lines, footnotes = _without_footnotes(lines)
    # The text of a block is parsed when it is read, so that its tokens are gone before the next. Without text_join, an
    # escaped bracket (\[sic]) is a token of its own, and names no character.
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable(["inline", "text_join"])
    references: dict[str, Any] = {}
    reader = _Reader(builder, lambda content: _inline(parser, content, references))
    for token in parser.parse("\n".join(lines), references):
        reader.read(token)
    if footnotes:
        builder.warn(f"Footnotes are not read: {footnotes} were left out.")
    title = front.title or (reader.first_headings[0] if len(reader.first_headings) == 1 else "")
    return builder.build(title=title, author=front.author)


def _check_size(text: str) -> None:
    """Raises ScriptError for what would take the parser too long, or too much memory."""
    found = {
        "characters": (len(text), MAX_SOURCE_CHARACTERS),
        "lines": (sum(1 for line in text_lines(text) if line.strip()), MAX_SOURCE_LINES),
        "marks of markup": (sum(map(text.count, _MARKS)), MAX_MARKS),
    }
    for what, (count, limit) in found.items():
        if count > limit:
            raise ScriptError(
                f"The text has {count:,} {what}. At most {limit:,} are allowed: split it into several scripts.",
                details={what.partition(" ")[0]: count, f"max_{what.partition(' ')[0]}": limit},
            )


def _inline(parser: MarkdownIt, content: str, references: dict[str, Any]) -> list[Token]:
    tokens: list[Token] = []
    parser.inline.parse(content, parser, references, tokens)
    return tokens


@dataclass
class _Reader:
    builder: ScriptBuilder
    parse: Callable[[str], list[Token]]
    """Parses the text of a block."""
    first_headings: list[str] = field(default_factory=list)
    """Texts of the headings of level 1."""
    _heading: int = 0
    """Level of the open heading."""
    _cells: list[str] | None = None
    """Of the open row of a table."""
    _item: str | None = None
    """What stands before the next text of a list: the number, or nothing."""

    def read(self, token: Token) -> None:
        place = f"line {token.map[0] + 1}" if token.map else ""
        if token.type == "heading_open":
            self._heading = int(token.tag[1:])
        elif token.type == "heading_close":
            self._heading = 0
        elif token.type == "list_item_open":
            self._item = f"{token.info}. " if token.info.isdigit() else ""
        elif token.type == "tr_open":
            self._cells = []
        elif token.type == "tr_close":
            self._read_row(place or self._row_place)
        elif token.type == "inline":
            self._read_inline(token, place)
        elif token.type == "hr":
            self.builder.add_break()
        elif token.type in ("fence", "code_block"):
            self.builder.warn(f"{_capital(place)}: code is not read; the block was left out.")
        elif token.type == "html_block" and not token.content.lstrip().startswith("<!--"):
            self.builder.warn(f"{_capital(place)}: HTML is not read; the block was left out.")

    def _read_inline(self, token: Token, place: str) -> None:
        if (length := len(token.content)) > MAX_PARAGRAPH_CHARACTERS:
            raise ScriptError(
                f"The paragraph has {length:,} characters. At most {MAX_PARAGRAPH_CHARACTERS:,} are allowed: separate "
                "paragraphs by empty lines.",
                place,
                details={"characters": length, "max_characters": MAX_PARAGRAPH_CHARACTERS},
            )
        children = self.parse(token.content)
        if self._cells is not None:
            self._row_place = place
            self._cells.append(one_line(" ".join(text for _, text in _segments(children))))
            return
        if self._heading:
            text = _HEADING_ID.sub("", one_line(" ".join(text for _, text in _segments(children))))
            if self._heading == 1:
                self.first_headings.append(text)
            if self._heading <= _CHAPTER_LEVELS and is_speakable(text):
                self.builder.add_chapter(text, self._heading)
            self.builder.add_heading(text, place)
            return
        prefix, self._item = self._item, None
        for character, text in _speeches(_segments(children), is_item=prefix is not None):
            if character is None:
                self.builder.add_paragraph(f"{prefix or ''}{text}", place)
            elif len(text) > 0 and is_speakable(text):
                self.builder.add_paragraph(text, place, character=character)
            else:
                self.builder.add_line(character, text, place)  # refuses it
            prefix = None

    def _read_row(self, place: str) -> None:
        cells = [cell for cell in self._cells or [] if cell]
        self._cells = None
        row = ", ".join(cells)
        if is_speakable(row):
            self.builder.add_paragraph(row if row.endswith((".", "!", "?")) else f"{row}.", place)

    _row_place: str = ""


def _speeches(segments: Iterator[tuple[bool, str]], *, is_item: bool) -> Iterator[tuple[str | None, str]]:
    """Yield who says what in a paragraph. A line that begins with `[Ana]` begins Ana's text."""
    character: str | None = None
    said: list[str] = []
    for number, (has_bracket, text) in enumerate(segments):
        if is_item and number == 0 and (task := _TASK.match(text)):
            has_bracket, text = False, text[task.end() :]
        found = split_bracketed_name(text.strip()) if has_bracket else None
        if found is None:
            said.append(text)
            continue
        if said or character is not None:
            yield character, _tidy(said)
        character, said = found[0], [found[1]]
    if said:
        yield character, _tidy(said)


def _tidy(said: Sequence[str]) -> str:
    """Join the lines of a paragraph. A line break stays where the source asks for one (a poem)."""
    lines = (one_line(line) for line in "".join(f"{text} " for text in said).split("\n"))
    return "\n".join(filter(None, lines))


def _segments(tokens: Sequence[Token]) -> Iterator[tuple[bool, str]]:
    """Yield the text of each line of the source, with whether it begins with a bracket that is not escaped. A hard
    break leaves a line break at the end."""
    parts: list[str] = []
    has_bracket = False
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            yield has_bracket, _spoken(parts) + ("\n" if token.type == "hardbreak" else "")
            parts, has_bracket = [], False
            continue
        if not any(parts):
            has_bracket = token.type == "text" and token.content.lstrip().startswith("[")
        if token.type in ("text", "text_special", "code_inline"):
            parts.append(token.content)
        elif token.type == "image":
            parts += [f" {text} " for _, text in _segments(token.children or [])]
        elif token.type == "html_inline" and _BREAK_TAG.fullmatch(token.content):
            parts.append("\n")
    yield has_bracket, _spoken(parts)


def _spoken(parts: Sequence[str]) -> str:
    return _FOOTNOTE_MARK.sub("", "".join(parts))


def _without_footnotes(lines: Sequence[str]) -> tuple[list[str], int]:
    """Return the lines with empty ones in place of the footnotes' texts, and how many there were."""
    kept: list[str] = []
    count = 0
    is_inside = after_blank = False
    for line in lines:
        if _FOOTNOTE.match(line):
            is_inside, after_blank = True, False
            count += 1
        elif is_inside:
            is_blank = not line.strip()
            is_inside = is_blank or line.startswith(("    ", "\t")) or not after_blank
            after_blank = is_blank
        kept.append("" if is_inside else line)
    return kept, count


def _capital(place: str) -> str:
    return f"{place[:1].upper()}{place[1:]}"
