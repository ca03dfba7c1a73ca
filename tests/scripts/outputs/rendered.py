"""Spoken scripts for the tests of what is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.providers.base import SpokenWord
from voxport.scripts.rendered import RenderedLine, RenderedScript
from voxport.scripts.script import Chapter, Cover

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde"
    b"\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82"
)
IDENTIFIER = "urn:uuid:6f1d1c1e-6f3b-4f6e-9d0a-2b8a3f9f8f4e"


def words(text: str, seconds: float) -> list[SpokenWord]:
    """Return the words of a text, each as long as another. A sentence ends with its mark."""
    found = list(re.finditer(r"[\w'’-]+", text))
    each = seconds / len(found)
    sentence = 0
    spoken: list[SpokenWord] = []
    for number, word in enumerate(found):
        spoken.append(SpokenWord(word.start(), word.end(), sentence, number * each, (number + 1) * each))
        sentence += any(mark in text[word.end() : word.end() + 2] for mark in ".!?")
    return spoken


def spoken_script(
    chapters: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    *,
    title: str = "The Ferry",
    cover: Cover | None = None,
    with_words: bool = True,
    levels: Sequence[int] = (),
    seconds: float = 2.0,
) -> RenderedScript:
    """Return a script of chapters, each with characters and texts. A line takes `seconds`, the pause behind it a
    quarter of that."""
    lines: list[RenderedLine] = []
    for index, (_, spoken) in enumerate(chapters):
        for character, text in spoken:
            start = 1.25 * seconds * len(lines)
            times = words(text, seconds) if with_words else ()
            lines.append(RenderedLine(f"{len(lines) + 1:04}", character, text, index, start, start + seconds, times))
    return RenderedScript(
        lines=lines,
        chapters=[
            Chapter(name, level) for (name, _), level in zip(chapters, levels or [1] * len(chapters), strict=True)
        ],
        seconds=1.25 * seconds * len(lines),
        title=title,
        author="Ana Müller",
        language="en-us",
        cover=cover,
        identifier=IDENTIFIER,
    )


def tone(seconds: float, piece: float = 0.5) -> Iterator[Pcm]:
    """Yield a tone in pieces."""
    samples = round(piece * SAMPLE_RATE)
    wave = (8000 * np.sin(np.arange(samples) * 2 * np.pi * 220 / SAMPLE_RATE)).astype(np.int16)
    for _ in range(round(seconds / piece)):
        yield wave
