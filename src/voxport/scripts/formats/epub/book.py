"""Reads an EPUB as a script: its text by the Narrator, its table of contents as chapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import unquote

from voxport.scripts.formats.builder import ScriptBuilder, one_line
from voxport.scripts.formats.epub.archive import Archive
from voxport.scripts.formats.epub.images import MAX_COVER_BYTES, read_cover
from voxport.scripts.formats.epub.navigation import Navigation, NavigationPoint, read_navigation
from voxport.scripts.formats.epub.package import Package, read_package
from voxport.scripts.formats.epub.semantics import FRONT_MATTER, NOTES, has_front_matter_name
from voxport.scripts.formats.epub.xhtml import Block, Omissions, TextExtractor
from voxport.scripts.formats.epub.xml_events import parse_xml
from voxport.scripts.script import Cover, Script, ScriptError

_CHAPTER_HEADINGS: Final = 2
"""Levels of headings that begin a chapter in a book without a table of contents."""
_MAIN_TEXT: Final = frozenset(["text", "bodymatter", "start"])


def read_epub(content: bytes, *, with_front_matter: bool = False) -> Script:
    """Read a book. Cover, title page, copyright, table of contents, dedication, index and the like are left out unless
    `with_front_matter`; notes and pictures always; the warnings tell. Raises ScriptError."""
    archive = Archive(content)
    package = read_package(archive)
    navigation = read_navigation(package, archive)
    documents = package.documents(archive)
    left_out = set() if with_front_matter else _front_matter(package, navigation, archive, documents)
    builder = ScriptBuilder()
    builder.language = package.language
    reader = _BookReader(builder, navigation.points)
    omissions = Omissions()
    front_files = [name for name in documents if name in left_out]
    for name in documents:
        if name in left_out:
            continue
        reader.begin_file(name)
        extractor = TextExtractor(
            name,
            reader.on_block,
            anchors=reader.anchors,
            omissions=omissions,
            resolve=partial(_find, archive, name),
            with_front_matter=with_front_matter,
        )
        parse_xml(archive.read_xml(name), extractor, name)
        extractor.finish()
        if extractor.has_front_matter:
            front_files.append(f"parts of {name}")
    if front_files:
        shown = ", ".join(front_files[:10]) + (", …" if len(front_files) > 10 else "")
        builder.warn(f"Left out as front matter (with_front_matter reads it): {shown}.")
    if omissions.notes:
        builder.warn(f"Footnotes are not read: {omissions.notes:,} were left out.")
    if omissions.images:
        builder.warn(f"Pictures are not read: {omissions.images:,} were left out.")
    return builder.build(title=package.title, author=package.author, cover=_cover(package, archive, builder))


class _BookReader:
    """Puts blocks into lines and chapters."""

    def __init__(self, builder: ScriptBuilder, points: Sequence[NavigationPoint]) -> None:
        self._builder = builder
        self._points: dict[str, dict[str, list[NavigationPoint]]] = {}
        for point in points:
            self._points.setdefault(point.file, {}).setdefault(unquote(point.fragment), []).append(point)
        self._here: Mapping[str, list[NavigationPoint]] = {}
        self._chapter = 1
        self._paragraph = 0

    @property
    def anchors(self) -> frozenset[str]:
        """Ids in the file at which a chapter begins."""
        return frozenset(self._here)

    def begin_file(self, name: str) -> None:
        self._here = self._points.get(name, {})
        for point in self._here.get("", ()):
            self._begin_chapter(point.title, point.level)

    def on_block(self, block: Block) -> None:
        for anchor in block.anchors:
            for point in self._here.get(anchor, ()):
                self._begin_chapter(point.title, point.level)
        if not block.text:
            self._builder.add_break()
            return
        if 0 < block.heading <= _CHAPTER_HEADINGS and not self._points:
            self._begin_chapter(one_line(block.text), block.heading)
        self._paragraph += 1
        place = f"chapter {self._chapter}, paragraph {self._paragraph}"
        if block.heading:
            self._builder.add_heading(block.text, place)
        else:
            self._builder.add_paragraph(block.text, place)

    def _begin_chapter(self, title: str, level: int) -> None:
        self._builder.add_chapter(title, level)
        if self._paragraph:
            self._chapter += 1
        self._paragraph = 0


def _front_matter(package: Package, navigation: Navigation, archive: Archive, documents: Sequence[str]) -> set[str]:
    """Return the files that are front matter as a whole: by the guide, the landmarks, or their names. A file that the
    book says begins its text is not, nor is a book of one file."""
    marks = [
        (kind, file) for kind, href in package.guide if "#" not in href and (file := _find(archive, package.path, href))
    ]
    marks += navigation.landmarks
    main = {file for kind, file in marks if kind in _MAIN_TEXT}
    found = {file for kind, file in marks if kind in FRONT_MATTER | NOTES}
    found |= {name for name in documents if has_front_matter_name(name)}
    found |= {name for item in [package.with_property("nav")] if item and (name := package.file(item, archive))}
    return set() if len(documents) == 1 else found - main


def _find(archive: Archive, base: str, href: str) -> str | None:
    """Return the file that a link means, or None if it leads out of the book."""
    try:
        return archive.find(base, href)
    except ScriptError:
        return None


def _cover(package: Package, archive: Archive, builder: ScriptBuilder) -> Cover | None:
    name = package.file(package.cover_id, archive) if package.cover_id else None
    if name is None:
        return None
    try:
        cover = read_cover(archive.read(name, MAX_COVER_BYTES))
    except ScriptError:
        cover = None
    if cover is None:
        builder.warn("The cover is not used: it is no JPEG or PNG that can be read.")
    return cover
