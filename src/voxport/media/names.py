"""Sanitises file names and content types from clients."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from voxport.audio.codec.encode import FORMATS

_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
# Accepts what browsers write in `blob.type`, although RFC 2045 requires quotes around a comma and forbids a semicolon
# at the end.
_VALUE = r"(?:[A-Za-z0-9!#$%&'*+.,:/=?@^_`|~-]+(?: +[A-Za-z0-9!#$%&'*+.,:/=?@^_`|~-]+)*|\"[ !#-\[\]-~]*\")"
_CONTENT_TYPE = re.compile(
    rf"(?P<kind>{_WORD})/(?P<subtype>{_WORD})(?P<parameters>(?:[ \t]*;(?:[ \t]*{_WORD}[ \t]*=[ \t]*{_VALUE})?)*)[ \t]*"
)
_PARAMETER = re.compile(rf"({_WORD})[ \t]*=[ \t]*({_VALUE})")
_MAX_NAME = 100
_MAX_EXTENSION = 12

# Subtypes that the decoder can read, with the aliases that clients send.
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

# Scripts and books, and the types that clients send for files that they don't know.
_DOCUMENTS = {
    *(("text", "plain"), ("text", "markdown"), ("text", "csv")),
    *(("application", "epub+zip"), ("application", "jsonl"), ("application", "x-ndjson"), ("application", "json")),
    ("application", "octet-stream"),
}


def clean_filename(name: str) -> str:
    """Return a file name of ASCII letters, digits, `.`, `_` and `-`, at most 100 characters, without a directory.

    The extension is kept, also if the name is long or in another alphabet. A name of which nothing is left becomes
    `file`.
    """
    last = re.split(r"[/\\]", name.strip())[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).rstrip("._-")
    stem, dot, extension = safe.rpartition(".")
    if not dot:
        return safe.lstrip("._-")[:_MAX_NAME] or "file"
    extension = extension.lstrip("_-")[:_MAX_EXTENSION]
    return f"{stem.lstrip('._-')[: _MAX_NAME - len(extension) - 1] or 'file'}.{extension}"


# Types that phones and browsers send for any file. The content decides when the file is used.
_GENERIC_TYPES = {("application", "ogg"), ("application", "octet-stream")}


@dataclass(frozen=True)
class ContentType:
    """`parameters` are normalised: `;a=b`, names in lower case, quotes only where a value needs them."""

    kind: str
    subtype: str
    parameters: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.subtype}{self.parameters}"

    @property
    def is_readable(self) -> bool:
        """Whether audio and video of this type are accepted."""
        return self.is_generic or self.subtype in _SUBTYPES.get(self.kind, set())

    @property
    def is_document(self) -> bool:
        """Whether documents of this type are accepted."""
        return (self.kind, self.subtype) in _DOCUMENTS

    @property
    def is_generic(self) -> bool:
        """Whether the type leaves open if the file is audio or video."""
        return (self.kind, self.subtype) in _GENERIC_TYPES


SUBTITLE_TYPES: Final[dict[str, str]] = {"srt": "application/x-subrip;charset=utf-8", "vtt": "text/vtt;charset=utf-8"}
"""Content types of the subtitles that stand beside an audio file, by format and extension."""


def upload_media_type(key: str) -> str:
    """Return the `media_type` with which an upload was announced, by its key."""
    return key.split("/")[2]


def speech_type(key: str) -> str:
    """Return the content type of the gateway's own speech or subtitles, by the extension of its key."""
    extension = key.rpartition(".")[2]
    if extension in SUBTITLE_TYPES:
        return SUBTITLE_TYPES[extension]
    return next((each.content_type for each in FORMATS.values() if key.endswith(each.extension)), "audio/wav")


def speech_kind(key: str) -> Literal["speech", "subtitles", "document"]:
    """Return the kind of a file that core-tts or a script makes."""
    extension = key.rpartition(".")[2]
    if extension in ("epub", "json"):
        return "document"
    return "subtitles" if extension in SUBTITLE_TYPES else "speech"


def subtitles_key(key: str, subtitle_format: str) -> str:
    """Return the key of the subtitles beside the audio file `key`."""
    return f"{key.rpartition('.')[0]}.{subtitle_format}"


def parse_content_type(text: str) -> ContentType | None:
    """Return the media type in lower case with normalised parameters, or None if it is invalid.

    Accepts what browsers write: an unquoted comma, or a semicolon at the end.
    """
    match = _CONTENT_TYPE.fullmatch(text.strip()) if len(text) <= 255 else None
    if match is None:
        return None
    found = _PARAMETER.findall(match["parameters"])
    parameters = "".join(f";{name.lower()}={_normalize_value(value)}" for name, value in found)
    return ContentType(match["kind"].lower(), match["subtype"].lower(), parameters)


def _normalize_value(value: str) -> str:
    """Return a parameter's value without spaces after commas, quoted only if necessary."""
    text = re.sub(r",[ \t]+", ",", value.strip('"'))
    return text if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text) else f'"{text}"'
