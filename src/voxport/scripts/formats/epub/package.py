"""Reads container and package document: metadata, the spine, the cover, and where the table of contents is."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from voxport.scripts.formats.builder import LANGUAGE_CODE
from voxport.scripts.formats.epub.archive import Archive
from voxport.scripts.formats.epub.xml_events import parse_xml, title_of
from voxport.scripts.script import ScriptError

_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_PROTECTIONS: Final = ("META-INF/license.lcpl", "META-INF/sinf.xml")
_FONT_ALGORITHMS: Final = frozenset(["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"])
_OTHER_FILES: Final = {
    "word/document.xml": "a Word document: save it as plain text in UTF-8, or as an EPUB",
    "xl/workbook.xml": "a workbook of Excel: save its sheet as CSV in UTF-8",
    "content.xml": "a document of LibreOffice: save a text as plain text in UTF-8, a sheet as CSV",
}
"""What other archives hold, and what to do with them."""
_MIMETYPE: Final = b"application/epub+zip"
_TEXT_TYPES: Final = frozenset(
    ["application/xhtml+xml", "text/html", "application/html+xml", "text/x-oeb1-document", "application/x-dtbook+xml"]
)
_MAX_PROPERTIES: Final = 100


@dataclass(frozen=True)
class Item:
    """An item of the manifest."""

    href: str
    media_type: str = ""
    properties: frozenset[str] = frozenset()
    fallback: str = ""


@dataclass
class Package:
    path: str
    titles: list[str] = field(default_factory=list)
    creators: list[tuple[str, str]] = field(default_factory=list)
    """Role and name."""
    language: str | None = None
    items: dict[str, Item] = field(default_factory=dict)
    spine: list[tuple[str, bool]] = field(default_factory=list)
    """Id of an item, and whether it is part of the main reading order."""
    ncx_id: str = ""
    cover_id: str = ""
    guide: list[tuple[str, str]] = field(default_factory=list)
    """Type and href."""

    @property
    def title(self) -> str:
        return next(iter(self.titles), "")

    @property
    def author(self) -> str:
        authors = [name for role, name in self.creators if role in ("", "aut")] or [name for _, name in self.creators]
        return ", ".join(authors[:5])

    def documents(self, archive: Archive) -> list[str]:
        """Return the names of the files of the main reading order. Raises ScriptError for one that is missing, or that
        is not text, and if one stands there twice."""
        found: list[str] = []
        seen: set[str] = set()
        for item_id, is_linear in self.spine:
            name = self._text_of(item_id, archive)
            if name in seen:
                raise ScriptError(f"The spine lists {name[:80]!r} twice.", self.path)
            seen.add(name)
            if is_linear:
                found.append(name)
        return found

    def file(self, item_id: str, archive: Archive) -> str | None:
        """Return the name of an item's file, or None if there is none."""
        item = self.items.get(item_id)
        return None if item is None else archive.find(self.path, item.href)

    def with_property(self, name: str) -> str:
        """Return the id of the first item that has a property, or ""."""
        return next((key for key, item in self.items.items() if name in item.properties), "")

    def _text_of(self, item_id: str, archive: Archive) -> str:
        """Return the file of an item of the spine, or of its fallback that is text."""
        seen: set[str] = set()
        while True:
            item = self.items.get(item_id)
            if item is None:
                raise ScriptError(
                    f"The spine names the item {item_id[:80]!r}, which is not in the manifest.", self.path
                )
            if item_id in seen:
                raise ScriptError(f"The fallback of the item {item_id[:80]!r} leads back to it.", self.path)
            seen.add(item_id)
            if item.media_type in _TEXT_TYPES or not item.media_type:
                break
            if not item.fallback:
                raise ScriptError(f"The chapter {item.href[:80]!r} is {item.media_type[:40]!r}, no text.", self.path)
            item_id = item.fallback
        name = archive.find(self.path, item.href)
        if name is None or name == self.path:
            raise ScriptError(f"The chapter {item.href[:80]!r} is missing in the EPUB.", self.path)
        return name


def read_package(archive: Archive) -> Package:
    """Raises ScriptError if the archive is no EPUB, or a protected one."""
    if (
        _CONTAINER in archive
        and "mimetype" in archive
        and archive.read("mimetype", 1024).strip(b"\xef\xbb\xbf \t\r\n") != _MIMETYPE
    ):
        raise ScriptError("The file is no EPUB: its mimetype is another.", "mimetype")
    if _CONTAINER not in archive:
        kind = next((kind for name, kind in _OTHER_FILES.items() if name in archive), None)
        if kind is not None:
            raise ScriptError(f"This is {kind}.")
        raise ScriptError(f"The file is no EPUB: it has no {_CONTAINER}.")
    _check_protection(archive)
    container = _Container()
    parse_xml(archive.read_xml(_CONTAINER), container, _CONTAINER)
    path = None if container.path is None else archive.find("", container.path)
    if not path or path == _CONTAINER:
        raise ScriptError("It names no package document that the EPUB has.", _CONTAINER)
    reader = _PackageReader(Package(path))
    parse_xml(archive.read_xml(path), reader, path)
    if not reader.package.spine:
        raise ScriptError("The package document has no spine, so the EPUB has no text.", path)
    reader.finish()
    return reader.package


