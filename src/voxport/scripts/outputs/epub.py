"""Writes EPUB 3 books that are read along: the text of each chapter, its audio, and which sentence is heard when."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from voxport.scripts.outputs.chapter_spans import chapter_spans
from voxport.scripts.outputs.epub_documents import (
    CONTAINER,
    STYLE,
    EpubChapter,
    chapter_clips,
    cover_document,
    navigation_document,
    overlay_document,
    package_document,
    page_document,
)
from voxport.scripts.rendered import RenderedScript

CONTENT_TYPE: Final = "application/epub+zip"
AUDIO_TYPES: Final[Mapping[str, str]] = {".mp3": "audio/mpeg", ".m4a": "audio/mp4"}
"""What every reading system plays (EPUB 3.3, section 3.2), by extension."""
_MODIFIED: Final = "2000-01-01T00:00:00Z"
"""The same for every book: a script that is written again has the same bytes."""
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
_EXTENSIONS: Final = {"image/jpeg": ".jpg", "image/png": ".png"}


def write_epub(path: Path, script: RenderedScript, audio: Mapping[int, Path]) -> None:
    """Write a book. `audio` has the audio file of each chapter by its index in `script.chapters`: the joined audio from
    `start` to `end` of its `chapter_spans`. A chapter without one is only text. The same input gives the same bytes.

    Raises ValueError for an audio file that is not of AUDIO_TYPES, OSError if a file can't be read or written; then
    there is no book.
    """
    chapters = [
        EpubChapter(
            name := f"chapter-{number:04}",
            span,
            f"{name}{audio[span.index].suffix.lower()}" if span.index in audio else None,
            _audio_type(audio[span.index]) if span.index in audio else "",
            chapter_clips(span),
        )
        for number, span in enumerate(chapter_spans(script), 1)
    ]
    cover = script.cover
    cover_file = None if cover is None else (f"cover{_EXTENSIONS[cover.content_type]}", cover.content_type)
    part = path.with_name(f"{path.name}.part")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            _add(archive, "mimetype", CONTENT_TYPE, compress=False)
            _add(archive, "META-INF/container.xml", CONTAINER)
            _add(archive, "EPUB/package.opf", package_document(script, chapters, cover_file, _MODIFIED))
            _add(archive, "EPUB/nav.xhtml", navigation_document(script, chapters))
            _add(archive, "EPUB/style.css", STYLE)
            if cover is not None and cover_file is not None:
                _add(archive, f"EPUB/{cover_file[0]}", cover.content, compress=False)
                _add(archive, "EPUB/cover.xhtml", cover_document(script, cover_file[0]))
            for chapter in chapters:
                _add(archive, f"EPUB/text/{chapter.name}.xhtml", page_document(script, chapter))
                if chapter.audio_name is not None:
                    _add(archive, f"EPUB/overlays/{chapter.name}.smil", overlay_document(chapter))
                    _add_file(archive, f"EPUB/audio/{chapter.audio_name}", audio[chapter.span.index])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _audio_type(path: Path) -> str:
    if path.suffix.lower() not in AUDIO_TYPES:
        raise ValueError(f"{path.name} is not audio that an EPUB holds ({', '.join(AUDIO_TYPES)})")
    return AUDIO_TYPES[path.suffix.lower()]


def _add(archive: zipfile.ZipFile, name: str, content: str | bytes, *, compress: bool = True) -> None:
    archive.writestr(_entry(name, compress=compress), content)


def _add_file(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = _entry(name, compress=False)
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _entry(name: str, *, compress: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry
