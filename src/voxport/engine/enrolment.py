"""A speaker from a recording: the nearest mix of stock voices, refined by listening, with the speaker's pitch.

First version. A fit of the style numbers by gradient will start from this mix and replace the search; what it has
to return is the same: a `Voice`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from voxport.engine.arrays import Floats
from voxport.engine.errors import SampleNotEnrollable
from voxport.engine.languages import SAMPLE_RATE
from voxport.engine.listening import Listener
from voxport.engine.phonemizer import Phonemizer
from voxport.engine.pitch import log_f0, spread
from voxport.engine.planner import plan
from voxport.engine.search import Candidate, search
from voxport.engine.speaker import SpeakerEncoder
from voxport.engine.synthesizer import Synthesizer
from voxport.engine.tuning import tuned
from voxport.engine.voice import Voice

_LANGUAGE: Final = "en-us"
"""Of the probe sentences, and the default of a cloned voice: what the speaker spoke is not known here."""
_PROBES: Final = (
    "The old boat drifted slowly along the quiet river.",
    "She found a better answer in a small yellow book.",
)
_MELODIES: Final = (
    "We could hear the children laughing behind the garden wall.",
    "Could you tell me when the next train leaves for the city?",
    "It was a long winter, and nobody had expected the snow to stay.",
    "Thank you very much, I will call you again tomorrow morning.",
)
"""Further sentences over which the pitch is predicted, so that its middle is the voice's, not one sentence's."""
_LISTENED: Final = 3
"""Sentences that are spoken to verify the pitch of a persistent clone; an instant one has time for one."""
_ALONE: Final = 3
"""Stock voices, the nearest by the table, that a persistent clone listens to one by one."""
_STEPS: Final = 6


@dataclass(frozen=True)
class _Speaker:
    embedding: Floats  # [256]
    median: float  # Hz
    width: float  # deviation of log Hz


def enrol(
    audio: Floats,
    synthesizer: Synthesizer,
    encoder: SpeakerEncoder,
    phonemizer: Phonemizer,
    *,
    quick: bool,
    progress: Callable[[float], None] | None,
) -> Voice:
    """The voice of the speaker in `audio` (float32 mono, 24 kHz). Raises SampleNotEnrollable.

    By the encoder and on the probe sentences it is never further from the speaker than the nearest stock voice,
    moved to the speaker's pitch and given the rhythm of the language.
    """
    speaker = _heard(audio, encoder)
    chunks = [chunk for text in (*_PROBES, *_MELODIES) for chunk in plan(text, _LANGUAGE, phonemizer)]
    probes = chunks[: 1 if quick else len(_PROBES)]
    listener = Listener(synthesizer, encoder, probes, speaker.median)
    alone, steps = (1, 0) if quick else (_ALONE, _STEPS)
    tell = progress or (lambda _: None)
    found: list[Candidate] = []
    for candidate in search(speaker.embedding, speaker.median, listener, _LANGUAGE, alone, steps):
        found.append(candidate)
        tell(len(found) / (alone + steps + 3))
    best = max(found, key=lambda one: one.score)
    listened, rounds = (1, 1) if quick else (_LISTENED, 2)
    voice = tuned(
        best.voice,
        chunks,
        synthesizer,
        median=speaker.median,
        width=speaker.width,
        listened=listened,
        rounds=rounds,
    )
    tell(1.0)
    return voice


def _heard(audio: Floats, encoder: SpeakerEncoder) -> _Speaker:
    samples = np.asarray(audio, np.float32)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise SampleNotEnrollable("The recording is not one channel of finite samples.")
    embedding = encoder.embed(samples)
    values = log_f0(samples, SAMPLE_RATE)
    if not values.size:
        raise SampleNotEnrollable("The recording has no voice in it.")
    return _Speaker(embedding, float(np.exp(np.median(values))), spread(values))
