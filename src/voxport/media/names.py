"""Names and types that a client gives, made safe."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
# As browsers write them in `blob.type`: RFC 2045 wants quotes around a comma and no semicolon at the end.
_VALUE = r"(?:[A-Za-z0-9!#$%&'*+.,:/=?@^_`|~-]+(?: +[A-Za-z0-9!#$%&'*+.,:/=?@^_`|~-]+)*|\"[ !#-\[\]-~]*\")"
_CONTENT_TYPE = re.compile(
    rf"(?P<kind>{_WORD})/(?P<subtype>{_WORD})(?P<parameters>(?:[ \t]*;(?:[ \t]*{_WORD}[ \t]*=[ \t]*{_VALUE})?)*)[ \t]*"
)
_PARAMETER = re.compile(rf"({_WORD})[ \t]*=[ \t]*({_VALUE})")
_MAX_NAME = 100
_MAX_EXTENSION = 12

# What the decoder reads, by the subtypes that clients send for it.
_SUBTYPES = {
    "audio": {
        *("wav", "x-wav", "wave", "vnd.wave", "x-pn-wav"),
        *("mpeg", "mp3", "x-mp3", "mpeg3", "x-mpeg", "x-mpeg-3", "mpg", "mpa"),
        *("ogg", "x-ogg", "opus", "x-opus+ogg", "vorbis", "x-vorbis", "x-vorbis+ogg", "speex", "x-speex"),
        *("flac", "x-flac"),
        *("mp4", "m4a", "x-m4a", "m4b", "x-m4b", "mp4a-latm", "aac", "x-aac", "aacp", "x-hx-aac-adts"),
        *("3gpp", "3gpp2", "amr", "amr-wb"),
        *("webm", "matroska", "x-matroska"),
        *("aiff", "x-aiff", "x-caf", "caf"),
    },
    "video": {"mp4", "quicktime", "webm", "x-matroska", "matroska", "x-m4v", "3gpp", "3gpp2", "ogg"},
}


def clean_filename(name: str) -> str:
    """A file name of ASCII letters, digits, `.`, `_` and `-`, at most 100 characters, that names no folder.

    The extension survives, of a long name and of one in another alphabet; `file` stands for a name of which nothing is
    left.
    """
    last = re.split(r"[/\\]", name.strip())[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).rstrip("._-")
    stem, dot, extension = safe.rpartition(".")
    if not dot:
        return safe.lstrip("._-")[:_MAX_NAME] or "file"
    extension = extension.lstrip("_-")[:_MAX_EXTENSION]
    return f"{stem.lstrip('._-')[: _MAX_NAME - len(extension) - 1] or 'file'}.{extension}"


# What phones and browsers send for files of any kind: the bytes decide when the file is used.
_GENERIC_TYPES = {("application", "ogg"), ("application", "octet-stream")}


@dataclass(frozen=True)
class ContentType:
    """`parameters` have one spelling: `;a=b`, names in lower case, quotes only where a value needs them."""

    kind: str
    subtype: str
    parameters: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.subtype}{self.parameters}"

    @property
    def is_readable(self) -> bool:
        """Whether files of this type are taken."""
        return self.is_generic or self.subtype in _SUBTYPES.get(self.kind, set())

    @property
    def is_generic(self) -> bool:
        """Whether it says nothing of whether the file is audio or video."""
        return (self.kind, self.subtype) in _GENERIC_TYPES


def parse_content_type(text: str) -> ContentType | None:
    """The media type in lower case with its parameters in one spelling, or None where it is none. Taken as browsers
    write it: with a comma without quotes, or a semicolon at the end."""
    match = _CONTENT_TYPE.fullmatch(text.strip()) if len(text) <= 255 else None
    if match is None:
        return None
    found = _PARAMETER.findall(match["parameters"])
    parameters = "".join(f";{name.lower()}={_normalize_value(value)}" for name, value in found)
    return ContentType(match["kind"].lower(), match["subtype"].lower(), parameters)


def _normalize_value(value: str) -> str:
    """A parameter's value without blanks after commas, in quotes only where it has to have them."""
    text = re.sub(r",[ \t]+", ",", value.strip('"'))
    return text if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text) else f'"{text}"'
