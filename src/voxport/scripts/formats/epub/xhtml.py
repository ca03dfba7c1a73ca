"""Finds what is read aloud in a chapter: its paragraphs, headings and scene breaks, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from voxport.scripts.formats.epub.semantics import FRONT_MATTER, NOTE_REFERENCES, NOTES, types
from voxport.scripts.script import ScriptError

_BLOCKS: Final = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl"),
        *("dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hr", "html", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead"),
        *("tr", "ul"),
    ]
)
_NEVER_READ: Final = frozenset(
    [
        *("audio", "button", "canvas", "embed", "head", "iframe", "input", "map", "nav", "noscript", "object", "rp"),
        *("rt", "script", "select", "style", "svg", "template", "textarea", "video"),
    ]
)
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_NOTE_BLOCKS: Final = frozenset(["p", "li", "aside", "dd", "dt", "tr", "td"])
_NOTE_MARK: Final = re.compile(r"[\[({]?\s?(?:\d{1,3}|[*†‡§¶]{1,4}|[ivxl]{1,6}|[a-z])\s?[\])}]?")
_BACK_LINK: Final = re.compile(r"[\s\[(]*[↩↑⤴^\ufe0e]+[\s\])]*")
_MAX_NOTE_MARK: Final = 100
"""Characters of a link that can be a note's mark, with blanks around it."""
MAX_PARAGRAPH_CHARACTERS: Final = 1_000_000
"""To split a paragraph takes up to a hundred bytes for a character. A novel in one piece has 600,000."""
_INVISIBLE: Final = re.compile("[\u00ad\u200b\u2060\ufeff]")
_WHITESPACE: Final = re.compile(r"[ \t\r\n\f]+")


@dataclass(frozen=True)
class Block:
    text: str
    """Lines of a poem are separated by a line break. Empty: a scene break."""
    heading: int = 0
    """Level of a heading, or 0."""
    anchors: tuple[str, ...] = ()
    """Ids that stand at its begin, of those that were asked for."""


@dataclass
class Omissions:
    """What was left out of a book."""

    notes: int = 0
    images: int = 0
    targets: set[tuple[str, str]] = field(default_factory=set)
    """File and id of notes that marks refer to."""


@dataclass
class _Mark:
    """An open link or superscript."""

    begin: int
    """In the buffer; -1 after a block ended inside."""
    href: str = ""
    has_note: bool = False
    is_raised: bool = False


