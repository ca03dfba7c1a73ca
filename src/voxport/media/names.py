"""Names and types that a client gives, made safe."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_CONTENT_TYPE = re.compile(
    rf"(?P<kind>{_WORD})/(?P<subtype>{_WORD})(?P<parameters>(?:\s*;\s*{_WORD}=(?:{_WORD}|\"[ !#-\[\]-~]*\"))*)\s*"
)
_MAX_NAME = 100
_MAX_EXTENSION = 12

# What the decoder reads, by the subtypes that clients send for it.
_SUBTYPES = {
    "audio": {
        *("wav", "x-wav", "wave", "vnd.wave", "x-pn-wav"),
        *("mpeg", "mp3", "x-mp3", "mpeg3", "x-mpeg"),
        *("ogg", "opus", "x-opus+ogg", "vorbis", "x-vorbis+ogg"),
        *("flac", "x-flac"),
        *("mp4", "m4a", "x-m4a", "aac", "x-aac", "aacp", "3gpp", "3gpp2", "amr"),
        *("webm", "matroska", "x-matroska"),
        *("aiff", "x-aiff", "x-caf"),
    },
    "video": {"mp4", "quicktime", "webm", "x-matroska", "matroska", "x-m4v", "3gpp", "3gpp2", "ogg"},
}


def clean_filename(name: str) -> str:
    """A file name of ASCII letters, digits, `.`, `_` and `-`, at most 100 characters, that names no folder.

    The extension survives the cut. A name of which nothing is left becomes `file`.
    """
    last = re.split(r"[/\\]", name.strip())[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")
    stem, dot, extension = safe.rpartition(".")
    if not dot:
        return safe[:_MAX_NAME] or "file"
    extension = extension[:_MAX_EXTENSION]
    return f"{stem[: _MAX_NAME - len(extension) - 1] or 'file'}.{extension}"


@dataclass(frozen=True)
class ContentType:
    kind: str
    subtype: str
    parameters: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.subtype}{self.parameters}"

    @property
    def is_readable(self) -> bool:
        """Whether the decoder reads files of this type."""
        return self.subtype in _SUBTYPES.get(self.kind, set())


def parse_content_type(text: str) -> ContentType | None:
    """The media type in lower case with its parameters in one spelling (`;a=b`), or None where it is none."""
    match = _CONTENT_TYPE.fullmatch(text.strip()) if len(text) <= 255 else None
    if match is None:
        return None
    parameters = re.sub(r"\s*;\s*", ";", match["parameters"])
    return ContentType(match["kind"].lower(), match["subtype"].lower(), parameters)