def _check_protection(archive: Archive) -> None:
    is_protected = any(name in archive for name in _PROTECTIONS)
    if _ENCRYPTION in archive:
        encryption = _Encryption()
        parse_xml(archive.read_xml(_ENCRYPTION), encryption, _ENCRYPTION)
        is_protected = is_protected or bool(encryption.algorithms - _FONT_ALGORITHMS) or encryption.has_unknown
    if is_protected:
        raise ScriptError("The EPUB is protected (DRM), so its text can't be read. Send one without protection.")


class _Silent:
    def on_start(self, tag: str, attributes: Mapping[str, str]) -> None: ...

    def on_end(self, tag: str) -> None: ...

    def on_text(self, text: str) -> None: ...


class _Container(_Silent):
    path: str | None = None

    def on_start(self, tag: str, attributes: Mapping[str, str]) -> None:
        kind = attributes.get("media-type", "application/oebps-package+xml")
        if tag == "rootfile" and self.path is None and kind == "application/oebps-package+xml":
            self.path = attributes.get("full-path")


class _Encryption(_Silent):
    def __init__(self) -> None:
        self.algorithms: set[str] = set()
        self._methods = 0
        self._data = 0

    @property
    def has_unknown(self) -> bool:
        """True if something is encrypted without saying how."""
        return self._data > self._methods

    def on_start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "encrypteddata":
            self._data += 1
        elif tag == "encryptionmethod":
            self._methods += 1
            self.algorithms.add(attributes.get("Algorithm", ""))


class _PackageReader(_Silent):
    def __init__(self, package: Package) -> None:
        self.package = package
        self._text: list[str] | None = None
        self._attributes: Mapping[str, str] = {}
        self._creator_ids: list[str] = []
        self._roles: dict[str, str] = {}
        self._cover_meta = ""

    def on_start(self, tag: str, attributes: Mapping[str, str]) -> None:
        package = self.package
        if tag in ("title", "creator", "language", "meta"):
            self._text, self._attributes = [], attributes
            if tag == "meta" and attributes.get("name", "").lower() == "cover":
                self._cover_meta = attributes.get("content", "")
        elif tag == "item":
            properties = frozenset(attributes.get("properties", "").split(maxsplit=_MAX_PROPERTIES))
            package.items.setdefault(
                attributes.get("id", ""),
                Item(
                    attributes.get("href", ""),
                    attributes.get("media-type", "").strip().lower(),
                    properties,
                    attributes.get("fallback", ""),
                ),
            )
        elif tag == "spine":
            package.ncx_id = attributes.get("toc", "")
        elif tag == "itemref":
            package.spine.append((attributes.get("idref", ""), attributes.get("linear", "yes").lower() != "no"))
        elif tag == "reference":
            package.guide.append((attributes.get("type", "").lower(), attributes.get("href", "")))

    def on_text(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def on_end(self, tag: str) -> None:
        if tag not in ("title", "creator", "language", "meta") or self._text is None:
            return
        text = title_of(self._text)
        self._text = None
        if tag == "meta" and self._attributes.get("property") == "role":
            self._roles[self._attributes.get("refines", "").removeprefix("#")] = text
        elif tag == "title" and text:
            self.package.titles.append(text)
        elif tag == "creator" and text:
            self.package.creators.append((self._attributes.get("opf:role", "").lower(), text))
            self._creator_ids.append(self._attributes.get("id", ""))
        elif tag == "language" and self.package.language is None and LANGUAGE_CODE.fullmatch(text):
            self.package.language = text.replace("_", "-")

    def finish(self) -> None:
        """Add what refers to something that may stand later."""
        package = self.package
        package.creators = [
            (role or self._roles.get(item_id, "").lower(), name)
            for (role, name), item_id in zip(package.creators, self._creator_ids, strict=True)
        ]
        package.cover_id = package.with_property("cover-image")
        if not package.cover_id and self._cover_meta:
            # `content` is an item's id; some books have its href there.
            by_href = {posixpath.normpath(item.href): key for key, item in package.items.items()}
            is_id = self._cover_meta in package.items
            package.cover_id = self._cover_meta if is_id else by_href.get(self._cover_meta, "")
        if package.ncx_id not in package.items:
            ncx = (key for key, item in package.items.items() if item.media_type == "application/x-dtbncx+xml")
            package.ncx_id = next(ncx, "")