class TextExtractor:
    """An XmlHandler that calls `on_block` for each block of a file.

    Left out: scripts, styles, ruby annotations, page numbers, hidden parts, pictures (but for a drop cap, which is one
    letter), notes with their marks, and, unless asked for, parts that are marked as front matter.
    """

    def __init__(
        self,
        file: str,
        on_block: Callable[[Block], None],
        *,
        anchors: AbstractSet[str],
        omissions: Omissions,
        resolve: Callable[[str], str | None],
        with_front_matter: bool,
    ) -> None:
        self.has_front_matter = False
        self._file = file
        self._on_block = on_block
        self._anchors = anchors
        self._omissions = omissions
        self._resolve = resolve
        self._unread = NOTES if with_front_matter else NOTES | FRONT_MATTER
        self._skipped = 0
        """Depth inside of a part that is left out."""
        self._buffer: list[str] = []
        """Text of the open block."""
        self._length = 0
        self._has_text = False
        self._found_anchors: list[str] = []
        self._heading = 0
        self._raised: list[_Mark] = []
        self._links: list[_Mark] = []
        self._preformatted = 0
        self._is_note = False
        """True if the block is a note's text."""

    def on_start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._skipped or self._is_left_out(tag, attributes):
            self._skipped += 1
            return
        if tag in _BLOCKS:
            self._flush()
            self._heading = _HEADINGS.get(tag, self._heading)
        self._on_ids({attributes[name] for name in ("id", "xml:id", "name") if name in attributes})
        if tag == "hr":
            self._on_block(Block(""))
        elif tag == "br":
            self._append("\n")
        elif tag == "pre":
            self._preformatted += 1
        elif tag in ("td", "th") and self._has_text:
            self._append(", ")
        elif tag == "img":
            self._on_image(attributes.get("alt", "").strip())
        elif tag == "sup":
            self._raised.append(_Mark(len(self._buffer)))
        elif tag == "a":
            is_marked = bool(types(attributes) & NOTE_REFERENCES) or "noteref" in attributes.get("class", "").lower()
            self._links.append(
                _Mark(len(self._buffer), attributes.get("href", ""), is_raised=is_marked or bool(self._raised))
            )

    def on_end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        if tag in _BLOCKS:
            self._flush()
            if tag in _HEADINGS:
                self._heading = 0
        if tag == "pre":
            self._preformatted -= 1
        elif tag == "a" and self._links:
            self._on_link_end(self._links.pop())
        elif tag == "sup" and self._raised:
            raised = self._raised.pop()
            if raised.begin >= 0 and raised.has_note:
                del self._buffer[raised.begin :]
            for link in self._links[-1:]:
                link.is_raised = True

    def on_text(self, text: str) -> None:
        if not self._skipped:
            self._append(text if self._preformatted else _WHITESPACE.sub(" ", text))

    def finish(self) -> None:
        self._flush()

    def _is_left_out(self, tag: str, attributes: Mapping[str, str]) -> bool:
        kinds = types(attributes)
        if tag == "a" and kinds & NOTE_REFERENCES:
            self._omissions.notes += 1
            self._remember_target(attributes.get("href", ""))
            for raised in self._raised:
                raised.has_note = True
            return True
        if tag in _NEVER_READ or "hidden" in attributes or attributes.get("aria-hidden") == "true":
            return True
        if "display:none" in attributes.get("style", "").replace(" ", ""):
            return True
        if kinds & self._unread:
            self.has_front_matter = self.has_front_matter or bool(kinds & FRONT_MATTER)
            if tag in _BLOCKS:
                self._flush()
            return True
        if tag == "math" or (tag == "span" and any(map(str.isalnum, attributes.get("aria-label", "")))):
            self._append(attributes.get("alttext" if tag == "math" else "aria-label", ""))
            return True
        if tag in _NOTE_BLOCKS and (self._file, attributes.get("id", "")) in self._omissions.targets:
            self._flush()
            return True
        return False

    def _on_ids(self, ids: set[str]) -> None:
        self._found_anchors += sorted(ids & self._anchors)
        is_target = any((self._file, each) in self._omissions.targets for each in ids)
        if is_target and not self._has_text and not self._heading:
            self._is_note = True

    def _on_image(self, alt: str) -> None:
        if len(alt) == 1 and alt.isalpha():
            self._append(alt)
        else:
            self._omissions.images += 1

    def _on_link_end(self, link: _Mark) -> None:
        if link.begin < 0:
            return
        pieces = self._buffer[link.begin :]
        if sum(map(len, pieces)) > _MAX_NOTE_MARK:  # each of nested links would join the text of a whole chapter
            return
        text = "".join(pieces).strip()
        if _BACK_LINK.fullmatch(text):
            del self._buffer[link.begin :]
        elif "#" in link.href and _NOTE_MARK.fullmatch(text) and (link.is_raised or not text.isalnum()):
            del self._buffer[link.begin :]
            self._omissions.notes += 1
            if link.is_raised:
                self._remember_target(link.href)
            for raised in self._raised:
                raised.has_note = True

    def _remember_target(self, href: str) -> None:
        fragment = href.partition("#")[2]
        if fragment and (file := self._resolve(href)) is not None:
            self._omissions.targets.add((file, fragment))

    def _append(self, text: str) -> None:
        self._buffer.append(text)
        self._length += len(text)
        if self._length > MAX_PARAGRAPH_CHARACTERS:
            raise ScriptError(
                f"A paragraph has more than {MAX_PARAGRAPH_CHARACTERS:,} characters. Divide the text into paragraphs.",
                self._file,
            )
        self._has_text = self._has_text or not text.isspace()

    def _flush(self) -> None:
        """End the block."""
        text = _INVISIBLE.sub("", "".join(self._buffer))
        self._buffer.clear()
        self._length = 0
        self._has_text = False
        for mark in (*self._raised, *self._links):
            mark.begin = -1
        is_note, self._is_note = self._is_note, False
        text = "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))
        if text and not is_note:
            anchors, self._found_anchors = tuple(self._found_anchors), []
            self._on_block(Block(text, self._heading, anchors))
