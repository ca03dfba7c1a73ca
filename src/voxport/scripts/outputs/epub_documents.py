"""Writes the documents of an EPUB 3 with Media Overlays: package, navigation, pages, overlays.

https://www.w3.org/TR/epub-33/, section 9 for overlays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

from voxport.scripts.outputs.chapter_spans import ChapterSpan
from voxport.scripts.outputs.plain_text import plain_line, plain_text
from voxport.scripts.outputs.spoken_sentences import spoken_sentences
from voxport.scripts.rendered import RenderedScript

CONTAINER: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">\n'
    '<rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>\n'
    "</container>\n"
)
ACTIVE_CLASS: Final = "-epub-media-overlay-active"
STYLE: Final = (
    "body { line-height: 1.5; margin: 1em; }\np { margin: 0 0 0.6em; }\n.speaker { font-variant: small-caps; }\n"
    f".{ACTIVE_CLASS} {{ background: #ffe9a8; color: #1a1a1a; }}\n"
)
_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_MIN_CLIP: Final = 0.001
"""Seconds: an overlay's clip is not empty."""


@dataclass(frozen=True)
class Clip:
    """A sentence in a page and in its audio."""

    id: str
    text: str
    begin: float
    """Seconds of the chapter's audio."""
    end: float
    """Where the next one begins, so that pauses are heard."""
    line: int
    """Index in the chapter's lines."""


@dataclass(frozen=True)
class EpubChapter:
    name: str
    """Of its files, without extension."""
    span: ChapterSpan
    audio_name: str | None
    """File in the folder `audio`; None if the chapter has no audio in the book."""
    audio_type: str
    clips: Sequence[Clip]

    @property
    def seconds(self) -> float:
        return sum(round(clip.end, 3) - round(clip.begin, 3) for clip in self.clips)


def chapter_clips(span: ChapterSpan) -> list[Clip]:
    """Return the sentences of a chapter, one after another without a gap."""
    sentences = [(number, each) for number, line in enumerate(span.lines) for each in spoken_sentences(line)]
    clips: list[Clip] = []
    begin = 0.0
    for number, (line, sentence) in enumerate(sentences):
        is_last = number == len(sentences) - 1
        until = span.end if is_last else sentences[number + 1][1].start
        end = max(until - span.start, begin + _MIN_CLIP)
        # The first clip begins with the audio: what is before the first line is heard too.
        clips.append(Clip(f"s{number + 1:05}", sentence.text, begin, end, line))
        begin = end
    return clips


def package_document(
    script: RenderedScript, chapters: Sequence[EpubChapter], cover: tuple[str, str] | None, modified: str
) -> str:
    """`cover` is the file's name and type; `modified` a time such as 2026-01-01T00:00:00Z."""
    spoken = [chapter for chapter in chapters if chapter.audio_name is not None]
    metadata = [
        f'<dc:identifier id="id">{_text(script.identifier)}</dc:identifier>',
        f"<dc:title>{_text(plain_line(script.title) or 'Untitled')}</dc:title>",
        f"<dc:language>{_text(_language(script))}</dc:language>",
        *([f"<dc:creator>{_text(script.author)}</dc:creator>"] if plain_line(script.author) else []),
        f'<meta property="dcterms:modified">{modified}</meta>',
    ]
    items = [
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>',
        '<item id="style" href="style.css" media-type="text/css"/>',
    ]
    if cover is not None:
        items += [
            f'<item id="cover" href="{cover[0]}" media-type="{cover[1]}" properties="cover-image"/>',
            '<item id="cover-page" href="cover.xhtml" media-type="application/xhtml+xml"/>',
        ]
    for chapter in chapters:
        overlay = f' media-overlay="{chapter.name}-overlay"' if chapter.audio_name is not None else ""
        items.append(
            f'<item id="{chapter.name}" href="text/{chapter.name}.xhtml" media-type="application/xhtml+xml"{overlay}/>'
        )
    for chapter in spoken:
        overlay = f"{chapter.name}-overlay"
        items += [
            f'<item id="{overlay}" href="overlays/{chapter.name}.smil" media-type="application/smil+xml"/>',
            f'<item id="{chapter.name}-audio" href="audio/{chapter.audio_name}" media-type="{chapter.audio_type}"/>',
        ]
        metadata.append(f'<meta property="media:duration" refines="#{overlay}">{_clock(chapter.seconds)}</meta>')
    if spoken:
        total = sum(chapter.seconds for chapter in spoken)
        metadata += [
            f'<meta property="media:duration">{_clock(total)}</meta>',
            f'<meta property="media:active-class">{ACTIVE_CLASS}</meta>',
            '<meta property="schema:accessMode">auditory</meta>',
            '<meta property="schema:accessibilityFeature">synchronizedAudioText</meta>',
        ]
    metadata += [
        '<meta property="schema:accessMode">textual</meta>',
        '<meta property="schema:accessModeSufficient">textual</meta>',
        '<meta property="schema:accessibilityHazard">none</meta>',
    ]
    pages = [*(["cover-page"] if cover is not None else []), *(chapter.name for chapter in chapters)]
    spine = "".join(f'<itemref idref="{page}"/>\n' for page in pages)
    return (
        f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" '
        f'xml:lang="{_text(_language(script))}">\n'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">\n{_rows(metadata)}</metadata>\n'
        f"<manifest>\n{_rows(items)}</manifest>\n<spine>\n{spine}</spine>\n</package>\n"
    )


