"""Splits a text into paragraphs of one or more lines, and decides which line breaks are pauses.

Lines that were wrapped at a margin, in the middle of a sentence where the next word did not fit, are joined. Headings,
list items, verses, speakers and other short lines stay separate.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby, pairwise
from typing import Final

_MIN_MARGIN: Final = 45
"""Minimum length of the longest line, in characters, of text wrapped by a program. Poems, addresses and lists are
shorter."""
_MIN_MARGIN_OF_TWO: Final = 60
"""The same for a text with only one line break."""
_BULLET_MARK: Final = r"(?:[-*+•◦▪▫‣⁃●○■□►▶✓✔✗✘☐☑☒→–]|\[[ xX✓]\])"
_BULLET: Final = re.compile(rf"(?:>\s{{0,3}}){{0,5}}(?:{_BULLET_MARK}\s+){{0,3}}+")
_HEADING: Final = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_NUMBERED: Final = re.compile(r"(?:\(?\d{1,3}(?:\.\d{1,3}){0,4}[.)]|\(?[A-Za-z]\)|[IVXivx]{2,5}[.)])\s")
_SPEAKER: Final = re.compile(r"[^\W\d_][^\s:.,;!?]{0,20}(?: [^\s:.,;!?]{1,20}){0,2}:(?:\s|$)")
_HORIZONTAL_RULE: Final = re.compile(r"(?:[-=_*~#+\u2500-\u257f|:. ]{3,}|```.{0,30}|~~~.{0,30}|\[[^\]]{1,40}\]:\s.*)")
_LINK: Final = re.compile(r"!?\[([^\[\]\n]{0,300})\]\((?:[^()\s]{0,500})(?:\s\"[^\"\n]{0,200}\")?\)")
_DIALOGUE: Final = ("—", "–", "-", "«", "“", '"')
_SENTENCE_ENDS: Final = tuple(".!?…।॥:;。！？")
_CLOSERS: Final = "\"'”’»)]*_"


def split_paragraphs(text: str) -> list[list[str]]:
    """Returns the paragraphs of `text` (with `\\n` as line break) as lists of lines. Removes list marks, heading signs
    and lines without a letter or a digit, which are not spoken."""
    paragraphs: list[list[str]] = []
    lines = [" ".join(line.split()) for line in text.split("\n")]
    for filled, group in groupby(lines, bool):
        if filled:
            for block in _blocks(list(group)):
                if block:
                    paragraphs.append(block)
    return paragraphs


def _blocks(lines: list[str]) -> list[list[str]]:
    """Splits a group of non-empty lines into blocks at horizontal rules, and joins wrapped lines in each."""
    blocks: list[list[str]] = []
    for is_rule, group_lines in groupby(lines, lambda line: _HORIZONTAL_RULE.fullmatch(line) is not None):
        if not is_rule:
            blocks.append(_join_wrapped_lines(list(group_lines)))
    return blocks


def _join_wrapped_lines(lines: list[str]) -> list[str]:
    if all(line[0] == ">" for line in lines):  # a quotation, which may be wrapped like any text
        lines = [plain for line in lines if (plain := line.lstrip("> "))]
    if not lines:
        return []
    lines = [_LINK.sub(r"\1", line) if "](" in line else line for line in lines]
    starts = [_starts_line(line) for line in lines]
    wrapped = _wrapped_breaks(lines, starts)
    joined: list[list[str]] = []
    for number, (line, starts_line) in enumerate(zip(lines, starts, strict=True)):
        plain = _without_list_marks(line)
        if not plain:
            continue
        if joined and number and wrapped[number - 1] and not starts_line:
            last = joined[-1][-1]
            # A word split at the margin keeps its hyphen, because the word itself may be hyphenated.
            is_cut = last.endswith("-") and last[-2:-1].isalpha() and plain[:1].islower()
            joined[-1] += [plain] if is_cut else [" ", plain]
        else:
            joined.append([plain])
    return ["".join(pieces) for pieces in joined]


def _wrapped_breaks(lines: list[str], starts: list[bool]) -> list[bool]:
    """Returns for each line but the last whether it was wrapped at the margin: the next word would not have fitted,
    and the sentence continues after most of the breaks."""
    margin = max(map(len, lines))
    if len(lines) < 2:
        return [False]
    full = [
        len(line) + 1 + len(following.split(" ", 1)[0]) > margin and not starts_line
        for line, following, starts_line in zip(lines, lines[1:], starts[1:], strict=False)
    ]
    continues = [_continues(line, following) for line, following in pairwise(lines)]
    if margin < (_MIN_MARGIN if len(lines) > 2 else _MIN_MARGIN_OF_TWO):
        return [False] * len(full)
    inner = [n for n, starts_line in enumerate(starts[1:]) if not starts_line]
    fitting = sum(full[n] for n in inner)
    if not inner or fitting * 4 < len(inner) * 3 or not any(continues[n] for n in inner if full[n]):
        return [False] * len(full)
    capitals = sum(lines[n + 1][:1].isupper() for n in inner)
    if len(inner) > 1 and capitals * 4 > len(inner) * 3:  # verses, which begin with a capital
        return [False] * len(full)
    breaks = zip(lines, full, continues, strict=False)
    return [is_full or (going and len(line) * 4 > margin * 3) for line, is_full, going in breaks]


def _continues(line: str, following: str) -> bool:
    """Returns True if the sentence continues after the break."""
    return not line.rstrip(_CLOSERS).endswith(_SENTENCE_ENDS) and not following[:1].isupper()


def _starts_line(line: str) -> bool:
    """Returns True if the line is never joined to the one before: an item, a heading, a speaker, a table row."""
    if line[0] in "#|>" or _NUMBERED.match(line) or (not line[0].islower() and _SPEAKER.match(line)):
        return True
    bullet = _BULLET.match(line)
    return bool(bullet and bullet.end()) or line.startswith(_DIALOGUE)


def _without_list_marks(line: str) -> str:
    """Removes the marks of a list, heading, quotation or table row. Returns "" if nothing is left to say."""
    heading = _HEADING.fullmatch(line)
    if heading is not None:
        line = heading[1]
    if line[:1] == "|" and line.count("|") > 1:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        line = ", ".join(cell for cell in cells if cell)
    # A dash before words marks dialogue ("— Hola") and affects intonation; one before a list item does not.
    bullet = _BULLET.match(line)
    if bullet is not None and bullet.end() and not line.startswith("– "):
        line = line[bullet.end() :]
    return line if any(unicodedata.category(character)[0] in "LN" for character in line) else ""
