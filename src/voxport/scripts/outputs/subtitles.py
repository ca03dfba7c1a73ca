"""Writes subtitles of a joined file, with who speaks."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from voxport.scripts.outputs.spoken_sentences import words_or_estimate
from voxport.scripts.rendered import RenderedLine, RenderedScript
from voxport.speech.subtitles import SubtitleFormat, subtitles
from voxport.speech.timestamps import shifted

_ARROW: Final = " --> "


@dataclass(frozen=True)
class _Cue:
    start: int
    """Milliseconds."""
    end: int
    text: str
    """As in a WebVTT file."""
    character: str
    begins_line: bool


def write_script_subtitles(script: RenderedScript, subtitle_format: SubtitleFormat) -> str:
    """Return a file of cues in the times of the joined file. With more than one character in the script, cues of WebVTT
    have the name as voice (`<v Ana>`), and each line of SubRip begins with it (`Ana: `)."""
    cues = _without_overlaps([cue for line in script.lines for cue in _cues(line)])
    has_names = len({line.character for line in script.lines}) > 1
    if subtitle_format == "vtt":
        return "\n\n".join(["WEBVTT", *(_vtt(cue, has_names=has_names) for cue in cues)]) + "\n"
    return "\n\n".join(_srt(number, cue, has_names=has_names) for number, cue in enumerate(cues, 1)) + "\n"


def _cues(line: RenderedLine) -> Iterator[_Cue]:
    words = shifted(words_or_estimate(line), line.start)
    blocks = subtitles(words, line.text, "vtt").rstrip("\n").split("\n\n")[1:]
    for number, block in enumerate(blocks):
        times, _, text = block.partition("\n")
        start, end = map(_milliseconds, times.split(_ARROW))
        if number == len(blocks) - 1:
            end = max(end, round(words[-1].end * 1000))
        yield _Cue(start, end, text, line.character, number == 0)


def _without_overlaps(cues: Sequence[_Cue]) -> list[_Cue]:
    """End each cue before the next one begins: a short last cue of a line stays for a moment, unless another line
    begins then."""
    found = [
        replace(cue, end=min(cue.end, following.start)) if cue.start < following.start else cue
        for cue, following in pairwise(cues)
    ]
    return [*found, *cues[-1:]]


def _vtt(cue: _Cue, *, has_names: bool) -> str:
    voice = f"<v {html.escape(cue.character, quote=False)}>" if has_names else ""
    return f"{_clock(cue.start, '.')}{_ARROW}{_clock(cue.end, '.')}\n{voice}{cue.text}"


def _srt(number: int, cue: _Cue, *, has_names: bool) -> str:
    name = f"{cue.character}: " if has_names and cue.begins_line else ""
    text = html.unescape(cue.text).replace("-->", "→")  # which would be taken for times
    return f"{number}\n{_clock(cue.start, ',')}{_ARROW}{_clock(cue.end, ',')}\n{name}{text}"


def _milliseconds(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds.replace(".", ""))


def _clock(milliseconds: int, mark: str) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
