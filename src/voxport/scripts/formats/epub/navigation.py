"""Reads tables of contents: the navigation document of EPUB 3, the NCX of EPUB 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voxport.scripts.formats.epub.archive import Archive
from voxport.scripts.formats.epub.package import Package
from voxport.scripts.formats.epub.semantics import types
from voxport.scripts.formats.epub.xml_events import parse_xml, title_of
from voxport.scripts.script import ScriptError


@dataclass(frozen=True)
class NavigationPoint:
    title: str
    file: str
    fragment: str
    """Id of the element where it begins; "" for the begin of the file."""
    level: int


@dataclass(frozen=True)
class Navigation:
    points: tuple[NavigationPoint, ...] = ()
    landmarks: tuple[tuple[str, str], ...] = ()
    """Type and name of the file."""


def read_navigation(package: Package, archive: Archive) -> Navigation:
    """Return the table of contents; empty if the book has none that can be read."""
    for item_id, is_ncx in ((package.with_property("nav"), False), (package.ncx_id, True)):
        name = package.file(item_id, archive) if item_id else None
        if name is None:
            continue
        entries = _Entries(is_ncx)
        parse_xml(archive.read_xml(name), entries, name)
        points = [
            NavigationPoint(entry.title, file, entry.href.partition("#")[2], entry.level)
            for entry in entries.found
            if entry.title and entry.href and (file := _file(archive, name, entry.href)) is not None
        ]
        landmarks = [
            (kind, file) for kind, href in entries.landmarks if (file := _file(archive, name, href)) is not None
        ]
        if points:
            return Navigation(tuple(points), tuple(landmarks))
    return Navigation()


def _file(archive: Archive, base: str, href: str) -> str | None:
    try:
        return archive.find(base, href)
    except ScriptError:
        raise ScriptError(f"The table of contents names {href[:80]!r}, which is outside of the EPUB.", base) from None


@dataclass
class _Entry:
    level: int
    title: str = ""
    href: str = ""


class _Entries:
    """Collects `<a>` of `<nav epub:type="toc">`, or `<navPoint>` of `<navMap>`."""

    def __init__(self, is_ncx: bool) -> None:
        self.found: list[_Entry] = []
        self.landmarks: list[tuple[str, str]] = []
        self._is_ncx = is_ncx
        self._list = ""
        self._level = 0
        self._entry: _Entry | None = None
        self._text: list[str] | None = None

    def on_start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._is_ncx:
            self._on_ncx_start(tag, attributes)
        elif tag == "nav":
            kinds = types(attributes)
            self._list = "toc" if "toc" in kinds else "landmarks" if "landmarks" in kinds else ""
            self._level = 0
        elif tag == "ol":
            self._level += 1
        elif tag == "a" and self._list == "landmarks":
            self.landmarks += [(kind, attributes.get("href", "")) for kind in types(attributes)]
        elif tag == "a" and self._list == "toc":
            self._entry, self._text = _Entry(max(self._level, 1), href=attributes.get("href", "")), []
            self.found.append(self._entry)

    def _on_ncx_start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "navpoint":
            self._level += 1
            self._entry = _Entry(self._level)
            self.found.append(self._entry)
        elif tag == "text" and self._entry is not None and not self._entry.title:
            self._text = []
        elif tag == "content" and self._entry is not None and not self._entry.href:
            self._entry.href = attributes.get("src", "")

    def on_text(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def on_end(self, tag: str) -> None:
        if tag in ("a", "text") and self._text is not None and self._entry is not None:
            self._entry.title = title_of(self._text)
            self._text = None
        elif tag in ("ol", "navpoint"):
            self._level -= 1
        elif tag == "nav":
            self._list = ""
        elif tag == "navmap":
            self._entry = None
