"""Judges a take of a line: by its sound and, where a recogniser is set up, by what is heard in it."""

from __future__ import annotations

from functools import partial

from voxport.scripts.hearing import Take, compare_heard
from voxport.scripts.line_check import check_line
from voxport.scripts.models import JobLine
from voxport.scripts.recogniser import Recogniser
from voxport.spoken_lines.service import SpokenLine
from voxport.text.languages import LANGUAGES
from voxport.text.phonemizer import Phonemizer
from voxport.text.ssml.document import Document


class LineJudge:
    def __init__(self, recogniser: Recogniser | None) -> None:
        self._recogniser = recogniser
        self._phonemizer = Phonemizer() if recogniser is not None else None

    def judge(self, spoken: SpokenLine, row: JobLine, document: Document | None) -> Take:
        """Return what is wrong with a line's audio. Raises EngineUnavailable if its text can't be compared by sound."""
        segments = [] if document is None else [segment for line in document.lines for segment in line.segments]
        pauses = [] if document is None else [line.pause or 0.0 for line in document.lines]
        seen = check_line(
            spoken.samples,
            row.text if document is None or row.markup == "none" else document.text,
            expected_seconds=row.expected_milliseconds / 1000,
            words=spoken.words if row.markup == "none" else (),
            max_pause_seconds=max(pauses, default=0.0),
            has_own_level=any(segment.style.decibels for segment in segments),
        )
        if self._recogniser is None or self._phonemizer is None:
            return Take(seen)
        text = row.text if document is None else document.read_text()
        sounds = partial(self._phonemizer.symbols, language=row.language) if row.language in LANGUAGES else None
        heard = compare_heard(
            text, self._recogniser.transcribe(spoken.samples, row.language), row.language, sounds=sounds
        )
        return Take((*seen, *heard.findings), heard.error_rate)
