"""Checks of a built site: links, and what the gateway's Content-Security-Policy forbids."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

GATEWAY_PATHS: Final = {"../studio", "../docs", "../openapi.json", "../favicon.ico"}
"""Paths of the gateway that pages link to, as seen from the site's root."""

_LOADING: Final = {"src", "srcset", "poster", "data"}
_LOADED_RELATIONS: Final = {
    "stylesheet",
    "icon",
    "preload",
    "modulepreload",
    "manifest",
    "prefetch",
    "preconnect",
    "dns-prefetch",
}
_FOREIGN = re.compile(
    r"""(?:@import|url\(|fetch\(|import\(|from|new (?:Worker|URL|WebSocket)\()\s*["']?\s*((?:https?:)?//[^\s"')]+)"""
)


@dataclass
class Page:
    """What a page of HTML loads, links to, and may be linked at."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)


def problems(site: Path) -> list[str]:
    """Return a sentence for each link that leads nowhere, each file that would be loaded from another host, and each
    inline script or style. No other host is asked."""
    pages = {
        path.relative_to(site).as_posix(): read_page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))
    }
    found = []
    for name, page in pages.items():
        found += [f"{name}: inline {what}" for what in page.inline]
        found += [f"{name}: {problem}" for url in page.loads if (problem := _load_problem(site, name, url))]
        found += [f"{name}: {problem}" for url in page.links if (problem := _link_problem(site, pages, name, url))]
    for path in sorted([*site.rglob("*.css"), *site.rglob("*.js"), *site.rglob("*.svg")]):
        found += [f"{path.relative_to(site)}: loads {match[1]}" for match in _FOREIGN.finditer(path.read_text("utf-8"))]
    for path in sorted(site.rglob("*.md")):
        found += _twin_problems(site, path)
    return found


def read_page(html: str) -> Page:
    parser = _PageParser()
    parser.feed(html)
    return parser.page


def _load_problem(site: Path, name: str, url: str) -> str | None:
    if urlsplit(url).scheme or url.startswith("//"):
        return f"loads {url}"
    path = _resolve(name, url)
    return None if path in GATEWAY_PATHS or (site / path).is_file() else f"loads {url}, which is not there"


def _link_problem(site: Path, pages: dict[str, Page], name: str, url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme:
        is_good = parts.scheme in ("http", "https", "mailto") and bool(parts.netloc or parts.scheme == "mailto")
        return None if is_good and " " not in url else f"{url} is no address"
    if url.startswith("/"):
        return f"{url} is not relative: the gateway may stand under a path"
    path = _resolve(name, parts.path) if parts.path else name
    if path in GATEWAY_PATHS:
        return None
    if (site / path).is_dir():
        if parts.path.rpartition("/")[2] not in ("", ".", ".."):
            return f"{url} has no slash at its end"
        path = posixpath.normpath(f"{path}/index.html")
    if not (site / path).is_file():
        return f"{url} leads nowhere"
    if parts.fragment and unquote(parts.fragment) not in pages.get(path, Page()).anchors:
        return f"{url} leads to no heading"
    return None


def _twin_problems(site: Path, path: Path) -> Iterator[str]:
    """Yield links of a page in Markdown that lead to no file. Their anchors are those of its HTML."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
        if not urlsplit(target).scheme and not (path.parent / unquote(target)).is_file():
            yield f"{path.relative_to(site)}: {target} leads nowhere"


def _resolve(name: str, url: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(urlsplit(url).path)))


class _PageParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.page.anchors.add(given["id"])
        self.page.loads += [given[name] for name in _LOADING if name in given]
        if tag == "link" and _LOADED_RELATIONS & set(given.get("rel", "").split()):
            self.page.loads.append(given["href"])
        elif "href" in given:
            self.page.links.append(given["href"])
        is_inline = tag == "style" or (tag == "script" and "src" not in given)
        handlers = [name for name in given if name == "style" or name.startswith("on")]
        self.page.inline += ([f"<{tag}>"] if is_inline else []) + [f"{name}= of <{tag}>" for name in handlers]
