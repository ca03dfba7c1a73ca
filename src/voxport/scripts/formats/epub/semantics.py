"""What the vocabularies of EPUB say about a part of a book.

https://www.w3.org/TR/epub-ssv-11/ (epub:type), https://www.w3.org/TR/dpub-aria-1.1/ (role), and the `guide` of EPUB 2.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Final

FRONT_MATTER: Final = frozenset(
    [
        *("cover", "cover-page", "coverpage", "titlepage", "title-page", "halftitlepage", "half-title"),
        *("copyright-page", "copyright", "toc", "landmarks", "loi", "lot", "loa", "lov", "page-list", "dedication"),
        *("colophon", "imprint", "imprimatur", "index", "other-credits", "acknowledgements", "acknowledgments"),
        "bibliography",
    ]
)
"""What is left out of an audiobook unless it is asked for. Index and bibliography stand at the end."""
NOTES: Final = frozenset(
    [
        *("footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes", "note", "annotation", "notes"),
        *("backlink", "pagebreak", "noteref"),
    ]
)
NOTE_REFERENCES: Final = frozenset(["noteref", "annoref"])
_MAX_TYPES: Final = 100
_NAME: Final = re.compile(
    r"(?:x?\d{1,4}[-_. ]?)?(?:cover[-_ ]?(?:page|image)?|(?:half[-_ ]?)?title[-_ ]?(?:page)?|copyright[-_ ]?(?:page)?"
    r"|toc|(?:table[-_ ]?of[-_ ]?)?contents|nav|dedication|colophon|imprint)(?:[-_. ]?\d{1,4})?",
    re.IGNORECASE,
)


def types(attributes: Mapping[str, str]) -> set[str]:
    """Return what an element is, by `epub:type` and `role`."""
    found = attributes.get("epub:type", "").lower().split(maxsplit=_MAX_TYPES)
    roles = attributes.get("role", "").lower().split(maxsplit=_MAX_TYPES)
    return {*found, *(role.removeprefix("doc-") for role in roles if role.startswith("doc-"))}


def has_front_matter_name(path: str) -> bool:
    """Return True for names such as cover.xhtml, title_page.html and 002-copyright.xhtml."""
    return _NAME.fullmatch(posixpath.splitext(posixpath.basename(path))[0]) is not None
