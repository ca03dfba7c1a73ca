"""Reads files of an EPUB's zip within limits. Nothing is unpacked to disk."""

from __future__ import annotations

import io
import lzma
import posixpath
import stat
import struct
import zipfile
import zlib
from typing import Final
from urllib.parse import unquote

from voxport.scripts.script import ScriptError

MAX_ENTRIES: Final = 10_000
MAX_ENTRY_BYTES: Final = 16 * 1024**2
"""Of one file that is read, unpacked. A novel of 60,000 words in one file has 0.5 MB."""
MAX_TOTAL_BYTES: Final = 96 * 1024**2
"""Of all files that are read, unpacked: a book of 4,000,000 characters has about 10 MB."""
MAX_MARKS: Final = 2_000_000
"""Of `<` and `&` in all XML that is read: the parser takes up to 5 µs for one. A book of 20,000 lines has some 200,000,
one that a word processor saved, with a span for each run, a million."""
_MAX_PATH: Final = 65_535
"""Of a link, in characters: a name in a zip has at most as many bytes, and to decode a longer one takes a hundred times
its memory."""
_MAX_RATIO: Final = 200
"""Unpacked bytes for a packed one. Prose has 3, a table full of one word 50; a bomb up to 1,032."""
_MIN_BOMB_BYTES: Final = 1024**2
_CENTRAL_ENTRY: Final = b"PK\x01\x02"
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for files that are damaged or made to do harm."""


class Archive:
    """The files of a zip by their names. Raises ScriptError for one that is damaged, encrypted, or made to do harm."""

    def __init__(self, content: bytes) -> None:
        entries = content.count(_CENTRAL_ENTRY)  # before zipfile makes an object for each
        if entries > MAX_ENTRIES:
            raise ScriptError(
                f"The EPUB holds {entries:,} files. At most {MAX_ENTRIES:,} are allowed.",
                details={"files": entries, "max_files": MAX_ENTRIES},
            )
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except _DAMAGED:
            raise ScriptError("The file is no EPUB: it is not a zip file, or it is damaged or cut off.") from None
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            _check_name(entry)
            if entry.is_dir():
                continue
            if entry.filename in self._entries:
                raise ScriptError(f"The EPUB holds two files named {_shown(entry.filename)}.")
            self._entries[entry.filename] = entry
        self._plain_names = {name.casefold(): name for name in self._entries}
        self._total_bytes = self._marks = 0

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def find(self, base: str, href: str) -> str | None:
        """Return the name of the file that `href`, without its fragment, means in the file `base`, or None if there is
        none. Raises ScriptError for a path that leaves the book."""
        if len(href) > _MAX_PATH:
            return None
        href = href.partition("#")[0]
        if not href:
            return base
        folder = posixpath.dirname(base)
        for path in (unquote(href), href):
            if "\\" in path or "\0" in path or path.startswith("/") or ":" in path.partition("/")[0]:
                continue
            name = posixpath.normpath(posixpath.join(folder, path))
            if name == ".." or name.startswith("../"):
                raise ScriptError(f"The path {_shown(href)} in {_shown(base)} leads out of the EPUB.")
            if name in self._entries:
                return name
            if (plain := self._plain_names.get(name.casefold())) is not None:
                return plain
        return None

    def read(self, name: str, max_bytes: int = MAX_ENTRY_BYTES) -> bytes:
        """Return a file's content. Raises ScriptError if it can't be read, or is too large."""
        entry = self._entries[name]
        if entry.flag_bits & 0x1:
            raise ScriptError(f"The file {_shown(name)} of the EPUB is encrypted. Send an EPUB without protection.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ScriptError(f"The file {_shown(name)} of the EPUB is compressed in a way that EPUB does not have.")
        limit = min(max_bytes, MAX_TOTAL_BYTES - self._total_bytes)
        ratio = entry.file_size / max(entry.compress_size, 1)
        if entry.file_size > limit or (ratio > _MAX_RATIO and entry.file_size > _MIN_BOMB_BYTES):
            raise _too_large(name, entry.file_size, limit)
        try:
            with self._zip.open(entry) as file:
                content = file.read(limit + 1)
        except _DAMAGED:
            raise ScriptError(f"The file {_shown(name)} of the EPUB is damaged.") from None
        if len(content) > limit:
            raise _too_large(name, len(content), limit)
        self._total_bytes += len(content)
        return content

    def read_xml(self, name: str) -> bytes:
        """Return an XML file's content. Raises ScriptError also for more tags than a book has."""
        content = self.read(name)
        self._marks += content.count(b"<") + content.count(b"&")
        if self._marks > MAX_MARKS:
            raise ScriptError(
                f"The EPUB has more than {MAX_MARKS:,} tags and entities up to {_shown(name)}. Split it into several "
                "books, or save it without the formatting of each word.",
                details={"max_tags": MAX_MARKS},
            )
        return content


def _check_name(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    if (
        is_link
        or name.startswith("/")
        or "\\" in entry.orig_filename
        or "\0" in entry.orig_filename
        or ".." in name.split("/")
        or ":" in name.partition("/")[0]
    ):
        kind = "is a link" if is_link else "has a path that leads out of it, or none that is allowed"
        raise ScriptError(f"The file {_shown(name)} of the EPUB {kind}.")


def _too_large(name: str, size: int, limit: int) -> ScriptError:
    return ScriptError(
        f"The file {_shown(name)} of the EPUB unpacks to {size:,} bytes. At most {max(limit, 0):,} are allowed "
        f"here, and {_MAX_RATIO} for each packed one.",
        details={"bytes": size, "max_bytes": max(limit, 0)},
    )


def _shown(name: str) -> str:
    return ascii(name[:80])
