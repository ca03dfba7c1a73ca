"""Hooks of the site generator: pages from the code, twins in Markdown, llms.txt and the index of the search.

The generator calls `on_…` in this order: https://properdocs.org/dev-guide/plugins/#events.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final

from properdocs.structure.files import File, Files

import voxport
from help_site.api_reference import api_pages, openapi_document
from help_site.client_reference import client_page
from help_site.error_reference import error_page
from help_site.markdown import (
    DIAGRAMS,
    description,
    diagram_name,
    diagrams,
    readable,
    sections,
    slug,
    with_diagrams,
    with_scrolling_tables,
)

log = logging.getLogger("properdocs.hooks")

SUMMARY: Final = (
    "Voxport is a self-hosted server that clones voices: a recording of a person becomes a voice that reads any text "
    "aloud, by one HTTP API, on your own machine or at ElevenLabs or MiniMax."
)
_DECISIONS: Final = "decisions/"
_twins: dict[str, str] = {}
_rows: list[tuple[str, str, str, str]] = []


def on_config(config: Any) -> Any:
    _twins.clear()
    _rows.clear()
    config.extra["version"] = voxport.__version__
    # No text of a heading is a link in itself: a sign behind it is.
    config.mdx_configs["toc"] |= {
        "slugify": slug,
        "permalink": "#",
        "permalink_class": "permalink",
        "permalink_title": "Link to this section",
    }
    return config


def on_files(files: Files, config: Any) -> Files:
    document = openapi_document()
    pages = {**api_pages(document), "errors": error_page(), "client": client_page()}
    for name, markdown in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=markdown))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    src_uri = page.file.src_uri
    markdown = readable(markdown, src_uri)
    _twins[src_uri] = markdown
    page.meta["description"] = description(markdown)
    for source in diagrams(markdown):
        if files.get_file_from_path(f"{DIAGRAMS}/{diagram_name(source)}") is None:
            log.warning(f"{src_uri}: a diagram has no picture. Run: python scripts/render_diagrams.py")
    return with_diagrams(markdown, src_uri)


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    html = with_scrolling_tables(html)
    found = sections(html)
    title = found[0].title if found else page.title
    for section in found:
        path = page.url.removeprefix("./") + (f"#{section.anchor}" if section.anchor else "")
        _rows.append((title, section.title, path, section.text))
    return html


def on_nav(nav: Any, config: Any, files: Files) -> Any:
    config.extra["nav"] = nav
    return nav


def on_post_build(config: Any) -> None:
    site = Path(config.site_dir)
    for src_uri, markdown in _twins.items():
        path = site / src_uri
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(markdown, "utf-8")
    for path in site.glob("sitemap.xml*"):  # lists absolute addresses, which a gateway of one's own has not
        path.unlink()
    (site / "search.json").write_text(json.dumps(_rows, ensure_ascii=False, separators=(",", ":")), "utf-8")
    (site / "llms.txt").write_text(_llms_text(config.extra["nav"]), "utf-8")


def _llms_text(nav: Any) -> str:
    """Return the list of pages in the form of llmstxt.org. Its links are relative to its own address."""
    lines = ["# Voxport", "", f"> {SUMMARY}", ""]
    for item in nav.items:
        if not item.children:
            continue
        lines += [f"## {item.title}", ""]
        for page in item.children:
            lines.append(f"- [{page.title}]({page.file.src_uri}): {page.meta['description']}".rstrip(": "))
        lines.append("")
    lines += ["## Optional", "", "- [OpenAPI document](../openapi.json): every operation, for programs", ""]
    return "\n".join(lines)
