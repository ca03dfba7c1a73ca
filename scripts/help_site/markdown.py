"""What happens to the Markdown of a page before it is shown, and to its HTML after."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Final

_NOT_RUN = re.compile(r"^<!-- not run: .*? -->\n", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r'<h([1-3])(?: id="([^"]+)")?>(.*?)</h\1>', re.DOTALL)
_PERMALINK = re.compile(r'<a class="permalink".*?</a>')
DIAGRAMS: Final = "img/diagrams"
MAX_DESCRIPTION: Final = 200


@dataclass(frozen=True)
class Section:
    """A part of a page under one heading; `anchor` is empty for the part above the first one below the title."""

    title: str
    anchor: str
    text: str


def readable(markdown: str, src_uri: str) -> str:
    """Return the Markdown without the notes for the tests, and without links to files of the repository only."""
    return _outside_code(
        _NOT_RUN.sub("", markdown), lambda text: _LINK.sub(lambda link: _site_link(link, src_uri), text)
    )


def with_diagrams(markdown: str, src_uri: str) -> str:
    """Return the Markdown with pictures in place of diagrams. Each leads to the picture in its full size."""
    folder = posixpath.relpath(DIAGRAMS, posixpath.dirname(src_uri) or ".")
    return _MERMAID.sub(lambda block: "[![Diagram]({0})]({0})".format(f"{folder}/{diagram_name(block[1])}"), markdown)


def diagrams(markdown: str) -> list[str]:
    """Return the sources of the diagrams."""
    return [block[1] for block in _MERMAID.finditer(markdown)]


def diagram_name(source: str) -> str:
    """Return the name of a diagram's picture, which changes with its source."""
    return hashlib.sha256(source.encode()).hexdigest()[:12] + ".svg"


def description(markdown: str) -> str:
    """Return the first sentences of a page, as plain text."""
    for block in _FENCE.sub("", markdown).split("\n\n"):
        text = " ".join(block.split())
        if len(text) > 40 and text[0] not in "#|<!-":
            return _shortened(re.sub(r"[`*]", "", _LINK.sub(r"\1", text)))
    return ""


def slug(text: str, separator: str) -> str:
    """Return a heading's anchor as GitHub makes it, so that links work there and here."""
    return re.sub(r"[^\w\- ]", "", unescape(text).strip().lower()).replace(" ", separator)


def with_scrolling_tables(html: str) -> str:
    return html.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")


def sections(html: str) -> list[Section]:
    """Split a page's HTML at its headings, for the search."""
    found: list[Section] = []
    headings = [*_HEADING.finditer(html)]
    for index, heading in enumerate(headings):
        end = headings[index + 1].start() if index + 1 < len(headings) else len(html)
        anchor = "" if heading[1] == "1" else heading[2]
        found.append(Section(plain_text(heading[3]), anchor, plain_text(html[heading.end() : end])))
    return found


def plain_text(html: str) -> str:
    html = re.sub(r"</?(?:a|code|em|span|strong)\b[^>]*>", "", _PERMALINK.sub("", html))  # inside of a word, too
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def _shortened(text: str) -> str:
    if len(text) <= MAX_DESCRIPTION:
        return text
    whole = text[:MAX_DESCRIPTION].rpartition(". ")[0]
    return f"{whole}." if len(whole) > MAX_DESCRIPTION / 3 else f"{text[:MAX_DESCRIPTION].rpartition(' ')[0]} …"


def _site_link(link: re.Match[str], src_uri: str) -> str:
    text, target = link[1], link[2]
    if re.match(r"[a-z]+:|#", target):
        return link[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(src_uri), target))
    if not path.startswith("../"):
        return link[0]
    file = path.removeprefix("../")
    return text if file in text else f"{text} (`{file}` in the repository)"


def _outside_code(markdown: str, change: Callable[[str], str]) -> str:
    parts: list[str] = []
    end = 0
    for fence in _FENCE.finditer(markdown):
        parts += [change(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(markdown[end:])])
