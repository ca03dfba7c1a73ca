"""Writes audiobooks: AAC in MP4 with chapters, tags and cover (.m4b)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from voxport.audio.arrays import Pcm
from voxport.errors import Unavailable
from voxport.scripts.outputs.chapter_spans import chapter_spans
from voxport.scripts.outputs.long_encoder import PCM_INPUT, run_long_ffmpeg
from voxport.scripts.rendered import RenderedScript
from voxport.scripts.script import Cover
from voxport.storage.workdirs import work_dir

CONTENT_TYPE: Final = "audio/mp4"
BITS_PER_SECOND: Final = 64_000
_GENRE: Final = "Audiobook"
_AUDIOBOOK: Final = "2"
"""Value of iTunes' media type (atom `stik`) by which players file it under audiobooks."""
_SPECIAL: Final = re.compile(r"([=;#\\])")
_CONTROL: Final = re.compile(r"[\0-\x1f\x7f-\x9f\u2028\u2029]+")
_ISO_639_2: Final = {
    "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "hi": "hin", "it": "ita", "ja": "jpn", "nl": "nld", "pl": "pol",
    "pt": "por", "ru": "rus", "zh": "zho",
}  # fmt: skip
"""MP4 has languages of three letters."""
_REPRODUCIBLE: Final = ("-fflags", "+bitexact", "-flags:a", "+bitexact")
_FAST_START: Final = ("-movflags", "+faststart")


def write_m4b(
    path: Path, pieces: Iterable[Pcm], script: RenderedScript, *, ffmpeg: Path, bits_per_second: int = BITS_PER_SECOND
) -> tuple[str, ...]:
    """Write the joined audio of a script, from pieces in order. Memory does not grow with the pieces; ffmpeg's grows by
    5 MB an hour of audio.

    Returns warnings: a cover that ffmpeg can't read is left out. Exceptions of `pieces` propagate. Raises OSError if
    the disk is full, Unavailable if ffmpeg was killed or hangs, RuntimeError if it fails otherwise; then there is no
    file.
    """
    audio, with_cover = (path.with_name(f"{path.name}.{part}.part") for part in ("audio", "cover"))
    try:
        with work_dir() as folder:
            metadata = folder / "metadata.txt"
            metadata.write_text(_metadata(script), "utf-8")
            options = [
                *PCM_INPUT,
                *("-f", "ffmetadata", "-i", f"file:{metadata}"),
                *("-map", "0:a", "-map_metadata", "1", "-map_chapters", "1"),
                *("-c:a", "aac", "-b:a", str(bits_per_second)),
                *_language(script),
                *(_FAST_START if script.cover is None else ()),
            ]
            run_long_ffmpeg(ffmpeg, [*options, *_target(audio)], seconds=script.seconds, pieces=pieces)
            if script.cover is not None and _add_cover(audio, script.cover, with_cover, folder, script, ffmpeg):
                with_cover.replace(path)
                return ()
        audio.replace(path)
        return () if script.cover is None else ("The cover is not in the m4b: its picture can't be read.",)
    finally:
        audio.unlink(missing_ok=True)
        with_cover.unlink(missing_ok=True)


def _add_cover(audio: Path, cover: Cover, target: Path, folder: Path, script: RenderedScript, ffmpeg: Path) -> bool:
    """Copy an audiobook with a cover. Returns False if its picture can't be read."""
    is_png = cover.content_type == "image/png"
    picture = folder / "cover"
    picture.write_bytes(cover.content)
    options = [
        *("-i", f"file:{audio}", "-f", "png_pipe" if is_png else "jpeg_pipe", "-i", f"file:{picture}"),
        *("-map", "0:a", "-map", "1:v:0", "-map_metadata", "0", "-map_chapters", "0", "-c", "copy"),
        *("-disposition:v:0", "attached_pic", *_language(script), *_FAST_START),
    ]
    try:
        run_long_ffmpeg(ffmpeg, [*options, *_target(target)], seconds=script.seconds)
    except (RuntimeError, Unavailable):
        return False
    return True


def _target(path: Path) -> list[str]:
    return [*_REPRODUCIBLE, "-f", "ipod", "-y", f"file:{path.absolute()}"]


def _language(script: RenderedScript) -> list[str]:
    code = _ISO_639_2.get(script.language.partition("-")[0].lower())
    return ["-metadata:s:a:0", f"language={code}"] if code else []


def _metadata(script: RenderedScript) -> str:
    """Return tags and chapters as ffmpeg reads them (https://ffmpeg.org/ffmpeg-formats.html#Metadata-1)."""
    tags = {
        "title": script.title,
        "album": script.title,
        "artist": script.author,
        "album_artist": script.author,
        "genre": _GENRE,
        "media_type": _AUDIOBOOK,
    }
    lines = [";FFMETADATA1", *(f"{name}={_escaped(value)}" for name, value in tags.items() if value)]
    for span in chapter_spans(script):
        start, end = round(span.start * 1000), round(span.end * 1000)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={end}", f"title={_escaped(span.title)}"]
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", _CONTROL.sub(" ", value).strip())
    # ffmpeg takes the line break behind an escaped backslash for an escaped one.
    return f"{escaped} " if escaped.endswith("\\") else escaped
