"""Decodes text files."""

from __future__ import annotations

import codecs
import re
from typing import Final

from voxport.scripts.script import ScriptError

MAX_TEXT_BYTES: Final = 32 * 1024**2
"""Of a file of text: more than 4,000,000 characters of any alphabet, with markup."""
MAX_TEXT_LINES: Final = 1_000_000
"""Also empty ones: each takes memory when a text is split."""
_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 and UTF-32 with a byte order mark. Raises ScriptError."""
    if len(content) > MAX_TEXT_BYTES:
        raise ScriptError(
            f"The file has {len(content):,} bytes. A script of text may have {MAX_TEXT_BYTES:,}.",
            details={"bytes": len(content), "max_bytes": MAX_TEXT_BYTES},
        )
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        place = f"line {number}" if encoding.startswith("utf-8") else ""
        raise ScriptError("The file is not encoded in UTF-8. Save it as UTF-8 and send it again.", place) from None
    if (at := text.find("\0")) >= 0:
        number = text.count("\n", 0, at) + 1
        raise ScriptError(
            "The file is not text, or is UTF-16 without a byte order mark. Save it as UTF-8 and send it again.",
            f"line {number}",
        )
    count = 1 + text.count("\n") + text.count("\r") - text.count("\r\n")
    if count > MAX_TEXT_LINES:
        raise ScriptError(
            f"The file has {count:,} lines, with the empty ones. A script of text may have {MAX_TEXT_LINES:,}.",
            details={"lines": count, "max_lines": MAX_TEXT_LINES},
        )
    return text


def text_lines(text: str) -> list[str]:
    """Split a text into lines as an editor counts them: only carriage return and line feed end one."""
    return _LINE_BREAK.split(text)