def navigation_document(script: RenderedScript, chapters: Sequence[EpubChapter]) -> str:
    title = plain_line(script.title) or "Contents"
    body = f'<nav epub:type="toc" id="toc"><h1>{_text(title)}</h1>\n{_tree(chapters)}</nav>\n'
    return _page(script, title, body, style="style.css")


def cover_document(script: RenderedScript, cover_name: str) -> str:
    title = _text(plain_line(script.title) or "Cover")
    body = f'<section epub:type="cover"><img src="{cover_name}" alt="{title}"/></section>\n'
    return _page(script, plain_line(script.title) or "Cover", body, style="style.css")


def page_document(script: RenderedScript, chapter: EpubChapter) -> str:
    """Return a chapter's text: a paragraph for each paragraph of the source, with a span for each sentence."""
    span = chapter.span
    has_title = bool(plain_line(script.chapters[span.index].title))
    spans = [_spans(clips) for _, clips in groupby(chapter.clips, lambda clip: clip.line)]
    has_names = len({line.character for line in script.lines}) > 1
    tag = f"h{max(1, min(span.level, 6))}"
    body: list[str] = []
    first = 0
    if plain_line(span.lines[0].text) == span.title:
        body.append(f"<{tag}>{spans[0]}</{tag}>")
        first = 1
    elif has_title:
        body.append(f"<{tag}>{_text(span.title)}</{tag}>")
    speaker = ""
    for number in range(first, len(span.lines)):
        line = span.lines[number]
        if number > first and not line.begins_paragraph and line.character == speaker:
            body[-1] = f"{body[-1].removesuffix('</p>')} {spans[number]}</p>"
            continue
        name = f'<b class="speaker">{_text(line.character)}</b> ' if has_names else ""
        body.append(f"<p>{name}{spans[number]}</p>")
        speaker = line.character
    return _page(script, span.title, f"<section>\n{_rows(body)}</section>\n", style="../style.css")


def overlay_document(chapter: EpubChapter) -> str:
    page, audio = f"../text/{chapter.name}.xhtml", f"../audio/{chapter.audio_name}"
    pars = [
        f'<par id="{clip.id}-par"><text src="{page}#{clip.id}"/>'
        f'<audio src="{audio}" clipBegin="{clip.begin:.3f}s" clipEnd="{clip.end:.3f}s"/></par>'
        for clip in chapter.clips
    ]
    return (
        f'{_XML}<smil xmlns="http://www.w3.org/ns/SMIL" xmlns:epub="http://www.idpf.org/2007/ops" version="3.0">\n'
        f'<body><seq id="seq" epub:textref="{page}">\n{_rows(pars)}</seq></body>\n</smil>\n'
    )


def _page(script: RenderedScript, title: str, body: str, *, style: str) -> str:
    language = _text(_language(script))
    return (
        f"{_XML}<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'xml:lang="{language}" lang="{language}">\n<head><title>{_text(title)}</title>'
        f'<link rel="stylesheet" type="text/css" href="{style}"/></head>\n<body>\n{body}</body>\n</html>\n'
    )


def _tree(chapters: Sequence[EpubChapter]) -> str:
    """Return nested lists: a chapter stands below the last one of a lower level."""
    parts: list[str] = ["<ol>\n"]
    levels: list[int] = []
    for chapter in chapters:
        level = chapter.span.level
        if levels and level > levels[-1]:
            parts.append("<ol>\n")
        else:
            while levels and level <= levels[-1]:
                levels.pop()
                is_sibling = not levels or level > levels[-1]
                parts.append("</li>\n" if is_sibling else "</li>\n</ol>\n")
        levels.append(level)
        parts.append(f'<li><a href="text/{chapter.name}.xhtml">{_text(chapter.span.title)}</a>')
    parts.append("</li>\n" + "</ol></li>\n" * (len(levels) - 1) + "</ol>\n")
    return "".join(parts)


def _spans(clips: Iterator[Clip]) -> str:
    return " ".join(f'<span id="{clip.id}">{_text(clip.text).replace(chr(10), "<br/>")}</span>' for clip in clips)


def _language(script: RenderedScript) -> str:
    return script.language.strip() or "und"


def _text(text: str) -> str:
    return escape(plain_text(text))


def _rows(rows: Sequence[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
