"""Removes from a text what files of XML can't hold."""

from __future__ import annotations

import re
from typing import Final

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What is no `Char` of XML 1.0 (section 2.2), and C1 controls."""


def plain_text(text: str) -> str:
    return _NOT_XML.sub("", text)


def plain_line(text: str) -> str:
    """Return a text without line breaks too."""
    return " ".join(plain_text(text).split())
