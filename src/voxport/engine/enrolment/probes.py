"""The sentences on which the pitch, the rate and the spectrum of a voice are predicted and measured."""

from __future__ import annotations

from typing import Final

from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.planner import plan
from voxport.text.phonemizer import Phonemizer

PROBE_LANGUAGE: Final = "en-us"
"""Language of the probe sentences, and of a cloned voice: the language of the recording is unknown."""
PROBE_TEXTS: Final = (
    "The old boat drifted slowly along the quiet river.",
    "She found a better answer in a small yellow book.",
    "We could hear the children laughing behind the garden wall.",
    "Could you tell me when the next train leaves for the city?",
    "It was a long winter, and nobody had expected the snow to stay.",
    "Thank you very much, I will call you again tomorrow morning.",
)
"""Sentences for which the pitch is predicted, several so that its median is the voice's and not one sentence's."""


def probe_chunks(phonemizer: Phonemizer) -> list[Chunk]:
    return [chunk for text in PROBE_TEXTS for chunk in plan(text, PROBE_LANGUAGE, phonemizer)]
