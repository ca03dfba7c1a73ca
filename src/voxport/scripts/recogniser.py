"""Opens the speech recogniser of the operator's choice, which is an entry point; faster-whisper is a ready one."""

from __future__ import annotations

import threading
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import soxr

from voxport.audio.arrays import SAMPLE_RATE, Pcm

ENTRY_POINT_GROUP: Final = "voxport.recognisers"
_WHISPER_RATE: Final = 16_000
_PADDING: Final = np.zeros(_WHISPER_RATE // 2, np.float32)
"""Whisper hears words of its own in less than a second without silence around it."""


class Recogniser(Protocol):
    """What the function behind the entry point returns. It is called in several threads at once."""

    def transcribe(self, samples: Pcm, language: str) -> str:
        """Return what is heard; `language` is a code of the text's (`en-us`, `fr-fr`, `ja`)."""
        ...


class RecogniserFactory(Protocol):
    """The function behind the entry point. Raises ValueError, in a sentence for the operator."""

    def __call__(self, *, model: Path | None) -> Recogniser: ...


def open_recogniser(name: str | None, *, model: Path | None) -> Recogniser | None:
    """Load the entry point `name`; None without one. Raises ValueError if it is not installed or can't be opened, so
    that a gateway never starts without its configured recogniser."""
    if name is None:
        return None
    found = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in found:
        there = ", ".join(sorted(found)) or "none"
        raise ValueError(
            f"VOXPORT_RECOGNISER: no package brings {name!r} in the group {ENTRY_POINT_GROUP}; installed: {there}"
        )
    try:
        factory: RecogniserFactory = found[name].load()
        return factory(model=model)
    except Exception as error:
        raise ValueError(f"VOXPORT_RECOGNISER: {name!r} can't be opened: {error}") from error


def open_faster_whisper(*, model: Path | None) -> Recogniser:
    """Open a Whisper model in CTranslate2's format. Nothing is ever downloaded: `model` is its folder."""
    if find_spec("faster_whisper") is None:
        raise ValueError("faster-whisper is not installed: pip install faster-whisper")
    if model is None or not (model / "model.bin").is_file():
        raise ValueError("VOXPORT_RECOGNISER_MODEL has to be the folder of a CTranslate2 model, with its model.bin")
    return FasterWhisper(model)


class FasterWhisper:
    """Whisper by faster-whisper, on the processor. It is loaded with the first line; calls run one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._model: Any = None

    def transcribe(self, samples: Pcm, language: str) -> str:
        audio = np.asarray(soxr.resample(samples.astype(np.float32) / 32_768, SAMPLE_RATE, _WHISPER_RATE), np.float32)
        with self._lock:
            if self._model is None:
                from faster_whisper import WhisperModel

                self._model = WhisperModel(
                    str(self._folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
                )
            segments, _ = self._model.transcribe(
                np.concatenate([_PADDING, audio, _PADDING]),
                language=language[:2],
                beam_size=5,
                temperature=0.0,
                condition_on_previous_text=False,
            )
            return " ".join(segment.text.strip() for segment in segments)
